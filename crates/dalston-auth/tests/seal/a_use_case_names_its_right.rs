use dalston_auth::{Caller, Permit, Refusal, rights::JobsWrite};

fn create_job(_: &Permit<JobsWrite>) {}

fn run(caller: &Caller) -> Result<(), Refusal> {
    create_job(caller);
    create_job(&caller.authorize(dalston_auth::Need::Caller)?);
    Ok(())
}

fn main() {}

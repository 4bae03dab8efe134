use dalston_auth::{Caller, Permit, RejectionReason, rights::JobsWrite};

fn create_job(_: &Permit<JobsWrite>) {}

fn run(caller: &Caller) -> Result<(), RejectionReason> {
    create_job(caller);
    create_job(&caller.authorize(dalston_auth::Requirement::Caller)?);
    Ok(())
}

fn main() {}

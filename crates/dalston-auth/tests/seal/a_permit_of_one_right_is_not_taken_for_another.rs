use dalston_auth::{Permit, rights};

fn create_tenant(_: &Permit<rights::Platform>) {}

fn create_job(_: &Permit<rights::JobsWrite>) {}

fn mix(reader: Permit<rights::JobsRead>, anybody: Permit<rights::Authenticated>, admin: Permit<rights::Admin>) {
    create_job(&reader);
    create_tenant(&anybody);
    create_tenant(&admin);
}

fn main() {}

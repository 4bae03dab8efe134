use dalston_auth::{Caller, Permit, rights::Platform};
use std::marker::PhantomData;

fn forge(caller: Caller) -> Permit<Platform> {
    Permit { caller, right: PhantomData }
}

fn main() {}

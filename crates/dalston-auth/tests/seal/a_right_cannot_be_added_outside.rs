use dalston_auth::{Requirement, Right};

enum Everything {}

impl Right for Everything {
    fn need() -> Requirement {
        Requirement::Caller
    }
}

fn main() {}

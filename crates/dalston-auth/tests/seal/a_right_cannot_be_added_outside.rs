use dalston_auth::{Requirement, Right};

enum Everything {}

impl Right for Everything {
    fn requirement() -> Requirement {
        Requirement::Caller
    }
}

fn main() {}

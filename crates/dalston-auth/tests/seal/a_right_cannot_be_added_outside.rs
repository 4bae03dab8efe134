use dalston_auth::{Need, Right};

enum Everything {}

impl Right for Everything {
    fn need() -> Need {
        Need::Caller
    }
}

fn main() {}

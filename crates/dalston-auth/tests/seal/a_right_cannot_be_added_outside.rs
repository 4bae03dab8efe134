use dalston_auth::{Need, Right};

enum Everything {}

impl Right for Everything {
    const NEED: Need = Need::Caller;
}

fn main() {}

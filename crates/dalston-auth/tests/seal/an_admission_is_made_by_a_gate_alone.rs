use dalston_auth::{Admission, Caller, Requirement};
use dalston_model::{Principal, Scope};

fn forge(caller: Caller) -> Admission {
    Admission::new(caller, Requirement::Scope(Scope::Platform))
}

fn convert(principal: Principal) -> Admission {
    principal.into()
}

fn main() {}

use dalston_auth::{Admission, Caller, Need};
use dalston_model::{Principal, Scope};

fn forge(caller: Caller) -> Admission {
    Admission::new(caller, Need::Scope(Scope::Platform))
}

fn convert(principal: Principal) -> Admission {
    principal.into()
}

fn main() {}

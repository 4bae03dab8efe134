use dalston_auth::Caller;
use dalston_model::{Principal, Source, TenantId};

fn forge() -> Caller {
    Caller::new(Principal::operator(TenantId::default()), Source::gateway())
}

fn convert(principal: Principal) -> Caller {
    principal.into()
}

fn main() {}

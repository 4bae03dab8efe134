//! `/v1`.

mod tenants;
mod transcriptions;

//! `/v1`.

mod stream;
mod tenants;
mod transcriptions;
mod upload;

//! `/v1`.

mod audit;
mod stream;
mod tenants;
mod transcriptions;
mod upload;
mod webhooks;

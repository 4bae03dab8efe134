//! `/v1`.

mod audit;
mod jobs;
mod stream;
mod tenants;
mod transcriptions;
mod upload;
mod webhooks;

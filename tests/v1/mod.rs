//! `/v1`.

mod stream;
mod upload;

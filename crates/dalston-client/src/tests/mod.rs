//! Against servers that answer to the byte.

mod client;
mod server;
mod verifier;

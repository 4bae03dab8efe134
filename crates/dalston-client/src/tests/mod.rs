//! Tests of the client against servers whose responses are set byte by byte.

mod client;
mod server;
mod verifier;

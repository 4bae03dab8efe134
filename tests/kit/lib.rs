//! The test kit: servers, and stores to run the contract on.

pub mod servers;
pub mod stores;

//! The test kit: stores to run the contract on.

pub mod stores;

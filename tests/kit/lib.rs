//! The test kit: servers, stores to run the contract on, a gateway on a socket, actors who use it, and the log.

pub mod app;
pub mod bot_api;
pub mod client;
pub mod deaf;
pub mod engine_server;
pub mod feed;
pub mod foreign;
pub mod line;
pub mod log;
pub mod model_server;
pub mod openai;
pub mod process;
pub mod program;
pub mod raw;
pub mod receiver;
pub mod s3;
pub mod scribe;
pub mod servers;
pub mod shell;
pub mod socket;
pub mod stores;
pub mod wav;
pub mod worker_server;
pub mod workers;

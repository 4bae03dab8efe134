//! All that crosses a process or a socket.

mod admission;
mod auth;
mod cli;
mod envelope;
mod help;
mod house;
mod mcp;
mod process;
mod seed;
mod servers;
mod status;
mod storage;
mod stores;
mod table;
mod v1;
mod wire;

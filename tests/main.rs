//! All that crosses a process or a socket.

mod admission;
mod auth;
mod call;
mod cli;
mod connections;
mod engine;
mod envelope;
mod help;
mod house;
mod log;
mod mcp;
mod model;
mod nudge;
mod openai;
mod process;
mod seed;
mod servers;
mod shares;
mod snapshots;
mod status;
mod storage;
mod stores;
mod table;
mod telegram;
mod v1;
mod wire;

//! All that crosses a process or a socket.

mod auth;
mod cli;
mod envelope;
mod help;
mod house;
mod process;
mod seed;
mod servers;
mod status;
mod stores;
mod table;
mod v1;
mod wire;

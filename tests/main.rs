//! All that crosses a process or a socket.

mod auth;
mod cli;
mod house;
mod process;
mod servers;
mod stores;
mod table;
mod v1;

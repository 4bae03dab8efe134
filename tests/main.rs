//! All that crosses a process or a socket.

mod auth;
mod house;
mod process;
mod servers;
mod stores;
mod v1;

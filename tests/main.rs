//! All that crosses a process or a socket.

mod auth;
mod process;
mod servers;
mod stores;
mod v1;

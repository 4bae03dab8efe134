//! All that crosses a process or a socket.

mod auth;
mod servers;
mod stores;
mod table;

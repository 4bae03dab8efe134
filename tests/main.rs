//! All that crosses a process or a socket.

mod auth;
mod envelope;
mod servers;
mod stores;
mod table;

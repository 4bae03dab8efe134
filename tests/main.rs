//! All that crosses a process or a socket.

mod auth;
mod house;
mod servers;
mod stores;

//! All that crosses a process or a socket.

mod servers;
mod stores;

//! All that crosses a process or a socket.

mod python_seed;
mod redis;
mod servers;
mod stores;

//! All that crosses a process or a socket.

mod stores;

//! Live audio: the connection to a worker, and the built-in worker.
//!
//! A session has a [`WorkerLink`]: frames of the client go in, messages for the client come out, both through channels of
//! a few places, so whoever is slow slows whoever sends. Audio and text are passed on as they came: only the two sockets
//! copy them.

mod builtin;
mod config;
mod frame;
mod link;
mod remote;
mod samples;

pub use builtin::{BuiltinWorker, VadWorker};
pub use config::{Encoding, StreamConfig};
pub use frame::{ClientFrame, WorkerEvent, WorkerEventKind};
pub use link::{WorkerEnd, WorkerLink};
pub use remote::{LinkError, connect};

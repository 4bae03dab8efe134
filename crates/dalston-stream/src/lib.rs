//! Live audio: the connection to a worker, and the built-in worker.
//!
//! A session has a [`WorkerLink`]: it carries frames of the client to the worker, and messages of the worker to the
//! client. Both directions are bounded channels with few places, so a slow receiver slows down the sender
//! (back-pressure). Audio and text are forwarded unchanged. Only the two sockets copy them.

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

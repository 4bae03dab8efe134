//! The two ends of a session with a worker.

use crate::{ClientFrame, WorkerEvent};
use tokio::sync::mpsc;

/// Maximum number of messages that are queued in a link, in each direction. A frame has at most a few 100 KiB, and one
/// more is in transit on each side.
const CHANNEL_CAPACITY: usize = 4;

/// The client's end of the link.
pub struct WorkerLink {
    /// Frames of the client for the worker, in order.
    pub to: mpsc::Sender<ClientFrame>,
    /// Messages of the worker for the client. The worker is lost if this closes before
    /// [`WorkerEventKind::End`](crate::WorkerEventKind::End).
    pub from: mpsc::Receiver<WorkerEvent>,
}

/// The worker's end of the link, held by its socket or by the built-in worker.
pub struct WorkerEnd {
    /// Frames of the client. Closed when the client's end was dropped.
    pub heard: mpsc::Receiver<ClientFrame>,
    /// Messages for the client.
    pub say: mpsc::Sender<WorkerEvent>,
}

impl WorkerLink {
    /// Creates both ends of a link.
    pub fn pair() -> (Self, WorkerEnd) {
        let (to, heard) = mpsc::channel(CHANNEL_CAPACITY);
        let (say, from) = mpsc::channel(CHANNEL_CAPACITY);
        (Self { to, from }, WorkerEnd { heard, say })
    }
}

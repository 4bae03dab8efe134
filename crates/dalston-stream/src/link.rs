//! The two ends of a session with a worker.

use crate::{ClientFrame, WorkerEvent};
use tokio::sync::mpsc;

/// Messages that wait in a link, in each direction. A frame is at most a few 100 KiB, and one is under way on each side.
const CHANNEL_CAPACITY: usize = 4;

/// The end that the client's socket holds.
pub struct WorkerLink {
    /// To the worker: frames of the client, in order.
    pub to: mpsc::Sender<ClientFrame>,
    /// From the worker: messages for the client. When it closes before [`WorkerEventKind::End`](crate::WorkerEventKind::End), the worker is lost.
    pub from: mpsc::Receiver<WorkerEvent>,
}

/// The end that the worker's socket holds, or the worker itself.
pub struct WorkerEnd {
    /// What the client says. Closed when nobody waits for the worker any more.
    pub heard: mpsc::Receiver<ClientFrame>,
    /// What the client is to hear.
    pub say: mpsc::Sender<WorkerEvent>,
}

impl WorkerLink {
    /// A link, and its other end.
    pub fn pair() -> (Self, WorkerEnd) {
        let (to, heard) = mpsc::channel(CHANNEL_CAPACITY);
        let (say, from) = mpsc::channel(CHANNEL_CAPACITY);
        (Self { to, from }, WorkerEnd { heard, say })
    }
}

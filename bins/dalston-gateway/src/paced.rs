//! A body that must keep coming: a client that drips bytes holds no connection for long (DOS-02).

use crate::Pace;
use actix_web::{error::PayloadError, web::Bytes};
use futures_util::{Stream, StreamExt, stream::unfold};
use std::io;
use tokio::time::{Instant, timeout_at};

/// The stream, which ends with `TimedOut` when it falls behind the pace.
pub(crate) fn paced<S>(body: S, pace: Pace) -> impl Stream<Item = Result<Bytes, PayloadError>>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    #[expect(clippy::disallowed_methods, reason = "a time-out of the event loop, which has its own clock")]
    let start = Instant::now();
    let state = Some((body, Progress { start, window: start, received: 0, in_window: 0 }));
    unfold(state, move |state| async move {
        let (mut body, mut progress) = state?;
        let chunk = loop {
            match timeout_at(progress.window + pace.window, body.next()).await {
                Ok(chunk) => break chunk?,
                Err(_) if progress.keeps(&pace) => {}
                Err(_) => return Some((Err(PayloadError::Io(io::ErrorKind::TimedOut.into())), None)),
            }
        };
        let Ok(bytes) = chunk else { return Some((chunk, None)) };
        progress.received += bytes.len() as u64;
        progress.in_window += bytes.len() as u64;
        Some((Ok(bytes), Some((body, progress))))
    })
    // A form reads on after the end.
    .fuse()
}

/// How much has arrived, and when.
struct Progress {
    start: Instant,
    window: Instant,
    received: u64,
    in_window: u64,
}

impl Progress {
    /// Ends a window: whether enough arrived in it, and enough since the start.
    fn keeps(&mut self, pace: &Pace) -> bool {
        self.window += pace.window;
        let elapsed = self.window.saturating_duration_since(self.start + pace.grace);
        let due = pace.bytes_per_second.saturating_mul(elapsed.as_secs());
        let kept = self.in_window >= pace.bytes_per_window && self.received >= due;
        self.in_window = 0;
        kept
    }
}

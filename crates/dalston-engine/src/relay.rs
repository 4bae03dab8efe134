//! Runs blocking work off the event loop and sends its findings to an async sink through a bounded channel.

use crate::{EngineError, Segment, Sink, StopFlag, sanitizer::SegmentSanitizer};
use tokio::{
    sync::mpsc::{Sender, channel},
    task::spawn_blocking,
};

/// Capacity of the channel: maximum number of findings that wait for the sink.
const AHEAD: usize = 64;
/// Error message for clients when a decoder or a parser panics on its input.
const UNREADABLE: &str = "The audio, or what the engine said of it, cannot be read";

enum Finding {
    Segment(Segment),
    Progress(u16),
}

/// Totals of the findings of one task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FindingCounts {
    pub(crate) segments: u64,
    pub(crate) words: u64,
    pub(crate) speech: f64,
    pub(crate) end: f64,
}

/// The sending side of the channel, which the blocking work writes to.
pub(crate) struct FindingSink {
    sink: Sender<Finding>,
    stop: StopFlag,
    mender: SegmentSanitizer,
    progress: u16,
}

impl FindingSink {
    /// Sanitizes a segment and sends it. Blocks while the channel is full.
    pub(crate) fn segment(&mut self, segment: Segment) -> Result<(), EngineError> {
        for segment in self.mender.sanitize(segment) {
            self.sink.blocking_send(Finding::Segment(segment)).map_err(|_| EngineError::Stopped)?;
        }
        self.check()
    }

    /// Reports the progress in thousandths, if it has increased.
    pub(crate) fn progress(&mut self, thousandths: u16) -> Result<(), EngineError> {
        if thousandths > self.progress {
            self.progress = thousandths;
            self.sink.blocking_send(Finding::Progress(thousandths)).map_err(|_| EngineError::Stopped)?;
        }
        self.check()
    }

    /// Returns the latest end of a segment so far, in seconds.
    pub(crate) const fn end(&self) -> f64 {
        self.mender.end
    }

    /// Returns an error when the stop flag is set.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        if *self.stop.borrow() { Err(EngineError::Stopped) } else { Ok(()) }
    }
}

/// Runs blocking work and passes all its findings to the sink, in order.
pub(crate) async fn relay<T: Send + 'static>(
    sink: &mut dyn Sink,
    stop: StopFlag,
    work: impl FnOnce(&mut FindingSink) -> Result<T, EngineError> + Send + 'static,
) -> Result<(T, FindingCounts), EngineError> {
    let (sender, mut finds) = channel(AHEAD);
    let mut relay = FindingSink { sink: sender, stop, mender: SegmentSanitizer::default(), progress: 0 };
    let task = spawn_blocking(move || {
        let done = work(&mut relay)?;
        let SegmentSanitizer { segments, words, speech, end, .. } = relay.mender;
        Ok((done, FindingCounts { segments, words, speech, end }))
    });
    // When the sink fails, the receiver is dropped, and the work fails at its next finding.
    while let Some(find) = finds.recv().await {
        match find {
            Finding::Segment(segment) => sink.segment(&segment)?,
            Finding::Progress(thousandths) => sink.progress(thousandths),
        }
    }
    // Treat a panic on malicious input as a permanent failure.
    task.await.unwrap_or_else(|error| Err(EngineError::Rejected(UNREADABLE, error.to_string())))
}

/// Waits until the stop flag is set, or until its sender is dropped.
pub(crate) async fn wait_for_stop(stop: &mut StopFlag) {
    let _ = stop.wait_for(|stop| *stop).await;
}

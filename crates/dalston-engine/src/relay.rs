//! Blocking work whose finds go to a sink: it runs beside the event loop, a few finds ahead of the sink.

use crate::{EngineError, Segment, Sink, StopFlag, sanitizer::SegmentSanitizer};
use tokio::{
    sync::mpsc::{Sender, channel},
    task::spawn_blocking,
};

/// Finds that wait for the sink at most.
const AHEAD: usize = 64;
/// What clients read when a decoder or a parser panics on what it is given.
const UNREADABLE: &str = "The audio, or what the engine said of it, cannot be read";

enum Finding {
    Segment(Segment),
    Progress(u16),
}

/// What was found, in numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FindingCounts {
    pub(crate) segments: u64,
    pub(crate) words: u64,
    pub(crate) speech: f64,
    pub(crate) end: f64,
}

/// The end of the work: what it finds goes in here.
pub(crate) struct FindingSink {
    sink: Sender<Finding>,
    stop: StopFlag,
    mender: SegmentSanitizer,
    progress: u16,
}

impl FindingSink {
    /// Hands over a segment, mended. Waits while the sink is busy.
    pub(crate) fn segment(&mut self, segment: Segment) -> Result<(), EngineError> {
        for segment in self.mender.sanitize(segment) {
            self.sink.blocking_send(Finding::Segment(segment)).map_err(|_| EngineError::Stopped)?;
        }
        self.check()
    }

    /// Says how far it has come, in thousandths, where it has come further.
    pub(crate) fn progress(&mut self, thousandths: u16) -> Result<(), EngineError> {
        if thousandths > self.progress {
            self.progress = thousandths;
            self.sink.blocking_send(Finding::Progress(thousandths)).map_err(|_| EngineError::Stopped)?;
        }
        self.check()
    }

    /// Where the last of the segments ends, in seconds.
    pub(crate) const fn end(&self) -> f64 {
        self.mender.end
    }

    /// Fails when it is time to stop.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        if *self.stop.borrow() { Err(EngineError::Stopped) } else { Ok(()) }
    }
}

/// Runs the work, and gives all that it finds to the sink, in order.
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
    // When the sink fails the receiver is dropped, and the work with it at its next find.
    while let Some(find) = finds.recv().await {
        match find {
            Finding::Segment(segment) => sink.segment(&segment)?,
            Finding::Progress(thousandths) => sink.progress(thousandths),
        }
    }
    // A panic on a hostile file says the same as a refusal.
    task.await.unwrap_or_else(|error| Err(EngineError::Rejected(UNREADABLE, error.to_string())))
}

/// Waits until it is time to stop. Nobody who could tell any more says the same.
pub(crate) async fn wait_for_stop(stop: &mut StopFlag) {
    let _ = stop.wait_for(|stop| *stop).await;
}

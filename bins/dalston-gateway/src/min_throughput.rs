//! Minimum throughput of request bodies: a client that sends single bytes does not hold a connection for long (DOS-02).

use crate::Pace;
use actix_web::{error::PayloadError, web::Bytes};
use dalston_model::SharedClock;
use futures_util::{Stream, StreamExt, stream::unfold};
use std::{io, time::Duration};
use tokio::time::timeout;

/// Returns the body as a stream that ends with `TimedOut` when it falls behind the pace, measured by `clock`.
///
/// It may be polled after its end, as readers of forms do.
pub(crate) fn with_min_throughput<S>(
    body: S,
    pace: Pace,
    clock: SharedClock,
) -> impl Stream<Item = Result<Bytes, PayloadError>>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let start = clock.monotonic();
    let state = Some((body, Progress { start, window: start, received: 0, in_window: 0 }));
    unfold(state, move |state| {
        let clock = clock.clone();
        async move {
            let (mut body, mut progress) = state?;
            let chunk = loop {
                match timeout(progress.left(&pace, clock.monotonic()), body.next()).await {
                    Ok(chunk) => break chunk?,
                    Err(_) if progress.keeps(&pace) => {}
                    Err(_) => return Some((Err(PayloadError::Io(io::ErrorKind::TimedOut.into())), None)),
                }
            };
            let Ok(bytes) = chunk else { return Some((chunk, None)) };
            progress.received += bytes.len() as u64;
            progress.in_window += bytes.len() as u64;
            Some((Ok(bytes), Some((body, progress))))
        }
    })
    .fuse()
}

/// The number of bytes received so far, with the times of the monotonic clock.
struct Progress {
    start: Duration,
    /// Start of the current window.
    window: Duration,
    received: u64,
    in_window: u64,
}

impl Progress {
    /// Returns the remaining time of the current window.
    fn left(&self, pace: &Pace, now: Duration) -> Duration {
        (self.window + pace.window).saturating_sub(now).min(pace.window)
    }

    /// Ends a window. Returns whether enough bytes arrived in it, and enough since the start.
    fn keeps(&mut self, pace: &Pace) -> bool {
        self.window += pace.window;
        let elapsed = self.window.saturating_sub(self.start + pace.grace);
        let due = pace.bytes_per_second.saturating_mul(elapsed.as_secs());
        let kept = self.in_window >= pace.bytes_per_window && self.received >= due;
        self.in_window = 0;
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_model::{ManualClock, Timestamp};
    use futures_util::stream::{iter, pending};

    const WINDOW: Duration = Duration::from_hours(1);
    const PACE: Pace = Pace {
        window: WINDOW,
        bytes_per_window: 10,
        grace: Duration::from_hours(2),
        bytes_per_second: 1,
        json: Duration::ZERO,
        frames: Duration::ZERO,
    };

    #[tokio::test]
    async fn a_body_is_late_by_the_clock() {
        let clock = ManualClock::new(Timestamp::from_secs(0));
        let pieces = iter(["four", "four"]).map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
        let mut body = Box::pin(with_min_throughput(pieces.chain(pending()), PACE, clock.clone()));
        for _ in 0..2 {
            clock.advance(WINDOW / 2);
            assert_eq!(body.next().await.unwrap().unwrap(), "four");
        }
        // The window ends with eight bytes received in it.
        let Err(PayloadError::Io(error)) = body.next().await.unwrap() else { panic!("it is late") };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(body.next().await.is_none(), "it may be asked again");
    }

    #[test]
    fn each_window_has_its_bytes_and_all_together_their_average() {
        let start = Duration::from_secs(7);
        let lives = |bytes: &[u64]| {
            let mut progress = Progress { start, window: start, received: 0, in_window: 0 };
            let keeps = bytes.iter().take_while(|bytes| {
                progress.in_window += **bytes;
                progress.received += **bytes;
                progress.keeps(&PACE)
            });
            keeps.count()
        };
        assert_eq!(lives(&[10, 10, 9, 10]), 2, "too little in a window");
        assert_eq!(lives(&[10, 100_000, 9]), 2, "what came before does not count for it");
        assert_eq!(lives(&[10, 10, 10, 10]), 2, "3,600 were due an hour after the grace");
        assert_eq!(lives(&[10, 10, 3_580, 3_600, 3_599]), 4, "the average counts from the start");
        assert_eq!(lives(&[7_200, 10, 10, 10, 10]), 4);
    }

    #[test]
    fn a_window_is_waited_for_no_longer_than_it_lasts() {
        let progress = Progress { start: WINDOW, window: WINDOW, received: 0, in_window: 0 };
        for (now, left) in
            [(WINDOW / 2, WINDOW), (WINDOW, WINDOW), (WINDOW * 3 / 2, WINDOW / 2), (WINDOW * 3, Duration::ZERO)]
        {
            assert_eq!(progress.left(&PACE, now), left, "{now:?}");
        }
    }
}

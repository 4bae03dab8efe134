//! Clocks and timestamps. Time is a parameter: code that needs the time receives a [`Clock`].

use rustix::time::{ClockId, clock_gettime};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A time in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// From seconds since 1970.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Seconds since 1970, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The time `by` later. Saturates at the greatest time.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time `by` earlier. Saturates at the least time.
    #[must_use]
    pub fn back(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The duration from `earlier` to this time; zero if this time is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Parses RFC 3339 with a time zone. Returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000)).ok().map(Self)
    }
}

/// Formats as RFC 3339 in UTC with `Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .ok()
            .and_then(|at| at.format(&Rfc3339).ok())
            .ok_or(fmt::Error)?;
        f.write_str(&text)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time with a zone"))
    }
}

/// A source of time.
///
/// The one rule for time: only a clock reads the time of the machine. A time or deadline that no other machine sees is
/// a [`Duration`] of [`Clock::monotonic`], and an elapsed or remaining time is the difference of two of them. To wait,
/// use `tokio::time::sleep` or `timeout` with such a difference, never with an `Instant`: tokio's timers are the only
/// way to wait. So a [`ManualClock`] decides what is late, and no test has to wait.
pub trait Clock: Send + Sync {
    /// The current wall-clock time.
    fn now(&self) -> Timestamp;

    /// The time since a fixed moment in the past. Steps of [`Clock::now`] do not change it, and it advances while the
    /// machine is suspended.
    fn monotonic(&self) -> Duration;
}

/// A shared clock.
pub type SharedClock = Arc<dyn Clock>;

/// The clock of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the time")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        // `CLOCK_BOOTTIME`: the clock of `Instant` stops while a virtual machine is suspended.
        let since_boot = clock_gettime(ClockId::Boottime);
        Duration::try_from(since_boot).unwrap_or_default()
    }
}

/// A clock that advances only when it is set, for tests.
#[derive(Debug)]
pub struct ManualClock {
    now: AtomicI64,
    /// The total of all forward moves, in microseconds: the monotonic time.
    passed: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `at`.
    pub fn new(at: Timestamp) -> Arc<Self> {
        Arc::new(Self { now: AtomicI64::new(at.0), passed: AtomicU64::new(0) })
    }

    /// Advances the wall clock and the monotonic clock by `by`.
    pub fn advance(&self, by: Duration) {
        self.now.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
        self.pass(by);
    }

    /// Sets the wall clock to `at`. If `at` is earlier, the monotonic clock does not change; otherwise it advances as
    /// far.
    pub fn set(&self, at: Timestamp) {
        let before = self.now.swap(at.0, Ordering::SeqCst);
        self.pass(at.since(Timestamp(before)));
    }

    fn pass(&self, by: Duration) {
        self.passed.fetch_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.passed.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc_and_read_with_any_zone() {
        let at = Timestamp::parse("2026-11-22T14:00:00.5+01:00").unwrap();
        assert_eq!(at.to_string(), "2026-11-22T13:00:00.5Z");
        assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
        assert_eq!(Timestamp::parse("2026-11-22T14:00:00"), None);
        assert_eq!(Timestamp::parse("2026-11-22"), None);
    }

    #[test]
    fn monotonic_time_passes_with_the_clock_and_never_runs_backwards() {
        let clock = ManualClock::new(Timestamp::from_secs(100));
        clock.advance(Duration::from_secs(2));
        clock.set(Timestamp::from_secs(50));
        assert_eq!(clock.monotonic(), Duration::from_secs(2));
        clock.set(Timestamp::from_secs(53));
        assert_eq!(clock.monotonic(), Duration::from_secs(5));
        assert!(SystemClock.monotonic() > Duration::ZERO);
    }

    #[test]
    fn time_neither_overflows_nor_runs_backwards() {
        let end = Timestamp::from_micros(i64::MAX);
        assert_eq!(end.plus(Duration::from_secs(1)), end);
        assert_eq!(Timestamp::from_secs(1).since(Timestamp::from_secs(2)), Duration::ZERO);
        assert_eq!(Timestamp::from_micros(-1).as_secs(), -1);
    }
}

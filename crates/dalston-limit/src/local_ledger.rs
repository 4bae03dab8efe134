//! Ledger of local admissions: requests that this node admitted without the shared counter, until the counter knows
//! them.

use crate::{
    breaker::micros,
    shards::{ShardEntry, Shards},
};
use dalston_model::KeyId;
use dalston_store::{LocalAdmissions, SLOT, WINDOW_SLOTS};
use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// How many seconds after its start a second still counts.
const KEPT: i64 = 62;

/// Local admissions per second, for the keys that had any in the last minute.
pub(crate) struct LocalLedger {
    keys: Shards<Seconds>,
    /// Keys with admissions that are not reported yet.
    owed: Mutex<HashSet<KeyId>>,
    /// The last second that has an admission of any key.
    latest: AtomicI64,
}

/// The seconds of a key, oldest first.
#[derive(Default)]
struct Seconds(Vec<Second>);

struct Second {
    number: i64,
    units: u32,
    /// How many of them the counter knows.
    reported: u32,
}

impl ShardEntry for Seconds {
    fn is_idle(&self, now: Duration) -> bool {
        self.0.last().is_none_or(|last| last.number.saturating_add(KEPT) < second(now))
    }
}

impl Seconds {
    /// The seconds that still count and are not fully reported.
    fn unknown(&self, now: Duration) -> impl Iterator<Item = LocalAdmissions> {
        let unknown = self.0.iter().filter(|second| second.reported < second.units);
        unknown
            .map(move |second| LocalAdmissions {
                second: second.number,
                age: age(second.number, now),
                units: second.units,
            })
            .filter(|second| second.age <= WINDOW_SLOTS)
    }
}

impl LocalLedger {
    pub(crate) fn new() -> Self {
        Self { keys: Shards::new(), owed: Mutex::default(), latest: AtomicI64::new(i64::MIN) }
    }

    /// Records that a request was admitted at `now`, on the monotonic clock.
    pub(crate) fn note(&self, key: KeyId, now: Duration) {
        let now_second = second(now);
        self.keys.with(key, now, |Seconds(seconds)| {
            seconds.retain(|second| second.number.saturating_add(KEPT) >= now_second);
            match seconds.last_mut() {
                // A thread may read the clock first and arrive last: its request counts in the newest second.
                Some(last) if last.number >= now_second => last.units = last.units.saturating_add(1),
                _ => seconds.push(Second { number: now_second, units: 1, reported: 0 }),
            }
        });
        self.latest.fetch_max(now_second, Ordering::Relaxed);
        self.owed().insert(key);
    }

    /// The report for the key at `now`: the seconds that are not fully reported.
    pub(crate) fn report(&self, key: KeyId, now: Duration) -> Vec<LocalAdmissions> {
        self.keys.find(key, |seconds| seconds.unknown(now).collect()).unwrap_or_default()
    }

    /// Records that the counter has received `known`.
    pub(crate) fn reported(&self, key: KeyId, known: &[LocalAdmissions], now: Duration) {
        let mut owed = self.owed();
        let is_behind = self.keys.find(key, |seconds| {
            for second in &mut seconds.0 {
                if let Some(known) = known.iter().find(|known| known.second == second.number) {
                    second.reported = second.reported.max(known.units);
                }
            }
            seconds.unknown(now).next().is_some()
        });
        if is_behind != Some(true) {
            owed.remove(&key);
        }
    }

    /// Whether any admission is not reported yet.
    pub(crate) fn owes(&self) -> bool {
        !self.owed().is_empty()
    }

    /// The keys with admissions that are not reported yet.
    pub(crate) fn owing(&self) -> Vec<KeyId> {
        self.owed().iter().copied().collect()
    }

    /// Whether no local admission counts any more, whether reported or not.
    pub(crate) fn is_empty(&self, now: Duration) -> bool {
        self.latest.load(Ordering::Relaxed).saturating_add(KEPT) < second(now)
    }

    fn owed(&self) -> MutexGuard<'_, HashSet<KeyId>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn second(now: Duration) -> i64 {
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// A lower bound of how many slots ago the second ended. Clocks drift apart by less than one part in 2^10.
fn age(second: i64, now: Duration) -> i64 {
    let passed = micros(now).saturating_sub(second.saturating_add(1).saturating_mul(1_000_000)).max(0);
    passed.saturating_sub(passed >> 10).div_euclid(micros(SLOT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_model::{SeededEntropy, Timestamp};

    const SECOND: Duration = Duration::from_secs(1);

    fn key() -> KeyId {
        KeyId::new(Timestamp::from_secs(1_700_000_000), &SeededEntropy::new(1)).unwrap()
    }

    #[test]
    fn what_is_not_known_is_reported_with_all_of_its_second() {
        let (ledger, key, now) = (LocalLedger::new(), key(), SECOND * 100);
        assert_eq!((ledger.report(key, now), ledger.owing()), (Vec::new(), Vec::new()));
        ledger.note(key, now);
        ledger.note(key, now);
        let first = ledger.report(key, now);
        assert_eq!(first, [LocalAdmissions { second: 100, age: 0, units: 2 }]);
        // Another request is admitted while the report is in flight.
        ledger.note(key, now);
        ledger.reported(key, &first, now);
        assert_eq!(ledger.report(key, now), [LocalAdmissions { second: 100, age: 0, units: 3 }]);
        assert_eq!(ledger.owing(), [key]);
        ledger.note(key, now + SECOND * 2);
        let rest = ledger.report(key, now + SECOND * 3);
        assert_eq!(rest.iter().map(|it| (it.second, it.age, it.units)).collect::<Vec<_>>(), [(100, 7, 3), (102, 0, 1)]);
        ledger.reported(key, &rest, now + SECOND * 3);
        assert_eq!((ledger.report(key, now), ledger.owing()), (Vec::new(), Vec::new()));
    }

    #[test]
    fn what_does_not_count_any_more_is_owed_no_more() {
        let (ledger, key, now) = (LocalLedger::new(), key(), SECOND * 100);
        ledger.note(key, now);
        let late = now + SECOND * 70;
        assert_eq!(ledger.report(key, late), []);
        ledger.reported(key, &[], late);
        assert_eq!(ledger.owing(), []);
    }
}

//! The usage counters of one key on this node since they were last collected. They are lock-free: no admitted request
//! waits for another.

use dalston_model::{Day, KeyId, RefusedRequests, Timestamp, UsageDelta};
use std::{
    net::{IpAddr, Ipv6Addr},
    sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU32, AtomicU64, Ordering},
};

/// The kind of request that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UsageKind {
    /// An admitted request.
    Admitted,
    /// A request that exceeded the rate limit.
    RateLimited,
    /// A request whose key does not hold the required scope.
    InsufficientScope,
}

/// The counts of one day, and the last use: its time and address, which always belong to the same request (a seqlock).
///
/// A writer that finds another one writing skips its own update, since either of the two uses is recent enough.
#[derive(Default)]
pub(crate) struct UsageCounters {
    day: AtomicI32,
    counts: [AtomicU32; 3],
    is_listed: AtomicBool,
    /// Odd while a writer updates the last use.
    version: AtomicU32,
    /// In microseconds; zero means never.
    used_at: AtomicI64,
    /// The two halves of the address as IPv6; zero means none.
    used_from: [AtomicU64; 2],
}

impl UsageCounters {
    /// Adds one to a count of this day. Returns `Err` if the present counts belong to a different day: take them first.
    pub(crate) fn count(&self, what: UsageKind, day: Day) -> Result<(), ()> {
        if self.day.load(Ordering::Relaxed) != day.number() {
            return Err(());
        }
        self.counts[what as usize].fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// Records the time and the address of an admitted request as the last use.
    pub(crate) fn used(&self, at: Timestamp, from: Option<IpAddr>) {
        let version = self.version.load(Ordering::Relaxed);
        let (order, noting) = (Ordering::Acquire, version.wrapping_add(1));
        if version % 2 == 1 || self.version.compare_exchange(version, noting, order, Ordering::Relaxed).is_err() {
            return;
        }
        let bits = from.map_or(0, |address| match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits(),
        });
        let [high, low] = halves(bits);
        // Release: a reader that sees one of these values also sees the odd version before it.
        self.used_at.store(at.as_micros(), Ordering::Release);
        self.used_from[0].store(high, Ordering::Release);
        self.used_from[1].store(low, Ordering::Release);
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// Marks the counters as listed among those with counts. Returns whether they were not listed before.
    pub(crate) fn list(&self) -> bool {
        !self.is_listed.load(Ordering::SeqCst) && !self.is_listed.swap(true, Ordering::AcqRel)
    }

    /// Marks the counters as not listed. The next count lists them again.
    pub(crate) fn unlist(&self) {
        self.is_listed.store(false, Ordering::SeqCst);
    }

    /// Takes the counts, and starts counting for `day`.
    pub(crate) fn take(&self, day: Day) -> DrainedUsage {
        let counted_day = self.day.swap(day.number(), Ordering::AcqRel);
        let [admitted, rate_limited, insufficient_scope] = &self.counts;
        let take = |count: &AtomicU32| u64::from(count.swap(0, Ordering::AcqRel));
        DrainedUsage {
            day: Day::from_number(counted_day),
            admitted: take(admitted),
            refused: RefusedRequests { rate_limited: take(rate_limited), insufficient_scope: take(insufficient_scope) },
            last_used: self.last_used(),
        }
    }

    fn last_used(&self) -> Option<(Timestamp, Option<IpAddr>)> {
        loop {
            let version = self.version.load(Ordering::Acquire);
            let at = self.used_at.load(Ordering::Acquire);
            let [high, low] = [&self.used_from[0], &self.used_from[1]].map(|half| half.load(Ordering::Acquire));
            if version % 2 == 1 || self.version.load(Ordering::Acquire) != version {
                std::hint::spin_loop();
                continue;
            }
            let bits = u128::from(high) << 64 | u128::from(low);
            let address = (bits != 0).then(|| IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical());
            return (at != 0).then(|| (Timestamp::from_micros(at), address));
        }
    }
}

/// The counts of one day.
pub(crate) struct DrainedUsage {
    day: Day,
    admitted: u64,
    refused: RefusedRequests,
    last_used: Option<(Timestamp, Option<IpAddr>)>,
}

impl DrainedUsage {
    /// Converts the counts into the form that the store takes; `None` if nothing was counted.
    pub(crate) fn delta(self, key: KeyId) -> Option<UsageDelta> {
        let Self { day, admitted, refused, last_used } = self;
        let last_used = last_used.filter(|_| admitted > 0);
        (admitted > 0 || refused != RefusedRequests::default()).then_some(UsageDelta {
            key,
            day,
            admitted,
            refused,
            last_used,
        })
    }
}

fn halves(bits: u128) -> [u64; 2] {
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
    [half(bits >> 64), half(bits)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_use_is_of_one_request() {
        let counters = UsageCounters::default();
        assert_eq!(counters.last_used(), None);
        std::thread::scope(|scope| {
            for thread in 1_u8..=4 {
                let counters = &counters;
                scope.spawn(move || {
                    for round in 0..20_000_u32 {
                        let address = Ipv6Addr::from_bits(u128::from(thread) << 64 | u128::from(thread));
                        counters.used(Timestamp::from_secs(i64::from(thread)), Some(address.into()));
                        if round % 64 == 0 {
                            let (at, address) = counters.last_used().unwrap();
                            let IpAddr::V6(address) = address.unwrap() else { panic!("an IPv4") };
                            let [high, low] = halves(address.to_bits());
                            assert_eq!((high, low), (at.as_secs().cast_unsigned(), high));
                        }
                    }
                });
            }
        });
        for address in ["192.0.2.1", "2001:db8::1"] {
            let address: IpAddr = address.parse().unwrap();
            counters.used(Timestamp::from_secs(9), Some(address));
            assert_eq!(counters.last_used(), Some((Timestamp::from_secs(9), Some(address))));
        }
        counters.used(Timestamp::from_secs(10), None);
        assert_eq!(counters.last_used(), Some((Timestamp::from_secs(10), None)));
    }
}

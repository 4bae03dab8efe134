//! Throttles failed attempts: a number per minute from each address, in bounded memory.

use quick_cache::sync::Cache;
use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

/// Maximum number of addresses that are tracked. Beyond it, the least used are evicted.
const ADDRESSES: usize = 65_536;
const MINUTE: i64 = 60_000_000;

/// Counts failed attempts per address: /32 of IPv4, /64 of IPv6. Requests with a valid key never consult it (BRUTE-01).
pub struct FailureThrottle {
    per_minute: NonZeroU32,
    /// When the allowance of the address is full again, in microseconds (GCRA).
    whole_at: Cache<u64, Arc<AtomicI64>>,
}

impl FailureThrottle {
    /// Creates a throttle that allows a burst of `per_minute` attempts, and then one per 60 s / `per_minute`.
    pub fn new(per_minute: NonZeroU32) -> Self {
        Self { per_minute, whole_at: Cache::new(ADDRESSES) }
    }

    /// Charges a failed attempt to the address.
    ///
    /// `now` is monotonic time, so that a step of the wall clock cannot block an address. If the address has no
    /// attempts left, it is not charged, and the error is the time until the next attempt is allowed.
    pub fn charge(&self, address: IpAddr, now: Duration) -> Result<(), Duration> {
        let entry = match self
            .whole_at
            .get_or_insert_with(&network(address), || Ok::<_, std::convert::Infallible>(Arc::new(AtomicI64::new(0))))
        {
            Ok(entry) => entry,
            Err(never) => match never {},
        };
        let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let share = MINUTE / i64::from(self.per_minute.get());
        let charged = entry.fetch_update(Ordering::AcqRel, Ordering::Acquire, |whole_at| {
            let next = whole_at.max(now).saturating_add(share);
            (next.saturating_sub(now) <= MINUTE).then_some(next)
        });
        charged.map(|_| ()).map_err(|whole_at| {
            let wait = whole_at.saturating_add(share).saturating_sub(now).saturating_sub(MINUTE);
            Duration::from_micros(u64::try_from(wait).unwrap_or_default())
        })
    }
}

/// Returns the part of the address that a customer of a provider cannot choose freely: all of IPv4, and the first 64
/// bits of IPv6.
fn network(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        IpAddr::V6(v6) => high(v6),
    }
}

fn high(address: Ipv6Addr) -> u64 {
    let [a, b, c, d, ..] = address.segments();
    [a, b, c, d].into_iter().fold(0, |bits, part| (bits << 16) | u64::from(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle() -> FailureThrottle {
        FailureThrottle::new(NonZeroU32::new(30).unwrap())
    }

    fn failures(throttle: &FailureThrottle, address: &str, now: Duration) -> usize {
        (0..100).take_while(|_| throttle.charge(address.parse().unwrap(), now).is_ok()).count()
    }

    #[test]
    fn an_address_may_fail_thirty_times_then_two_seconds_later_once_more() {
        let (throttle, now) = (throttle(), Duration::from_secs(1_000));
        assert_eq!(failures(&throttle, "192.0.2.1", now), 30);
        let wait = throttle.charge("192.0.2.1".parse().unwrap(), now).unwrap_err();
        assert_eq!(wait, Duration::from_secs(2));
        assert_eq!(failures(&throttle, "192.0.2.1", now + wait), 1);
    }

    #[test]
    fn networks_are_told_apart_as_far_as_a_customer_can_choose() {
        let (throttle, now) = (throttle(), Duration::from_secs(1_000));
        assert_eq!(failures(&throttle, "2001:db8::1", now), 30);
        assert_eq!(failures(&throttle, "2001:db8::ffff:2", now), 0, "the same /64");
        assert_eq!(failures(&throttle, "2001:db8:0:1::1", now), 30, "another /64");
        assert_eq!(failures(&throttle, "192.0.2.1", now), 30);
        assert_eq!(failures(&throttle, "::ffff:192.0.2.1", now), 0, "the same, mapped");
        assert_eq!(failures(&throttle, "192.0.2.2", now), 30);
    }

    #[test]
    fn memory_is_bounded_whatever_the_addresses() {
        let (throttle, now) = (throttle(), Duration::from_secs(1_000));
        for bits in 0..200_000_u32 {
            let _ = throttle.charge(IpAddr::V4(bits.into()), now);
        }
        assert!(throttle.whole_at.len() <= ADDRESSES);
    }
}

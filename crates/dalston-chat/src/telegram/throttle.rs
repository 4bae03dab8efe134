//! Rate limit for guests.

use dalston_model::Timestamp;
use quick_cache::sync::Cache;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Maximum number of a guest's updates in a minute.
const PER_MINUTE: u32 = 20;
const MINUTE: Duration = Duration::from_mins(1);
/// Maximum number of guests in memory; the least frequent are evicted first.
const GUESTS: usize = 10_000;

/// Counts the updates of each guest, in bounded memory.
pub(crate) struct GuestThrottle(Cache<i64, Arc<Mutex<GuestMinute>>>);

/// A fixed one-minute window and the number of updates in it.
struct GuestMinute {
    began: Timestamp,
    heard: u32,
}

impl Default for GuestThrottle {
    fn default() -> Self {
        Self(Cache::new(GUESTS))
    }
}

impl GuestThrottle {
    /// Counts an update of a guest. Returns whether it is within the limit.
    pub(crate) fn admit(&self, guest: i64, now: Timestamp) -> bool {
        let fresh = || Ok::<_, std::convert::Infallible>(Arc::new(Mutex::new(GuestMinute { began: now, heard: 0 })));
        let minute = match self.0.get_or_insert_with(&guest, fresh) {
            Ok(minute) => minute,
            Err(never) => match never {},
        };
        let mut minute = minute.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back starts a new window.
        if now < minute.began || now.since(minute.began) >= MINUTE {
            *minute = GuestMinute { began: now, heard: 0 };
        }
        minute.heard = minute.heard.saturating_add(1);
        minute.heard <= PER_MINUTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_heard_so_often_in_a_minute_and_others_are_heard_besides() {
        let (throttle, now) = (GuestThrottle::default(), Timestamp::from_secs(1_000));
        let heard = |guest, now| (0..100).filter(|_| throttle.admit(guest, now)).count();
        assert_eq!(heard(1, now), 20);
        assert_eq!(heard(2, now), 20);
        assert_eq!(heard(1, now.plus(Duration::from_secs(59))), 0);
        assert_eq!(heard(1, now.plus(MINUTE)), 20);
        assert_eq!(heard(1, now), 20, "a clock that was set back");
    }
}

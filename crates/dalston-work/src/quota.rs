//! Quotas of keys and tenants (daily audio, concurrent jobs and streams) and their usage.

use dalston_model::{Day, IdError, KeyId, TenantId};
use std::{fmt, str::FromStr};

/// Owner of a quota and of the usage that counts against it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum QuotaOwner {
    /// A tenant: all its keys together, and requests without a key.
    Tenant(TenantId),
    /// A key of a tenant.
    Key(TenantId, KeyId),
}

impl QuotaOwner {
    /// Returns the tenant.
    pub const fn tenant(&self) -> &TenantId {
        match self {
            Self::Tenant(tenant) | Self::Key(tenant, _) => tenant,
        }
    }

    /// Returns the key, if the owner is one.
    pub const fn key(&self) -> Option<KeyId> {
        match self {
            Self::Tenant(_) => None,
            Self::Key(_, key) => Some(*key),
        }
    }
}

/// Defines the quota kinds: the stored word, the name on the wire, and the two parts of the error text that the client
/// reads when the quota is exceeded (the text before and after the owner).
macro_rules! quotas {
    ($($(#[$doc:meta])* $kind:ident = $word:literal, $name:literal, $of:literal, $text:literal);+ $(;)?) => {
        /// What a quota limits.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum QuotaKind { $($(#[$doc])* $kind),+ }

        impl QuotaKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// Returns the word under which stores keep it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $word),+ }
            }

            /// Returns the name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }
        }

        /// The error text for the client.
        impl fmt::Display for QuotaExceeded {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Self { limit, of_key, most } = *self;
                let whose = if of_key { "key" } else { "tenant" };
                match limit { $(QuotaKind::$kind => write!(f, concat!($of, " of the {} exceeded (", $text, ")"), whose, most)),+ }
            }
        }
    };
}

quotas! {
    /// Seconds of audio per UTC day, of jobs and streams together.
    Seconds = "seconds", "seconds_per_day", "Audio limit", "{} s/day";
    /// Concurrent jobs: those that have not ended.
    Jobs = "jobs", "concurrent_jobs", "Limit", "{} jobs at once";
    /// Concurrent open streams.
    Streams = "streams", "concurrent_streams", "Limit", "{} streams at once";
}

impl FromStr for QuotaKind {
    type Err = IdError;

    /// Parses the stored word.
    fn from_str(word: &str) -> Result<Self, IdError> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word).ok_or(IdError)
    }
}

/// An optional limit for each kind.
///
/// ```
/// use dalston_work::{Quota, QuotaKind};
///
/// let quota = Quota::default().with(QuotaKind::Jobs, Some(7));
/// assert_eq!(quota.limit(QuotaKind::Jobs), Some(7));
/// assert_eq!(quota.limit(QuotaKind::Streams), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota([Option<u32>; QuotaKind::ALL.len()]);

impl Quota {
    /// Returns the limit of this kind; `None` is unlimited.
    pub const fn limit(&self, kind: QuotaKind) -> Option<u32> {
        self.0[kind as usize]
    }

    /// Returns the quota with this limit set, or removed.
    #[must_use]
    pub const fn with(mut self, kind: QuotaKind, most: Option<u32>) -> Self {
        self.0[kind as usize] = most;
        self
    }

    /// Iterates over the limits that are set.
    pub fn limits(&self) -> impl Iterator<Item = (QuotaKind, u32)> {
        QuotaKind::ALL.iter().filter_map(|kind| Some((*kind, self.limit(*kind)?)))
    }
}

impl FromIterator<(QuotaKind, u32)> for Quota {
    fn from_iter<I: IntoIterator<Item = (QuotaKind, u32)>>(limits: I) -> Self {
        limits.into_iter().fold(Self::default(), |quota, (kind, most)| quota.with(kind, Some(most)))
    }
}

/// The form on the wire: every kind by its name, null where it is unlimited.
impl serde::Serialize for Quota {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(QuotaKind::ALL.iter().map(|kind| (kind.name(), self.limit(*kind))))
    }
}

/// The quota that was exceeded: which, whose, and its value. Nothing was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaExceeded {
    /// Kind of the exceeded quota.
    pub limit: QuotaKind,
    /// Whether the quota is the key's own; otherwise it is the tenant's.
    pub of_key: bool,
    /// Value of the limit.
    pub most: u32,
}

/// Amount of audio to reserve from a day's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioAmount {
    /// Exactly this many milliseconds, or the reservation fails.
    Whole(u64),
    /// At most this many milliseconds; less when less is left.
    UpTo(u64),
    /// All that is left, for audio of unknown length. Reserves 0 where there is no limit.
    Rest,
}

impl AudioAmount {
    /// Returns the milliseconds granted when `left` are left of the day (`None`: unlimited). Returns `None` when
    /// nothing or too little is left.
    pub fn granted(self, left: Option<u64>) -> Option<u64> {
        match (self, left) {
            (_, Some(0)) => None,
            (Self::Whole(ms) | Self::UpTo(ms), None) => Some(ms),
            (Self::Whole(ms), Some(left)) => (ms <= left).then_some(ms),
            (Self::UpTo(ms), Some(left)) => Some(ms.min(left)),
            (Self::Rest, left) => Some(left.unwrap_or_default()),
        }
    }

    /// Returns the milliseconds that several limits grant together, each given with what is left of it. `Err` is the
    /// first limit that grants nothing.
    pub fn within<L>(self, limits: impl IntoIterator<Item = (L, u64)>) -> Result<u64, L> {
        let mut least = None;
        for (limit, left) in limits {
            if self.granted(Some(left)).is_none() {
                return Err(limit);
            }
            least = Some(least.map_or(left, |least: u64| least.min(left)));
        }
        Ok(self.granted(least).unwrap_or_default())
    }
}

/// Source of audio usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageSource {
    /// Audio of jobs.
    Jobs,
    /// Audio of streams.
    Streams,
}

/// Usage account: the key, its tenant and the day to which audio is reserved and settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageAccount {
    /// The tenant.
    pub tenant: TenantId,
    /// The key, if the request used one.
    pub key: Option<KeyId>,
    /// The day on which the job or stream began.
    pub day: Day,
    /// The source of the usage.
    pub of: UsageSource,
}

/// Milliseconds of audio used on one day, reservations included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeteredDay {
    /// The day.
    pub day: Day,
    /// Audio of jobs.
    pub jobs_ms: u64,
    /// Audio of streams.
    pub streams_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_has_a_limit_of_each_kind() {
        let quota: Quota = [(QuotaKind::Streams, 2), (QuotaKind::Seconds, 9)].into_iter().collect();
        assert_eq!(quota.limits().collect::<Vec<_>>(), [(QuotaKind::Seconds, 9), (QuotaKind::Streams, 2)]);
        let text = serde_json::to_string(&quota).unwrap();
        assert_eq!(text, r#"{"seconds_per_day":9,"concurrent_jobs":null,"concurrent_streams":2}"#);
        for kind in QuotaKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
            assert_eq!(quota.with(*kind, None).limit(*kind), None);
        }
        let excess = QuotaExceeded { limit: QuotaKind::Jobs, of_key: true, most: 3 };
        assert_eq!(excess.to_string(), "Limit of the key exceeded (3 jobs at once)");
    }

    #[test]
    fn what_is_granted_is_asked_for_and_left() {
        for (amount, left, granted) in [
            (AudioAmount::Whole(5), None, Some(5)),
            (AudioAmount::Whole(5), Some(5), Some(5)),
            (AudioAmount::Whole(5), Some(4), None),
            (AudioAmount::Whole(0), Some(0), None),
            (AudioAmount::UpTo(5), None, Some(5)),
            (AudioAmount::UpTo(5), Some(4), Some(4)),
            (AudioAmount::UpTo(5), Some(0), None),
            (AudioAmount::Rest, None, Some(0)),
            (AudioAmount::Rest, Some(4), Some(4)),
            (AudioAmount::Rest, Some(0), None),
        ] {
            assert_eq!(amount.granted(left), granted, "{amount:?} of {left:?}");
        }
        assert_eq!(AudioAmount::Rest.within([("key", 7), ("tenant", 4)]), Ok(4));
        assert_eq!(AudioAmount::Whole(5).within([("key", 7), ("tenant", 4)]), Err("tenant"));
        assert_eq!(AudioAmount::UpTo(5).within([("key", 0), ("tenant", 0)]), Err("key"));
        assert_eq!(AudioAmount::Rest.within::<()>([]), Ok(0));
    }
}

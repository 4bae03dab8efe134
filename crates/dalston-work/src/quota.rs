//! How much audio, and how many jobs and streams at once: limits of a key and of a tenant, and what was used of them.

use dalston_model::{Day, IdError, KeyId, TenantId};
use std::{fmt, str::FromStr};

/// Whom a quota binds and a meter counts for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum QuotaOwner {
    /// A tenant: all of its keys together, and who works in it without one.
    Tenant(TenantId),
    /// A key of a tenant.
    Key(TenantId, KeyId),
}

impl QuotaOwner {
    /// The tenant.
    pub const fn tenant(&self) -> &TenantId {
        match self {
            Self::Tenant(tenant) | Self::Key(tenant, _) => tenant,
        }
    }

    /// The key, when it is one.
    pub const fn key(&self) -> Option<KeyId> {
        match self {
            Self::Tenant(_) => None,
            Self::Key(_, key) => Some(*key),
        }
    }
}

/// Makes the kinds of quota: the word that a store keeps, the name on the wire, and what the client reads when it is
/// reached, behind whose it is.
macro_rules! quotas {
    ($($(#[$doc:meta])* $kind:ident = $word:literal, $name:literal, $of:literal, $text:literal);+ $(;)?) => {
        /// What a quota limits.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum QuotaKind { $($(#[$doc])* $kind),+ }

        impl QuotaKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The word that a store keeps.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $word),+ }
            }

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }
        }

        /// What the client reads.
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
    /// Seconds of audio a day (UTC), of jobs and streams together.
    Seconds = "seconds", "seconds_per_day", "Audio limit", "{} s/day";
    /// Jobs that have not ended, at once.
    Jobs = "jobs", "concurrent_jobs", "Limit", "{} jobs at once";
    /// Open streams, at once.
    Streams = "streams", "concurrent_streams", "Limit", "{} streams at once";
}

impl FromStr for QuotaKind {
    type Err = IdError;

    /// The kind of the word that a store keeps.
    fn from_str(word: &str) -> Result<Self, IdError> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word).ok_or(IdError)
    }
}

/// A limit of each kind, or none.
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
    /// The limit of this kind; `None`: there is none.
    pub const fn limit(&self, kind: QuotaKind) -> Option<u32> {
        self.0[kind as usize]
    }

    /// With this limit, or without one.
    #[must_use]
    pub const fn with(mut self, kind: QuotaKind, most: Option<u32>) -> Self {
        self.0[kind as usize] = most;
        self
    }

    /// The limits that there are.
    pub fn limits(&self) -> impl Iterator<Item = (QuotaKind, u32)> {
        QuotaKind::ALL.iter().filter_map(|kind| Some((*kind, self.limit(*kind)?)))
    }
}

impl FromIterator<(QuotaKind, u32)> for Quota {
    fn from_iter<I: IntoIterator<Item = (QuotaKind, u32)>>(limits: I) -> Self {
        limits.into_iter().fold(Self::default(), |quota, (kind, most)| quota.with(kind, Some(most)))
    }
}

/// As on the wire: every kind by its name, null where there is no limit.
impl serde::Serialize for Quota {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(QuotaKind::ALL.iter().map(|kind| (kind.name(), self.limit(*kind))))
    }
}

/// Which limit was reached, whose, and how high it is. Nothing was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaExceeded {
    /// Which.
    pub limit: QuotaKind,
    /// Whether it is the key's own, and not the tenant's.
    pub of_key: bool,
    /// How high.
    pub most: u32,
}

/// How much audio is to be reserved of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioAmount {
    /// This many milliseconds, or none.
    Whole(u64),
    /// This many milliseconds at most: as many as are left.
    UpTo(u64),
    /// All that is left: of audio whose length is not known. Nothing where there is no limit.
    Rest,
}

impl AudioAmount {
    /// The milliseconds that are granted when `left` are left of the day, `None` without a limit. Gives `None` when
    /// nothing is granted: nothing is left, or too little.
    pub fn granted(self, left: Option<u64>) -> Option<u64> {
        match (self, left) {
            (_, Some(0)) => None,
            (Self::Whole(ms) | Self::UpTo(ms), None) => Some(ms),
            (Self::Whole(ms), Some(left)) => (ms <= left).then_some(ms),
            (Self::UpTo(ms), Some(left)) => Some(ms.min(left)),
            (Self::Rest, left) => Some(left.unwrap_or_default()),
        }
    }

    /// The milliseconds that several limits grant together, each with what is left of it. `Err`: the first one that grants
    /// nothing.
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

/// What a meter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageSource {
    /// Audio of jobs.
    Jobs,
    /// Audio of streams.
    Streams,
}

/// Whose audio it is, and of which day: what is reserved and settled goes to the key and to its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageAccount {
    /// The tenant.
    pub tenant: TenantId,
    /// The key, if one was used.
    pub key: Option<KeyId>,
    /// The day on which it was begun.
    pub day: Day,
    /// Of what.
    pub of: UsageSource,
}

/// Milliseconds of audio on one day. What is reserved counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeteredDay {
    /// The day.
    pub day: Day,
    /// Of jobs.
    pub jobs_ms: u64,
    /// Of streams.
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

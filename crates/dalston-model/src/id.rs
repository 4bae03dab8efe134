//! Ids: a UUIDv7 with a prefix per type. Parsing accepts the canonical form only, in upper or lower case.

use crate::{Entropy, EntropyError, Timestamp, text::looks_secret};
use std::{fmt, str::FromStr};
use thiserror::Error;
use uuid::Uuid;

/// The text is not the canonical form of an id of this type.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("not an id")]
pub struct IdError;

/// Defines an id type: its name, the prefix of its text, and the form of the UUID after the prefix (`simple` or
/// `hyphenated`).
///
/// ```
/// use dalston_model::{SeededEntropy, Timestamp, id_type};
///
/// id_type! {
///     /// A note: `note_` and 32 hex digits.
///     NoteId, "note_", simple
/// }
///
/// let id = NoteId::new(Timestamp::from_secs(1_767_225_600), &SeededEntropy::new(1))?;
/// assert_eq!(id.to_string().parse(), Ok(id));
/// # Ok::<(), dalston_model::EntropyError>(())
/// ```
#[macro_export]
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $form:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($crate::Uuid);

        impl $name {
            /// A new UUIDv7 (RFC 9562): the time `at` in milliseconds, then 74 random bits.
            pub fn new(at: $crate::Timestamp, entropy: &dyn $crate::Entropy) -> Result<Self, $crate::EntropyError> {
                $crate::uuid_at(at, entropy).map(Self)
            }

            /// The id with this UUID, as a store keeps it.
            pub const fn from_uuid(uuid: $crate::Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID without its prefix.
            pub const fn as_uuid(&self) -> &$crate::Uuid {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.$form())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::IdError;

            fn from_str(text: &str) -> Result<Self, $crate::IdError> {
                // Output is lower case, input has any case (RFC 9562 §4).
                let text = text.to_ascii_lowercase();
                let uuid = text.strip_prefix($prefix).ok_or($crate::IdError)?;
                let id = Self($crate::Uuid::try_parse(uuid).map_err(|_| $crate::IdError)?);
                if id.to_string() == text { Ok(id) } else { Err($crate::IdError) }
            }
        }
    };
}

/// A new UUIDv7 (RFC 9562): the time `at` in milliseconds, then 74 random bits.
#[doc(hidden)]
pub fn uuid_at(at: Timestamp, entropy: &dyn Entropy) -> Result<Uuid, EntropyError> {
    let mut random = [0; 10];
    entropy.fill(&mut random)?;
    let millis = u64::try_from(at.as_millis()).unwrap_or(0);
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

id_type! {
    /// The id of an API key: 36 characters, lower case, with hyphens.
    KeyId, "", hyphenated
}

id_type! {
    /// The id of a token lease of the rate limiter: `lease_` and 32 hex digits.
    LeaseId, "lease_", simple
}
id_type! {
    /// The id of one run of a node, for counting usage and for sharing rate limits: `node_` and 32 hex digits.
    NodeId, "node_", simple
}

/// The id of one request: the client's if it matches `[A-Za-z0-9_.-]{1,64}` and does not look like a secret, else a new
/// one. Every request has one, so it is stored inline, without an allocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    text: [u8; Self::LONGEST],
    length: u8,
}

impl RequestId {
    const LONGEST: usize = 64;

    /// A new id: 32 hex digits of a UUIDv7.
    pub fn new(at: Timestamp, entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut text = [0; Self::LONGEST];
        uuid_at(at, entropy)?.simple().encode_lower(&mut text);
        Ok(Self { text, length: 32 })
    }

    /// An id made from the time, for when there is no randomness.
    pub fn at(now: Timestamp) -> Self {
        Self::of(format!("t{}", now.as_micros()).as_bytes())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The text in ASCII.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.length)]
    }

    fn of(plain: &[u8]) -> Self {
        let (mut text, mut length) = ([0; Self::LONGEST], 0);
        for (place, byte) in text.iter_mut().zip(plain) {
            *place = *byte;
            length += 1;
        }
        Self { text, length }
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestId").field(&self.as_str()).finish()
    }
}

impl FromStr for RequestId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        if (1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(allowed) && !looks_secret(text) {
            Ok(Self::of(text.as_bytes()))
        } else {
            Err(IdError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn an_id_is_read_in_its_canonical_form_in_any_case() {
        let id = LeaseId::new(Timestamp::from_millis(1_700_000_000_000), &SeededEntropy::new(1)).unwrap();
        assert_eq!(id.to_string().len(), 38);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        for wrong in [id.as_uuid().to_string(), format!("lease_{}", id.as_uuid()), format!(" {id}")] {
            assert_eq!(wrong.parse::<LeaseId>(), Err(IdError), "{wrong}");
        }
        assert!("{550e8400-e29b-41d4-a716-446655440000}".parse::<KeyId>().is_err());
        assert!("550e8400-e29b-41d4-a716-446655440000".parse::<KeyId>().is_ok());
    }

    #[test]
    fn a_request_id_is_plain_and_no_key() {
        for plain in ["a", "A-1_b.c", &"x".repeat(64)] {
            assert_eq!(plain.parse::<RequestId>().unwrap().as_str(), plain);
        }
        let at = Timestamp::from_millis(1_700_000_000_000);
        let new = RequestId::new(at, &SeededEntropy::new(1)).unwrap();
        assert_eq!((new.as_str().len(), new.as_str().parse()), (32, Ok(new)));
        assert_eq!(RequestId::at(at).as_str(), "t1700000000000000");
        for wrong in ["", "a b", "a/b", &"x".repeat(65), &format!("dk_{}", "a".repeat(43))] {
            assert!(wrong.parse::<RequestId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn ids_made_later_sort_later() {
        let entropy = SeededEntropy::new(2);
        let early = KeyId::new(Timestamp::from_millis(1_000), &entropy).unwrap();
        let late = KeyId::new(Timestamp::from_millis(1_001), &entropy).unwrap();
        assert!(early < late && early.to_string() < late.to_string());
    }
}

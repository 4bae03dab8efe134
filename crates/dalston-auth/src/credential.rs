//! The one credential of a request, chosen from all the places where one may be.

use crate::{KeyPrefix, Refusal, Ticket};

/// The scheme of a key, in any case.
const BEARER: &[u8] = b"bearer";

/// Where a request carries a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The header `Authorization`.
    Authorization,
    /// The header `X-API-Key` or its alias.
    ApiKey,
    /// The parameter `api_key` of the query, and whether it is taken here.
    Query {
        /// Whether this route takes it.
        taken: bool,
    },
    /// Where a ticket may come: the parameter `ticket` of a stream's query, or its subprotocol.
    Ticket,
    /// The subprotocol in which clients of OpenAI's carry a key; a ticket too.
    Protocol,
}

/// Something in one of those places, as it came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Where.
    pub place: Place,
    /// What: the bytes of the header or of the decoded parameter.
    pub value: &'a [u8],
}

/// The one credential: the text a client sent, and what it may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credential<'a> {
    /// The secret, not checked yet.
    pub token: &'a str,
    /// Whether it came where the master key may come.
    pub may_be_master: bool,
    /// Whether it is a ticket, and not a key.
    pub is_ticket: bool,
}

impl<'a> Credential<'a> {
    /// The credential among all that the request carries. More than one is ambiguous, even twice the same and even
    /// where one is not taken; one that is not taken counts as none (RFC 6750 §2, AUTH-01, AUTH-03). `Authorization` with
    /// another scheme is somebody else's, as of a proxy that asks for a password: it is passed over. `prefix` is how a
    /// missing one should begin.
    pub fn choose(candidates: impl Iterator<Item = Candidate<'a>>, prefix: KeyPrefix) -> Result<Self, Refusal> {
        let mut candidates = candidates.filter(Candidate::is_ours);
        let candidate = candidates.next().ok_or(Refusal::MissingCredential(prefix))?;
        if candidates.next().is_some() {
            return Err(Refusal::AmbiguousCredential);
        }
        let value = std::str::from_utf8(candidate.value).map_err(|_| Refusal::AmbiguousCredential)?;
        let (token, may_be_master) = match candidate.place {
            Place::Authorization => (token(value), true),
            Place::ApiKey | Place::Query { taken: true } | Place::Ticket | Place::Protocol => (value, false),
            Place::Query { taken: false } => return Err(Refusal::MissingCredential(prefix)),
        };
        // All are looked at, whatever the first ones are: so they are looked at sixteen at a time.
        if token.is_empty() || !token.bytes().fold(true, |sound, byte| sound & byte.is_ascii_graphic()) {
            return Err(Refusal::AmbiguousCredential);
        }
        let is_ticket = match candidate.place {
            Place::Ticket => true,
            Place::Protocol => Ticket::is_meant(token),
            Place::Authorization | Place::ApiKey | Place::Query { .. } => false,
        };
        Ok(Self { token, may_be_master, is_ticket })
    }
}

impl Candidate<'_> {
    /// Whether it is meant for this gate: in `Authorization` only the scheme `Bearer` is, in any case.
    fn is_ours(&self) -> bool {
        let scheme = || self.value.split(|byte| *byte == b' ').next().unwrap_or_default();
        self.place != Place::Authorization || scheme().eq_ignore_ascii_case(BEARER)
    }
}

/// The token of `Bearer 1*SP token`, whose scheme was looked at.
fn token(value: &str) -> &str {
    value.get(BEARER.len()..).unwrap_or_default().trim_start_matches(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(candidates: &[(Place, &'static str)]) -> Result<(&'static str, bool), Refusal> {
        let candidates = candidates.iter().map(|(place, value)| Candidate { place: *place, value: value.as_bytes() });
        Credential::choose(candidates, KeyPrefix::default())
            .map(|credential| (credential.token, credential.may_be_master))
    }

    const TAKEN: Place = Place::Query { taken: true };
    const NOT_TAKEN: Place = Place::Query { taken: false };

    #[test]
    fn one_credential_is_chosen_wherever_it_is_taken() {
        assert_eq!(choose(&[(Place::Authorization, "Bearer t")]), Ok(("t", true)));
        assert_eq!(choose(&[(Place::Authorization, "bEARER   t")]), Ok(("t", true)));
        assert_eq!(choose(&[(Place::ApiKey, "t")]), Ok(("t", false)));
        assert_eq!(choose(&[(TAKEN, "t")]), Ok(("t", false)));
    }

    #[test]
    fn a_ticket_is_one_only_where_tickets_come() {
        let is_ticket = |place, value: &str| {
            let candidate = Candidate { place, value: value.as_bytes() };
            Credential::choose([candidate].into_iter(), KeyPrefix::default()).unwrap().is_ticket
        };
        assert!(is_ticket(Place::Ticket, "dt_1") && is_ticket(Place::Ticket, "dk_1"));
        assert!(is_ticket(Place::Protocol, "dt_1") && !is_ticket(Place::Protocol, "dk_1"));
        for place in [Place::ApiKey, TAKEN] {
            assert!(!is_ticket(place, "dt_1"), "{place:?}");
        }
        assert!(!is_ticket(Place::Authorization, "Bearer dt_1"));
    }

    #[test]
    fn no_credential_is_missing() {
        for none in [&[][..], &[(NOT_TAKEN, "t")], &[(Place::Authorization, "Basic dTpw")]] {
            assert_eq!(choose(none), Err(Refusal::MissingCredential(KeyPrefix::default())));
        }
    }

    #[test]
    fn another_scheme_is_passed_over_beside_a_key() {
        for scheme in ["Basic dTpw", "Digest username=\"u\"", "Negotiate YII", "", "dk_x", "Basic", "Bearerx t"] {
            for (place, value, may_be_master) in
                [(Place::ApiKey, "t", false), (TAKEN, "t", false), (Place::Authorization, "Bearer t", true)]
            {
                let other = (Place::Authorization, scheme);
                for both in [[other, (place, value)], [(place, value), other]] {
                    assert_eq!(choose(&both), Ok(("t", may_be_master)), "{scheme:?} {place:?}");
                }
            }
            let missing = Refusal::MissingCredential(KeyPrefix::default());
            assert_eq!(choose(&[(Place::Authorization, scheme)]), Err(missing), "{scheme:?}");
            let three = [(Place::Authorization, scheme), (Place::ApiKey, "t"), (Place::ApiKey, "t")];
            assert_eq!(choose(&three), Err(Refusal::AmbiguousCredential), "{scheme:?}");
        }
    }

    #[test]
    fn two_credentials_are_ambiguous_even_twice_the_same() {
        for second in [Place::Authorization, Place::ApiKey, TAKEN, NOT_TAKEN, Place::Ticket, Place::Protocol] {
            let again = if second == Place::Authorization { "Bearer t" } else { "t" };
            let two = [(Place::Authorization, "Bearer t"), (second, again)];
            assert_eq!(choose(&two), Err(Refusal::AmbiguousCredential), "AUTH-03 {second:?}");
        }
    }

    #[test]
    fn a_malformed_header_is_ambiguous() {
        for wrong in ["Bearer", "Bearer ", "Bearer a b", "Bearer a\tb", "Bearer é", "Bearer a,b c"] {
            assert_eq!(choose(&[(Place::Authorization, wrong)]), Err(Refusal::AmbiguousCredential), "{wrong:?}");
        }
        assert_eq!(choose(&[(Place::ApiKey, "")]), Err(Refusal::AmbiguousCredential));
    }
}

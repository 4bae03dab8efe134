//! The one credential of a request, chosen from all the locations where one may be.

use crate::{KeyPrefix, RejectionReason};

/// The authentication scheme of a key, which may be in any case.
const BEARER: &[u8] = b"bearer";

/// Where a request carries a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CredentialLocation {
    /// The header `Authorization`.
    Authorization,
    /// The header `X-API-Key` or its alias `xi-api-key`.
    ApiKey,
    /// The query parameter `api_key`.
    Query {
        /// Whether this route accepts it.
        taken: bool,
    },
    /// A location of tickets: the query parameter `ticket` of a stream, or the subprotocol for tickets.
    Ticket,
    /// The subprotocol in which OpenAI clients send a key. It may also hold a ticket.
    Protocol,
}

/// The one credential of a request: the text that the client sent, and its location.
///
/// Each credential scheme recognises its own. [`Gate::presented`](crate::Gate::presented) reads it from a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credential<'a> {
    /// The location.
    pub(crate) location: CredentialLocation,
    /// The secret: visible ASCII characters, not verified yet.
    pub(crate) token: &'a [u8],
}

/// Collects the credentials of a request. Keeps the first, and whether there are more.
#[derive(Clone, Copy, Default)]
pub(crate) struct CandidateCredentials<'a> {
    first: Option<(CredentialLocation, &'a [u8])>,
    are_several: bool,
}

impl<'a> CandidateCredentials<'a> {
    /// Adds the value of a header or of a decoded query parameter.
    ///
    /// An `Authorization` header with another scheme is ignored: it is meant for another recipient, such as a proxy
    /// that requires a password.
    pub(crate) fn add(&mut self, location: CredentialLocation, value: &'a [u8]) {
        if location == CredentialLocation::Authorization && !is_bearer(value) {
            return;
        }
        self.are_several |= self.first.is_some();
        self.first = self.first.or(Some((location, value)));
    }

    /// Returns the one credential.
    ///
    /// More than one is ambiguous, even if they are equal, and even if one is in a location that the route does not
    /// accept. A credential in a location that the route does not accept counts as missing (RFC 6750 §2, AUTH-01,
    /// AUTH-03). `prefix` is the prefix of secrets, for the rejection of a missing credential.
    pub(crate) fn choose(self, prefix: KeyPrefix) -> Result<Credential<'a>, RejectionReason> {
        let (location, value) = self.first.ok_or(RejectionReason::MissingCredential(prefix))?;
        if self.are_several {
            return Err(RejectionReason::AmbiguousCredential);
        }
        let token = match location {
            CredentialLocation::Authorization => token(value),
            CredentialLocation::Query { taken: false } => return Err(RejectionReason::MissingCredential(prefix)),
            CredentialLocation::ApiKey
            | CredentialLocation::Query { taken: true }
            | CredentialLocation::Ticket
            | CredentialLocation::Protocol => value,
        };
        // Checks all bytes, without an early exit, so that the compiler can check sixteen at a time.
        if token.is_empty() || !token.iter().fold(true, |sound, byte| sound & byte.is_ascii_graphic()) {
            return Err(RejectionReason::AmbiguousCredential);
        }
        Ok(Credential { location, token })
    }
}

/// Returns whether the scheme of an `Authorization` header is `Bearer`, in any case.
fn is_bearer(value: &[u8]) -> bool {
    let (scheme, rest) = value.split_at(value.len().min(BEARER.len()));
    scheme.eq_ignore_ascii_case(BEARER) && rest.first().is_none_or(|byte| *byte == b' ')
}

/// Returns the token of `Bearer 1*SP token`, whose scheme was already checked.
fn token(value: &[u8]) -> &[u8] {
    let rest = value.get(BEARER.len()..).unwrap_or_default();
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    rest.get(spaces..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(
        candidates: &[(CredentialLocation, &'static str)],
    ) -> Result<(&'static str, CredentialLocation), RejectionReason> {
        let mut all = CandidateCredentials::default();
        for (location, value) in candidates {
            all.add(*location, value.as_bytes());
        }
        let chosen = all.choose(KeyPrefix::default())?;
        Ok((std::str::from_utf8(chosen.token).unwrap(), chosen.location))
    }

    const TAKEN: CredentialLocation = CredentialLocation::Query { taken: true };
    const NOT_TAKEN: CredentialLocation = CredentialLocation::Query { taken: false };

    #[test]
    fn one_credential_is_chosen_wherever_it_is_taken() {
        assert_eq!(
            choose(&[(CredentialLocation::Authorization, "Bearer t")]),
            Ok(("t", CredentialLocation::Authorization))
        );
        assert_eq!(
            choose(&[(CredentialLocation::Authorization, "bEARER   t")]),
            Ok(("t", CredentialLocation::Authorization))
        );
        for location in [CredentialLocation::ApiKey, TAKEN, CredentialLocation::Ticket, CredentialLocation::Protocol] {
            assert_eq!(choose(&[(location, "t")]), Ok(("t", location)));
        }
    }

    #[test]
    fn no_credential_is_missing() {
        for none in [&[][..], &[(NOT_TAKEN, "t")], &[(CredentialLocation::Authorization, "Basic dTpw")]] {
            assert_eq!(choose(none), Err(RejectionReason::MissingCredential(KeyPrefix::default())));
        }
    }

    #[test]
    fn another_scheme_is_passed_over_beside_a_key() {
        for scheme in
            ["Basic dTpw", "Digest username=\"u\"", "Negotiate YII", "", "dk_x", "Basic", "Bearerx t", "Beare"]
        {
            for (location, value) in
                [(CredentialLocation::ApiKey, "t"), (TAKEN, "t"), (CredentialLocation::Authorization, "Bearer t")]
            {
                let other = (CredentialLocation::Authorization, scheme);
                for both in [[other, (location, value)], [(location, value), other]] {
                    assert_eq!(choose(&both), Ok(("t", location)), "{scheme:?} {location:?}");
                }
            }
            let missing = RejectionReason::MissingCredential(KeyPrefix::default());
            assert_eq!(choose(&[(CredentialLocation::Authorization, scheme)]), Err(missing), "{scheme:?}");
            let three = [
                (CredentialLocation::Authorization, scheme),
                (CredentialLocation::ApiKey, "t"),
                (CredentialLocation::ApiKey, "t"),
            ];
            assert_eq!(choose(&three), Err(RejectionReason::AmbiguousCredential), "{scheme:?}");
        }
    }

    #[test]
    fn two_credentials_are_ambiguous_even_twice_the_same() {
        for second in [
            CredentialLocation::Authorization,
            CredentialLocation::ApiKey,
            TAKEN,
            NOT_TAKEN,
            CredentialLocation::Ticket,
            CredentialLocation::Protocol,
        ] {
            let again = if second == CredentialLocation::Authorization { "Bearer t" } else { "t" };
            let two = [(CredentialLocation::Authorization, "Bearer t"), (second, again)];
            assert_eq!(choose(&two), Err(RejectionReason::AmbiguousCredential), "AUTH-03 {second:?}");
        }
    }

    #[test]
    fn a_malformed_header_is_ambiguous() {
        for wrong in ["Bearer", "Bearer ", "Bearer a b", "Bearer a\tb", "Bearer é", "Bearer a,b c"] {
            assert_eq!(
                choose(&[(CredentialLocation::Authorization, wrong)]),
                Err(RejectionReason::AmbiguousCredential),
                "{wrong:?}"
            );
        }
        assert_eq!(choose(&[(CredentialLocation::ApiKey, "")]), Err(RejectionReason::AmbiguousCredential));
    }
}

//! Verification of API keys against a gateway, with a cache and single-flight requests.

use crate::{
    ClientError, EndpointError, VerifiedKey,
    endpoint::{Endpoint, bearer},
    shared_requests::SharedRequests,
    verified_key::VerifyAnswer,
    verify_cache::{Digest, RefusedSecret, VerifyCache},
};
use dalston_model::{EntropyError, ErrorCode, OsEntropy, SharedClock, SharedEntropy, SystemClock};
use futures_util::{FutureExt, future::BoxFuture};
use reqwest::{Method, StatusCode};
use std::{fmt, sync::Arc, time::Duration};
use thiserror::Error;

/// The route that returns the key of a secret.
const ROUTE: &str = "/auth/me";
/// Maximum length of a secret in bytes.
const LONGEST_SECRET: usize = 512;
/// Maximum size of an answer in bytes: a key with its metadata.
const LONGEST_ANSWER: usize = 64 << 10;

/// Verifies the secrets that clients present against a gateway, with a bounded cache.
///
/// Guarantees, where *N* is [`accepted_for`](VerifierBuilder::accepted_for) (default 30 s):
///
/// * **A secret that the gateway no longer accepts is accepted here for at most *N* longer**, whatever fails; or for as
///   long as the gateway takes to answer, if that is longer, which is at most the
///   [`timeout`](VerifierBuilder::timeout). *N* starts before the request to the gateway, on a monotonic clock. The
///   cache never serves an expired entry: if *N* is over and the gateway does not answer, the result is an outage.
/// * The cache does not accept a key past its expiry, by this machine's clock.
/// * A secret that the gateway begins to accept is refused here for at most
///   [`refused_for`](VerifierBuilder::refused_for) longer (default 5 s).
/// * An outage is never a refusal: only the gateway's own `invalid_credential` is. Outages and rate limits are not
///   cached.
/// * Concurrent callers with the same secret share one request (single-flight).
/// * The cache holds at most [`entries`](VerifierBuilder::entries) accepted and as many refused secrets. Each is stored
///   as HMAC-SHA-256 under a key of this process, never as the secret.
///
/// Each request to the gateway counts in the key's rate limit there, and each refused one counts as a failed attempt
/// from the address of *this* service. A request that the cache answers does neither. The verifier refuses the
/// operator's master key, which is not an API key.
#[derive(Clone)]
pub struct Verifier(Arc<VerifierParts>);

struct VerifierParts {
    endpoint: Endpoint,
    cache: VerifyCache,
    flights: SharedRequests<Digest, VerificationResult>,
    accepted_for: Duration,
    refused_for: Duration,
    clock: SharedClock,
}

type VerificationResult = Result<VerifiedKey, VerifyError>;

/// Why a secret was not accepted.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum VerifyError {
    /// The gateway does not accept the secret: unknown, revoked, expired or disabled.
    #[error("the secret is not accepted")]
    Refused,
    /// The key's rate limit is exceeded, or this service has made too many failed attempts.
    #[error("the rate limit is exceeded")]
    RateLimited {
        /// How long to wait before the next request.
        retry_after: Option<Duration>,
    },
    /// The secret could not be verified: the gateway did not answer, the answer was not a gateway's, or the gateway
    /// cannot decide.
    #[error("the gateway does not verify: {0}")]
    Unavailable(ClientError),
}

/// Why a verifier cannot be built.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum VerifierError {
    /// The URL is not usable.
    #[error("the gateway {0}")]
    Endpoint(#[from] EndpointError),
    /// No random bytes for the key of the digests.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// Builder of a [`Verifier`].
#[must_use]
pub struct VerifierBuilder {
    url: String,
    accepted_for: Duration,
    refused_for: Duration,
    entries: usize,
    timeout: Duration,
    clock: SharedClock,
    entropy: SharedEntropy,
}

impl Verifier {
    /// Builds a verifier against the gateway at `url`.
    pub fn builder(url: &str) -> VerifierBuilder {
        VerifierBuilder {
            url: url.to_owned(),
            accepted_for: Duration::from_secs(30),
            refused_for: Duration::from_secs(5),
            entries: 10_000,
            timeout: Duration::from_secs(5),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
        }
    }

    /// Returns the key of the secret, from the cache or from the gateway.
    pub async fn verify(&self, secret: &str) -> Result<VerifiedKey, VerifyError> {
        let parts = &self.0;
        // Refuse a malformed secret without a request.
        if secret.len() > LONGEST_SECRET || bearer(secret).is_err() {
            return Err(VerifyError::Refused);
        }
        let digest = parts.cache.digest(secret);
        match parts.cache.get(&digest, parts.clock.monotonic()) {
            Some(known) => known.map_err(|RefusedSecret| VerifyError::Refused),
            None => parts.flights.join(digest, || parts.clone().ask(digest, secret)).await,
        }
    }

    /// The number of cached secrets, accepted and refused.
    pub fn cached(&self) -> usize {
        self.0.cache.len()
    }
}

impl VerifierParts {
    /// Verifies the secret with the gateway, and caches the result.
    fn ask(self: Arc<Self>, digest: Digest, secret: &str) -> BoxFuture<'static, VerificationResult> {
        let Ok(credential) = bearer(secret) else { return async { Err(VerifyError::Refused) }.boxed() };
        async move {
            // The lifetime starts before the request is sent: this bounds the age of a cached acceptance.
            let asked = self.clock.monotonic();
            let request = self.endpoint.request(Method::GET, ROUTE, credential);
            let verified = match self.endpoint.send(request).await {
                Ok(success) => match VerifiedKey::read(&success.body) {
                    Some(VerifyAnswer::Key(key)) => Ok(key),
                    Some(VerifyAnswer::Keyless) => Err(VerifyError::Refused),
                    None => Err(VerifyError::Unavailable(ClientError::Foreign(StatusCode::OK))),
                },
                Err(error) => Err(reason(error)),
            };
            match &verified {
                Ok(key) => self.cache.accept(digest, key.clone(), asked.saturating_add(self.lifetime(key))),
                Err(VerifyError::Refused) => self.cache.refuse(digest, asked.saturating_add(self.refused_for)),
                Err(VerifyError::RateLimited { .. } | VerifyError::Unavailable(_)) => {}
            }
            verified
        }
        .boxed()
    }

    /// How long the cache may accept the key.
    fn lifetime(&self, key: &VerifiedKey) -> Duration {
        let left = key.expires_at().map(|end| end.since(self.clock.now()));
        left.map_or(self.accepted_for, |left| left.min(self.accepted_for))
    }
}

/// Maps an error of the call to the result of the verification. Only `invalid_credential` refuses the secret: a missing
/// or an ambiguous credential is a fault of an intermediary.
fn reason(error: ClientError) -> VerifyError {
    match &error {
        ClientError::Refused(problem) if (problem.status, problem.code) == (401, ErrorCode::InvalidCredential) => {
            VerifyError::Refused
        }
        ClientError::Refused(problem) if (problem.status, problem.code) == (429, ErrorCode::RateLimited) => {
            VerifyError::RateLimited { retry_after: problem.retry_after }
        }
        _ => VerifyError::Unavailable(error),
    }
}

impl VerifierBuilder {
    /// How long an accepted secret stays cached: the maximum delay of a revocation. Default 30 s.
    pub fn accepted_for(self, accepted_for: Duration) -> Self {
        Self { accepted_for, ..self }
    }

    /// How long a refused secret stays cached. Default 5 s.
    pub fn refused_for(self, refused_for: Duration) -> Self {
        Self { refused_for, ..self }
    }

    /// Maximum number of cached accepted secrets, and of refused ones. Default 10,000 each.
    pub fn entries(self, entries: usize) -> Self {
        Self { entries, ..self }
    }

    /// Timeout of a request, after which the gateway is unavailable. Default 5 s.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Replaces the system's clock and source of randomness, for tests.
    pub fn clock_and_entropy(self, clock: SharedClock, entropy: SharedEntropy) -> Self {
        Self { clock, entropy, ..self }
    }

    /// Builds the verifier. Sends no request.
    pub fn build(self) -> Result<Verifier, VerifierError> {
        let Self { url, accepted_for, refused_for, entries, timeout, clock, entropy } = self;
        let endpoint = Endpoint::new(&url, timeout, LONGEST_ANSWER)?;
        let (cache, flights) = (VerifyCache::new(entries, &entropy)?, SharedRequests::new());
        Ok(Verifier(Arc::new(VerifierParts { endpoint, cache, flights, accepted_for, refused_for, clock })))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("url", &self.0.endpoint.url()).finish_non_exhaustive()
    }
}

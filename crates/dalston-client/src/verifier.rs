//! Verification of secrets against a gateway.

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

/// The route that says whose secret it is.
const ROUTE: &str = "/auth/me";
/// No secret is longer.
const LONGEST_SECRET: usize = 512;
/// Bytes of the longest answer: a key with its metadata.
const LONGEST_ANSWER: usize = 64 << 10;

/// Verifies the secrets that clients present against a gateway, with a bounded cache.
///
/// What it promises, where *N* is [`accepted_for`](VerifierBuilder::accepted_for) (30 s unless it is set):
///
/// * **A secret that the gateway has stopped accepting is accepted here for at most *N* longer**, whatever fails; or for as
///   long as its answer takes, if that is longer: the [`timeout`](VerifierBuilder::timeout) at most. *N* is counted from
///   before the gateway was asked, by a clock that no step of the time moves. There is no stale acceptance: when *N* is over
///   and the gateway does not answer, that is an outage.
/// * A key with an end is not accepted from the cache after it, by this machine's clock.
/// * A secret that the gateway begins to accept is refused here for at most
///   [`refused_for`](VerifierBuilder::refused_for) longer (5 s unless it is set).
/// * An outage is never a refusal: only the gateway's own `invalid_credential` is. Neither it nor a rate limit is cached.
/// * Callers that present one secret at one time share one request.
/// * The cache holds at most [`entries`](VerifierBuilder::entries) accepted and as many refused secrets, by HMAC-SHA-256 under
///   a key of this process; never a secret.
///
/// Each request to the gateway counts in the key's rate limit there, and each refused one as a failed attempt of the address
/// of *this* service; a request that the cache answers does neither. The operator's master key is no key: it is refused.
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
    /// The gateway accepts no request of this key, or no failed attempt of this service, for now.
    #[error("the rate limit is exceeded")]
    RateLimited {
        /// When to ask again.
        retry_after: Option<Duration>,
    },
    /// Nothing is known: the gateway did not answer, not as a gateway does, or that it cannot decide.
    #[error("the gateway does not verify: {0}")]
    Unavailable(ClientError),
}

/// Why there is no verifier.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum VerifierError {
    /// No gateway.
    #[error("the gateway {0}")]
    Endpoint(#[from] EndpointError),
    /// No key for the digests.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// What a [`Verifier`] is made of.
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
    /// Against the gateway at `url`.
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

    /// Whose secret it is, from the cache or from the gateway.
    pub async fn verify(&self, secret: &str) -> Result<VerifiedKey, VerifyError> {
        let parts = &self.0;
        // What no secret is need not be asked.
        if secret.len() > LONGEST_SECRET || bearer(secret).is_err() {
            return Err(VerifyError::Refused);
        }
        let digest = parts.cache.digest(secret);
        match parts.cache.get(&digest, parts.clock.monotonic()) {
            Some(known) => known.map_err(|RefusedSecret| VerifyError::Refused),
            None => parts.flights.join(digest, || parts.clone().ask(digest, secret)).await,
        }
    }

    /// Secrets in the cache, accepted and refused.
    pub fn cached(&self) -> usize {
        self.0.cache.len()
    }
}

impl VerifierParts {
    /// Asks the gateway, and remembers what it says of the secret.
    fn ask(self: Arc<Self>, digest: Digest, secret: &str) -> BoxFuture<'static, VerificationResult> {
        let Ok(credential) = bearer(secret) else { return async { Err(VerifyError::Refused) }.boxed() };
        async move {
            // From before it is asked: so long at most an acceptance is old.
            let asked = self.clock.monotonic();
            let request = self.endpoint.request(Method::GET, ROUTE, credential);
            let verified = match self.endpoint.send(request).await {
                Ok(success) => match VerifiedKey::read(&success.body) {
                    Some(VerifyAnswer::Key(key)) => Ok(key),
                    Some(VerifyAnswer::Keyless) => Err(VerifyError::Refused),
                    None => Err(VerifyError::Unavailable(ClientError::Foreign(StatusCode::OK))),
                },
                Err(error) => Err(refusal(error)),
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

    /// How long a key may be accepted from the cache.
    fn lifetime(&self, key: &VerifiedKey) -> Duration {
        let left = key.expires_at().map(|end| end.since(self.clock.now()));
        left.map_or(self.accepted_for, |left| left.min(self.accepted_for))
    }
}

/// What an answer means for the secret. Only the gateway's own word about it is a refusal: that no credential arrived, or
/// two, is a fault of whatever stands between.
fn refusal(error: ClientError) -> VerifyError {
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
    /// How long an accepted secret is accepted without asking: what a revocation takes at most. 30 s unless it is set.
    pub fn accepted_for(self, accepted_for: Duration) -> Self {
        Self { accepted_for, ..self }
    }

    /// How long a refused secret is refused without asking. 5 s unless it is set.
    pub fn refused_for(self, refused_for: Duration) -> Self {
        Self { refused_for, ..self }
    }

    /// How many accepted secrets are cached, and how many refused ones. 10,000 each unless it is set.
    pub fn entries(self, entries: usize) -> Self {
        Self { entries, ..self }
    }

    /// A gateway that does not answer in this time is unavailable. 5 s unless it is set.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Time and randomness are these, and not the system's: for tests.
    pub fn world(self, clock: SharedClock, entropy: SharedEntropy) -> Self {
        Self { clock, entropy, ..self }
    }

    /// The verifier. Asks nobody.
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

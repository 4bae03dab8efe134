//! API-key authentication and authorization: secrets, digests, credential schemes, principals, permits and the gate.
//! This is the crate that other services embed.
//!
//! A request presents one [`Credential`]. [`Gate::authenticate`] authenticates it, takes one token of its rate limit,
//! authorizes it, and returns an [`Admission`]. A use case takes a [`Permit<R>`](Permit) of the right that it requires.
//! Only a caller that a gate has authenticated can supply a permit.
//!
//! [`http`] holds what HTTP middleware needs in addition: the text of refusals, and the client address of a request.
//! `dalston-actix` and `dalston-tower` adapt it to the types of their servers.

mod administrators;
mod auth;
mod auth_request;
mod background;
mod cached_key;
mod caller;
mod credential;
mod digester;
mod error;
mod failures;
mod feed_consumer;
mod freshness;
mod gate;
pub mod http;
mod idempotent_request;
mod identity;
mod key_cache;
mod keys;
mod live_keys;
mod lookup;
mod mask;
mod master;
mod observers;
mod pepper;
mod permit;
mod presented;
mod product;
mod rejection_reason;
mod requirement;
mod scheme;
mod secret;
mod sharded_counter;
mod single_flight;
mod store_clock;
mod ticket;
mod token;
mod usage;
mod usage_counters;

#[cfg(feature = "postgres")]
pub use dalston_store_postgres as postgres;
#[cfg(feature = "redis")]
pub use dalston_store_redis as redis;
#[cfg(feature = "sqlite")]
pub use dalston_store_sqlite as sqlite;
pub use {dalston_limit as limit, dalston_model as model, dalston_store as store};

pub use administrators::Administrators;
pub use auth::{Auth, AuthBuilder, Background, BuildError, Table};
pub use auth_request::{AuthRequest, Rejection, RequestedRoute};
pub use background::{ChangeFeed, FeedPosition, UsageWriter};
pub use cached_key::CachedKey;
pub use caller::Caller;
pub use credential::Credential;
pub use digester::{Digester, Pepper};
pub use error::{AuthError, FieldError};
pub use failures::FailureThrottle;
pub use feed_consumer::{ChangeFeedConsumer, FeedChanges};
pub use gate::{Gate, GateConfig, GateStorage, GateTotals};
pub use idempotent_request::IdempotentRequest;
pub use key_cache::{KeyCacheConfig, KeyCacheStats};
pub use keys::{KeyExpiry, Keys, MintedKey, NewKey, RotatedKey};
pub use lookup::{GateStep, Lookup};
pub use mask::Mask;
pub use master::{MasterKeyError, MasterKeys};
pub use observers::{Observation, PrincipalChange, PrincipalObserver};
pub use pepper::PepperError;
pub use permit::{Admission, Permit};
pub use presented::{CredentialLocations, PresentedCredentials, QueryCredentials};
pub use product::{Product, ProductError};
pub use rejection_reason::RejectionReason;
#[doc(hidden)]
pub use requirement::sealed;
pub use requirement::{Requirement, Right, rights};
pub use secret::{KeyFormat, KeyFormatError, KeyPrefix, PlainKey, PresentedKey};
pub use ticket::Ticket;
pub use token::SecretText;

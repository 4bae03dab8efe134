//! Who may do what: secrets, digests, credential schemes, principals, permits, the gate. What other services embed.
//!
//! A request presents one [`Credential`]. [`Gate::enter`] authenticates it, takes a unit of its rate limit and authorizes
//! it, and gives an [`Admission`]. A use case takes a [`Permit<R>`](Permit) of the right that it needs, which nothing
//! but a caller of a gate can give.
//!
//! [`http`] is what middleware of any server needs besides: how refusals read, whose address a request comes from.
//! `dalston-actix` and `dalston-tower` carry it over into the types of their servers.

mod administrators;
mod attempt;
mod auth;
mod background;
mod caller;
mod credential;
mod digester;
mod directory;
mod error;
mod failures;
mod flights;
mod follower;
mod freshness;
mod gate;
mod holder;
pub mod http;
mod keys;
mod live_keys;
mod lookup;
mod mask;
mod master;
mod need;
mod observers;
mod pepper;
mod permit;
mod presented;
mod product;
mod refusal;
mod repeat;
mod scheme;
mod secret;
mod standing;
mod store_clock;
mod striped;
mod tally;
mod ticket;
mod token;
mod usage;

#[cfg(feature = "postgres")]
pub use dalston_store_postgres as postgres;
#[cfg(feature = "redis")]
pub use dalston_store_redis as redis;
#[cfg(feature = "sqlite")]
pub use dalston_store_sqlite as sqlite;
pub use {dalston_limit as limit, dalston_model as model, dalston_store as store};

pub use administrators::Administrators;
pub use attempt::{Asked, Attempt, Denied};
pub use auth::{Auth, AuthBuilder, Background, BuildError, Table};
pub use background::{ChangeFeed, FeedPosition, UsageWriter};
pub use caller::Caller;
pub use credential::Credential;
pub use digester::{Digester, Pepper};
pub use directory::{Memory, MemoryFigures};
pub use error::{AuthError, FieldError};
pub use failures::FailureThrottle;
pub use follower::{Follower, News};
pub use gate::{Gate, GateParts, GateStorage, Totals};
pub use holder::Holder;
pub use keys::{CreateKey, Ends, Keys, Minted, RotatedKey};
pub use lookup::{Entry, Lookup};
pub use mask::Mask;
pub use master::{MasterKeyError, MasterKeys};
#[doc(hidden)]
pub use need::sealed;
pub use need::{Need, Right, rights};
pub use observers::{Observation, PrincipalChange, PrincipalObserver};
pub use pepper::PepperError;
pub use permit::{Admission, Permit};
pub use presented::{InQuery, Places, Presented};
pub use product::{Product, ProductError};
pub use refusal::Refusal;
pub use repeat::Repeat;
pub use secret::{KeyFormat, KeyFormatError, KeyPrefix, PlainKey, PresentedKey};
pub use ticket::Ticket;
pub use token::SecretText;

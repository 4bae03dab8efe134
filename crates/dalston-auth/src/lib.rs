//! Who may do what: secrets, digests, credentials, callers, the gate. What other services embed.
//!
//! A request brings one [`Credential`]; [`Gate::enter`] says who that is and whether there is room in the minute;
//! [`Caller::permit`] says what they may do and gives a [`Permit`], which nothing else can make.

mod administrators;
mod attempt;
mod caller;
mod credential;
mod digester;
mod directory;
mod failures;
mod flights;
mod follower;
mod freshness;
mod gate;
mod holder;
mod mask;
mod master;
mod pepper;
mod refusal;
mod secret;
mod store_clock;
mod striped;
mod tally;
mod ticket;
mod token;
mod usage;

pub use administrators::Administrators;
pub use attempt::{Asked, Attempt, Denied, Entry};
pub use caller::{Caller, Identity, Need, Permit};
pub use credential::{Candidate, Credential, Place};
pub use digester::{Digester, Pepper};
pub use directory::{Memory, MemoryFigures};
pub use failures::FailureThrottle;
pub use follower::{Follower, News};
pub use gate::{Gate, GateParts, Totals};
pub use holder::Holder;
pub use mask::Mask;
pub use master::{MasterKeyError, MasterKeys};
pub use pepper::PepperError;
pub use refusal::Refusal;
pub use secret::{KeyFormat, KeyFormatError, KeyPrefix, PlainKey, PresentedKey};
pub use ticket::Ticket;
pub use token::SecretText;

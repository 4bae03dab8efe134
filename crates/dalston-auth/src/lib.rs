//! Who may do what: secrets, digests, credentials, callers, the gate. What other services embed.
//!
//! A request brings one [`Credential`]; [`Gate::enter`] says who that is and whether there is room in the minute;
//! [`Caller::permit`] says what they may do and gives a [`Permit`], which nothing else can make.

mod administrators;
mod attempt;
mod caller;
mod credential;
mod digester;
mod failures;
mod gate;
mod mask;
mod master;
mod refusal;
mod secret;
mod ticket;
mod token;
mod usage;

pub use administrators::Administrators;
pub use attempt::{Asked, Attempt, Denied, Entry};
pub use caller::{Caller, Identity, Need, Permit};
pub use credential::{Candidate, Credential, Place};
pub use digester::{Digester, Pepper};
pub use failures::FailureThrottle;
pub use gate::{Gate, GateParts, Totals};
pub use mask::{masked, masked_text};
pub use master::{MasterKeyError, MasterKeys};
pub use refusal::Refusal;
pub use secret::{KeyFormat, KeyFormatError, PlainKey};
pub use ticket::Ticket;
pub use token::SecretText;
pub use usage::UsageBuffer;

//! Signs deliveries of webhooks and sends them, only to public addresses and allowed networks (protection
//! against SSRF).
//!
//! A client that may register a webhook chooses where this process connects to. So the address of the connection is
//! what is checked: literal addresses are parsed as the URL standard parses them, names are resolved here and all
//! addresses that are not permitted are dropped, and redirects are not followed.

mod delivery_error;
mod networks;
mod resolver;
mod sender;
mod signature;
mod target;

pub use delivery_error::DeliveryError;
pub use networks::Networks;
pub use sender::{OutgoingDelivery, Sender};
pub use signature::signatures;
pub use target::TargetError;

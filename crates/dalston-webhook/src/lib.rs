//! Signs deliveries of webhooks and sends them, to no address that is not public.
//!
//! Whoever may register a webhook chooses where this process connects to. So the address that is connected to is what
//! counts: literal ones are read as the URL standard reads them, names are resolved here and lose every address that is
//! not public, and no redirect leads on.

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

//! Settings in, a running set of parts out: the only place that names a storage engine.

mod admin_box;
mod first_key;
mod logging;
mod open;
mod runtime;
mod settings;

pub use admin_box::admin_box;
pub use logging::init as init_logging;
pub use open::{Opened, open};
pub use runtime::{Runtime, Seams};
pub use settings::{Lookup, SETTINGS, Setting, Settings, SettingsError, StoreUrl};

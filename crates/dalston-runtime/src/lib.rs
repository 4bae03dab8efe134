//! Settings in, a running set of parts out: the only place that names a storage engine.

mod admin_box;
mod clients;
mod first_key;
mod given;
mod logging;
mod masking;
mod open;
mod reader;
mod runtime;
mod setting;
mod settings;
mod store_url;
mod unknown;
mod work;
mod workload;

pub use admin_box::admin_box;
pub use clients::Clients;
pub use dalston_chat::Tempo;
pub use first_key::Shown;
pub use given::Given;
pub use logging::{Log, init as init_logging};
pub use open::{Opened, open};
pub use runtime::{Runtime, Seams};
pub use setting::{API_KEY, CLIENT_SETTINGS, SERVER, SETTINGS, Setting};
pub use settings::{KeysInQuery, LlmSettings, Lookup, Settings, SettingsError, TelegramSettings};
pub use store_url::StoreUrl;
pub use unknown::unknown_settings;
pub use workload::{BucketSettings, EngineSettings, Workload};

//! Configuration and composition root: reads the settings and builds a running node. The only crate that names storage
//! engines.

mod admin_box;
mod background;
mod clients;
mod first_key;
mod job_processing;
#[cfg(test)]
mod log_page;
mod logging;
mod masking;
mod open;
mod parser;
mod runtime;
mod setting;
mod setting_value;
mod settings;
mod settings_reader;
mod settings_table;
mod store_url;
mod task_set;
mod unknown;
mod workload;

pub use admin_box::admin_box;
pub use clients::Clients;
pub use dalston_chat::Timing;
pub use first_key::Shown;
pub use logging::{Log, init as init_logging};
pub use open::{OpenedStores, open};
pub use runtime::{Overrides, Runtime};
pub use setting::SettingRow;
pub use setting_value::SettingValue;
pub use settings::{KeysInQuery, LlmSettings, Settings, SettingsError, TelegramSettings, VariableLookup};
pub use settings_table::{API_KEY, CLIENT_SETTINGS, SERVER, SETTINGS};
pub use store_url::StoreUrl;
pub use task_set::{Stage, TaskSet};
pub use unknown::unknown_settings;
pub use workload::{BucketSettings, EngineSettings, Workload};

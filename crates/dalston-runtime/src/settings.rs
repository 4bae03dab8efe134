//! The effective settings, read with the table's definitions. Reports all errors at once.

use crate::{Clients, StoreUrl, Workload, settings_reader::SettingsReader, settings_table as table};
use dalston_auth::{Administrators, KeyCacheConfig, Mask, MasterKeys, Pepper, SecretText};
use dalston_limit::OutagePolicy;
use dalston_model::KnownScopes;
use ipnet::IpNet;
use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use thiserror::Error;

/// Timeout of a language model response.
const LLM_PATIENCE: Duration = Duration::from_mins(1);

/// Looks up a variable. A flag takes precedence over the first variable of its setting. Only `main` reads the
/// environment.
pub type VariableLookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The effective settings.
pub struct Settings {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The store of keys and jobs.
    pub store: StoreUrl,
    /// The store of rate-limit counters, if it is not that of the keys.
    pub rate_store: Option<StoreUrl>,
    /// Whether nodes lease tokens of a shared rate-limit counter, instead of querying it for each request.
    pub leases: bool,
    /// The policy while a shared rate-limit counter is unavailable.
    pub rate_outage: OutagePolicy,
    /// The number of gateways that share the limits; `None`: as many as register.
    pub nodes: Option<NonZeroU32>,
    /// The configuration of the key cache.
    pub memory: KeyCacheConfig,
    /// The data folder.
    pub data_dir: PathBuf,
    /// The scopes that keys may have.
    pub scopes: KnownScopes,
    /// The operator's master keys.
    pub masters: MasterKeys,
    /// The HMAC key of the key digests.
    pub pepper: Option<Pepper>,
    /// The administrators in the chat.
    pub administrators: Administrators,
    /// The bot.
    pub telegram: Option<TelegramSettings>,
    /// The gateway's public URL, without a trailing slash.
    pub public_url: Option<String>,
    /// The language model.
    pub llm: Option<LlmSettings>,
    /// Settings of jobs and streams.
    pub workload: Workload,
    /// Limits and timeouts of client connections.
    pub clients: Clients,
    /// Maximum size of an upload in bytes.
    pub max_upload_bytes: u64,
    /// Where a key in the query string is accepted.
    pub query_keys: KeysInQuery,
    /// Origins that may open a stream.
    pub allowed_origins: Vec<String>,
    /// Host names that the gateway accepts.
    pub allowed_hosts: Vec<String>,
    /// Proxy networks whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Maximum number of failed authentication attempts per minute and address.
    pub auth_failures_per_minute: NonZeroU32,
    /// Whether a Redis without append-only file is accepted.
    pub allow_volatile: bool,
    /// What is masked in logs, chats and language models.
    pub mask: Arc<Mask>,
    /// The log filter.
    pub log: String,
    /// Whether the log is JSON.
    pub log_json: bool,
    /// The settings for `/status`, by variable, without secrets.
    pub shown: serde_json::Map<String, serde_json::Value>,
    /// Warnings about settings that are valid but suspicious.
    pub warnings: Vec<String>,
}

/// The bot.
#[derive(Debug, Clone)]
pub struct TelegramSettings {
    /// Its token.
    pub token: SecretText,
    /// The Bot API server, without a slash at the end.
    pub api_url: String,
    /// Whether updates are received by webhook instead of polling.
    pub webhook: bool,
}

/// The language model.
#[derive(Debug, Clone)]
pub struct LlmSettings {
    /// The OpenAI-compatible server, without a slash at the end.
    pub url: String,
    /// The model.
    pub model: String,
    /// The key for that server.
    pub key: Option<SecretText>,
    /// Timeout of a response.
    pub patience: Duration,
}

/// Where a key in the query string is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysInQuery {
    /// Only on the stream, because browsers cannot send a header there.
    Stream,
    /// On every route.
    All,
    /// Nowhere.
    Off,
}

impl KeysInQuery {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "stream" => Some(Self::Stream),
            "all" => Some(Self::All),
            "off" => Some(Self::Off),
            _ => None,
        }
    }
}

/// All errors of the settings, one line each, with the variable's name and without its value.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("invalid settings:\n  {}", .0.join("\n  "))]
pub struct SettingsError(pub Vec<String>);

impl Settings {
    /// Reads all settings. Returns all errors at once.
    pub fn read(lookup: &VariableLookup<'_>) -> Result<Self, SettingsError> {
        let mut reader = SettingsReader::new(lookup);
        let settings = Self::all(&mut reader)?;
        reader.finish(settings)
    }

    fn all(reader: &mut SettingsReader<'_>) -> Result<Self, SettingsError> {
        let data_dir = reader.read(&table::DATA_DIR)?;
        let embedded = StoreUrl::Sqlite(data_dir.join("dalston.db"));
        let public_url = reader.read_optional(&table::PUBLIC_URL);
        Ok(Self {
            listen: reader.read(&table::LISTEN)?,
            store: reader.read_optional(&table::STORE).unwrap_or(embedded),
            rate_store: reader.read_optional(&table::RATE_STORE),
            leases: reader.read(&table::RATE_IS_LEASED)?,
            rate_outage: reader.read(&table::RATE_OUTAGE)?,
            nodes: reader.read_optional(&table::NODES),
            memory: KeyCacheConfig {
                keys: reader.read(&table::CACHED_KEYS)?,
                freshness: reader.read(&table::FRESHNESS)?,
                stale: reader.read(&table::STALE)?,
            },
            data_dir,
            scopes: reader.read(&table::SCOPES)?,
            masters: reader.read_optional(&table::MASTER_KEY).unwrap_or_default(),
            pepper: reader.read_optional(&table::PEPPER),
            administrators: Administrators::new(reader.read(&table::ADMIN_IDS)?),
            telegram: TelegramSettings::read(reader, public_url.is_some())?,
            public_url,
            llm: LlmSettings::read(reader),
            workload: Workload::read(reader)?,
            clients: Clients::read(reader)?,
            max_upload_bytes: reader.read(&table::MAX_UPLOAD_BYTES)?,
            query_keys: reader.read(&table::QUERY_KEYS)?,
            allowed_origins: reader.read(&table::ALLOWED_ORIGINS)?,
            allowed_hosts: reader.read(&table::ALLOWED_HOSTS)?,
            trusted_proxies: reader.read(&table::TRUSTED_PROXIES)?,
            auth_failures_per_minute: reader.read(&table::AUTH_FAILURES_PER_MINUTE)?,
            allow_volatile: reader.read(&table::ALLOW_VOLATILE)?,
            mask: Arc::new(reader.mask()),
            log: reader.read(&table::LOG)?,
            log_json: reader.read(&table::LOG_IS_JSON)?,
            shown: reader.shown(),
            warnings: reader.warnings(),
        })
    }
}

impl TelegramSettings {
    /// `None`: there is no bot.
    fn read(reader: &mut SettingsReader<'_>, has_public_url: bool) -> Result<Option<Self>, SettingsError> {
        let (api_url, webhook) = (reader.read(&table::BOT_API_URL)?, reader.read(&table::BOT_HAS_WEBHOOK)?);
        let Some(token) = reader.read_optional(&table::BOT_TOKEN) else { return Ok(None) };
        if webhook && !has_public_url {
            reader.record_error(&table::BOT_HAS_WEBHOOK, "is webhook: DALSTON_PUBLIC_URL must say where");
        }
        Ok(Some(Self { token, api_url, webhook }))
    }
}

impl LlmSettings {
    /// `None`: there is no language model.
    fn read(reader: &mut SettingsReader<'_>) -> Option<Self> {
        let (key, model) = (reader.read_optional(&table::LLM_API_KEY), reader.read_optional(&table::LLM_MODEL));
        let url = reader.read_optional(&table::LLM_URL)?;
        if model.is_none() {
            reader.record_error(&table::LLM_MODEL, "must name the model to ask at DALSTON_LLM_URL");
        }
        Some(Self { url, model: model?, key, patience: LLM_PATIENCE })
    }
}

impl Settings {
    /// The URL at which clients reach a gateway that listens on `address`, without a trailing slash.
    pub fn url(&self, address: SocketAddr) -> String {
        let ip = address.ip();
        let is_local = ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST;
        match &self.public_url {
            Some(url) => url.clone(),
            None if is_local => format!("http://localhost:{}", address.port()),
            None => format!("http://{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SETTINGS, SettingRow};

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(&|variable| {
            pairs.iter().find(|(name, _)| *name == variable).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn unset_settings_have_their_defaults() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:8000");
        assert_eq!(settings.store, StoreUrl::Sqlite("dalston-data/dalston.db".into()));
        assert!(!settings.masters.holds(b""));
    }

    #[test]
    fn the_url_is_the_public_one_or_that_of_the_address() {
        let at = |pairs: &[(&str, &str)], address: &str| read(pairs).unwrap().url(address.parse().unwrap());
        for (address, url) in [
            ("127.0.0.1:8000", "http://localhost:8000"),
            ("0.0.0.0:18479", "http://localhost:18479"),
            ("[::]:80", "http://localhost:80"),
            ("[::1]:8000", "http://localhost:8000"),
            ("127.0.0.2:8000", "http://127.0.0.2:8000"),
            ("192.0.2.7:443", "http://192.0.2.7:443"),
            ("[2001:db8::1]:8000", "http://[2001:db8::1]:8000"),
        ] {
            assert_eq!(at(&[], address), url);
        }
        let public = [("DALSTON_PUBLIC_URL", "https://dalston.example.com/gate/")];
        assert_eq!(at(&public, "0.0.0.0:1"), "https://dalston.example.com/gate");
    }

    #[test]
    fn the_embedded_database_lies_in_the_data_folder() {
        let settings = read(&[("DALSTON_DATA_DIR", "/srv/d")]).unwrap();
        assert_eq!(settings.store, StoreUrl::Sqlite("/srv/d/dalston.db".into()));
    }

    #[test]
    fn the_store_is_found_under_its_other_names_too() {
        let both = [("REDIS_URL", "redis://r"), ("DATABASE_URL", "postgres://u:p@h/d")];
        assert_eq!(read(&both).unwrap().store.kind(), "postgres");
        assert_eq!(read(&both[..1]).unwrap().store.kind(), "redis");
        assert_eq!(format!("{:?}", read(&both).unwrap().store), "postgres://…");
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_without_the_values() {
        let secret = "hunter2hunter2";
        let SettingsError(wrong) = read(&[
            ("DALSTON_LISTEN", "nowhere"),
            ("DATABASE_URL", "mysql://u:hunter2hunter2@h"),
            ("REDIS_URL", "redis://not-asked"),
            ("NUDGE_SECRET", secret),
            ("DALSTON_LOG", "no=such=filter"),
            ("DALSTON_QUERY_KEYS", "maybe"),
            ("DALSTON_TRUSTED_PROXIES", "10.0.0.0/8,x"),
            ("DALSTON_ALLOWED_ORIGINS", "app.example.com"),
            ("DALSTON_MAX_UPLOAD_BYTES", "-1"),
            ("DALSTON_DATA_DIR", "~/data"),
        ])
        .map(|_| ())
        .unwrap_err();
        let text = wrong.join("\n");
        for variable in [
            "DALSTON_LISTEN",
            "DATABASE_URL",
            "NUDGE_SECRET",
            "DALSTON_LOG",
            "DALSTON_QUERY_KEYS",
            "DALSTON_TRUSTED_PROXIES",
            "DALSTON_ALLOWED_ORIGINS",
            "DALSTON_MAX_UPLOAD_BYTES",
            "DALSTON_DATA_DIR",
        ] {
            assert!(text.contains(variable), "{variable} in {text}");
        }
        assert_eq!(wrong.len(), 9);
        assert!(!text.contains(secret));
        // A setting that is not set is not an error.
        assert!(!text.contains("DALSTON_STORE") && !text.contains("DALSTON_MASTER_KEY"), "{text}");
    }

    #[test]
    fn each_setting_is_read_and_what_is_wrong_with_it_is_said_once() {
        let any_text = [
            "DALSTON_DATA_DIR",
            "DALSTON_PEPPER",
            "DALSTON_LLM_MODEL",
            "DALSTON_LLM_API_KEY",
            "DALSTON_ENGINE_MODEL",
            "DALSTON_ENGINE_API_KEY",
            "AWS_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
        ];
        let SettingsError(mut wrong) = Settings::read(&|variable| {
            SETTINGS.iter().any(|row| row.variable() == variable).then(|| "hunter2?".to_owned())
        })
        .map(|_| ())
        .unwrap_err();
        let mut expected: Vec<_> =
            SETTINGS.iter().map(SettingRow::variable).filter(|it| !any_text.contains(it)).collect();
        wrong.sort();
        expected.sort_unstable();
        let named: Vec<_> = wrong.iter().map(|line| line.split_once(' ').unwrap().0).collect();
        assert_eq!(named, expected);
        let told = wrong.iter().filter(|line| line.contains("hunter"));
        assert!(told.eq(wrong.iter().filter(|line| line.starts_with("DALSTON_SCOPES"))), "{wrong:?}");
    }

    #[test]
    fn secrets_are_shown_as_set_or_not() {
        let settings = read(&[("DALSTON_PEPPER", "pepper"), ("DALSTON_STORE", "redis://:p@h")]).unwrap();
        let text = serde_json::to_string(&settings.shown).unwrap();
        assert!(!text.contains("pepper\"") || text.contains("(set)"));
        assert!(!text.contains(":p@"));
        assert_eq!(settings.shown["DALSTON_PEPPER"], "(set)");
        assert_eq!(settings.shown["DALSTON_MASTER_KEY"], serde_json::Value::Null);
    }
}

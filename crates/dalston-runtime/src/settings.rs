//! The settings in force: read from the table's names, all problems at once.

use crate::{
    Clients, StoreUrl, Workload, logging,
    reader::{Reader, base_url},
};
use dalston_auth::{Administrators, Mask, MasterKeys, Memory, Pepper, SecretText};
use dalston_limit::Outage;
use dalston_model::KnownScopes;
use ipnet::IpNet;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    num::NonZeroU32,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use thiserror::Error;

/// The value of a variable, where a flag counts before the first variable of its setting. The environment is read in
/// `main` and nowhere else.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The settings in force.
pub struct Settings {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Where keys and jobs are.
    pub store: StoreUrl,
    /// Where limits are counted, if not there.
    pub rate_store: Option<StoreUrl>,
    /// Whether limits that are shared are counted in slices, and not by each request.
    pub leases: bool,
    /// What a node does while a shared counter does not answer.
    pub rate_outage: Outage,
    /// Gateways that share the limits; `None`: as many as register.
    pub nodes: Option<NonZeroU32>,
    /// How live keys are kept in memory.
    pub memory: Memory,
    /// The folder of the audio.
    pub data_dir: PathBuf,
    /// The scopes that keys may have.
    pub scopes: KnownScopes,
    /// The operator's keys.
    pub masters: MasterKeys,
    /// The key of the digest.
    pub pepper: Option<Pepper>,
    /// The administrators in the chat.
    pub administrators: Administrators,
    /// The bot.
    pub telegram: Option<TelegramSettings>,
    /// Where clients reach the gateway, without a slash at the end.
    pub public_url: Option<String>,
    /// The language model.
    pub llm: Option<LlmSettings>,
    /// How jobs and streams are served.
    pub workload: Workload,
    /// What clients may hold.
    pub clients: Clients,
    /// The greatest upload in bytes.
    pub max_upload_bytes: u64,
    /// Where a key in the query is taken.
    pub query_keys: KeysInQuery,
    /// Origins that may open a stream.
    pub allowed_origins: Vec<String>,
    /// Host names that are answered.
    pub allowed_hosts: Vec<String>,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Failed attempts a minute from one address.
    pub auth_failures_per_minute: NonZeroU32,
    /// Whether a Redis without append-only file is taken.
    pub allow_volatile: bool,
    /// What is masked in logs, chats and language models.
    pub mask: Arc<Mask>,
    /// What is logged.
    pub log: String,
    /// Whether the log is JSON.
    pub log_json: bool,
    /// What `/status` shows: by variable, without secrets.
    pub shown: serde_json::Map<String, serde_json::Value>,
    /// What is not wrong with the settings, and is to be said all the same.
    pub warnings: Vec<String>,
}

/// The bot.
#[derive(Debug, Clone)]
pub struct TelegramSettings {
    /// Its token.
    pub token: SecretText,
    /// The Bot API server, without a slash at the end.
    pub api_url: String,
    /// Whether updates come by webhook, and are not polled.
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
    /// How long an answer may take.
    pub patience: Duration,
}

/// Where a key in the query is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysInQuery {
    /// On the stream, where browsers can send no header.
    Stream,
    /// On every route.
    All,
    /// Nowhere.
    Off,
}

impl KeysInQuery {
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "stream" => Some(Self::Stream),
            "all" => Some(Self::All),
            "off" => Some(Self::Off),
            _ => None,
        }
    }
}

/// All that is wrong with the settings, a line each, with the variable's name and without its value.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("the settings are wrong:\n  {}", .0.join("\n  "))]
pub struct SettingsError(pub Vec<String>);

impl Settings {
    /// Reads all settings; all problems at once.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(lookup);
        let data_dir = reader.path("DALSTON_DATA_DIR");
        let default_store = StoreUrl::Sqlite(data_dir.join("dalston.db"));
        let counter = "must be a URL: postgres://… or redis://…";
        let listen = reader.read("DALSTON_LISTEN", "must be an address and a port: 127.0.0.1:8000", |text| {
            text.to_socket_addrs().ok()?.next()
        });
        let store = reader.value("DALSTON_STORE").map_or(Ok(default_store), |url| StoreUrl::parse(&url));
        let store = store.map_err(|wanted| reader.refuse("DALSTON_STORE", wanted)).ok();
        let rate_store = reader.given("DALSTON_RATE_STORE", counter, |text| {
            StoreUrl::parse(text).ok().filter(|url| matches!(url, StoreUrl::Postgres(_) | StoreUrl::Redis(_)))
        });
        let leases = reader.choice("DALSTON_RATE_MODE", "must be leased or shared", &["leased", "shared"]) == "leased";
        let outages = [Outage::Share, Outage::Strict];
        let rate_outage = reader.read("DALSTON_RATE_OUTAGE", "must be share or strict", |text| {
            outages.into_iter().find(|outage| text.eq_ignore_ascii_case(outage.as_str()))
        });
        let nodes = reader.given("DALSTON_NODES", "must be a number from 1 on", |text| text.parse().ok());
        let memory = reader.memory();
        let (scopes, masters) = (reader.scopes(), reader.masters());
        let max_upload_bytes = reader.read("DALSTON_MAX_UPLOAD_BYTES", "must be a number of bytes from 1 on", |text| {
            text.parse().ok().filter(|bytes| *bytes > 0)
        });
        let query_keys = reader.read("DALSTON_QUERY_KEYS", "must be stream, all or off", KeysInQuery::parse);
        let (allowed_origins, allowed_hosts, trusted_proxies) = reader.neighbours();
        let failures = "must be a number from 1 to 1000000";
        let auth_failures_per_minute = reader.read("DALSTON_AUTH_FAILURES_PER_MINUTE", failures, |text| {
            text.parse().ok().filter(|number: &NonZeroU32| number.get() <= 1_000_000)
        });
        let booleans = &["true", "false"];
        let allow_volatile = reader.choice("DALSTON_ALLOW_VOLATILE", "must be true or false", booleans) == "true";
        let log_json = reader.choice("DALSTON_LOG_FORMAT", "must be text or json", &["text", "json"]) == "json";
        let log = reader.read("DALSTON_LOG", "must be levels or target=level, comma-separated: info,dalston_auth=debug (error, warn, info, debug, trace, off)", |text| {
            logging::is_filter(text).then(|| text.to_owned())
        });
        let ids = "must be chat ids with commas between: 64-bit integers";
        let administrators = Administrators::new(reader.list("DALSTON_ADMIN_IDS", ids, |text| text.parse().ok()));
        let public_url = reader.given("DALSTON_PUBLIC_URL", "must be a URL: https://dalston.example.com", base_url);
        let telegram = reader.telegram(public_url.is_some());
        let llm = reader.llm();
        let (workload, clients) = (reader.workload(), reader.clients());
        let warnings = reader.warnings();
        let (pepper, shown) = (reader.value("DALSTON_PEPPER").map(Pepper::new), reader.shown());
        let mask = Arc::new(reader.mask());
        match (
            listen,
            store,
            rate_outage,
            memory,
            workload,
            clients,
            max_upload_bytes,
            query_keys,
            auth_failures_per_minute,
            log,
        ) {
            (
                Some(listen),
                Some(store),
                Some(rate_outage),
                Some(memory),
                Some(workload),
                Some(clients),
                Some(max_upload_bytes),
                Some(query_keys),
                Some(auth_failures_per_minute),
                Some(log),
            ) if reader.wrong.is_empty() => Ok(Self {
                listen,
                store,
                rate_store,
                leases,
                rate_outage,
                nodes,
                memory,
                data_dir,
                scopes,
                masters,
                pepper,
                administrators,
                telegram,
                public_url,
                llm,
                workload,
                clients,
                max_upload_bytes,
                query_keys,
                allowed_origins,
                allowed_hosts,
                trusted_proxies,
                auth_failures_per_minute,
                allow_volatile,
                mask,
                log,
                log_json,
                shown,
                warnings,
            }),
            _ => Err(SettingsError(reader.wrong)),
        }
    }
}

impl Settings {
    /// Where clients reach a gateway that listens on `address`: a URL without a slash at the end.
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

impl Reader<'_> {
    /// The origins and the host names that are answered, and the networks of proxies that are believed.
    fn neighbours(&mut self) -> (Vec<String>, Vec<String>, Vec<IpNet>) {
        let origins = "must be origins: https://app.example.com";
        let allowed_origins = self.list("DALSTON_ALLOWED_ORIGINS", origins, |text| {
            let plain = text.starts_with("http://") || text.starts_with("https://");
            (plain && text.matches('/').count() == 2).then(|| text.to_ascii_lowercase())
        });
        let hosts = "must be host names without a port, or *. and one for all names below it: *.example.com";
        let allowed_hosts = self.list("DALSTON_ALLOWED_HOSTS", hosts, |text| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            let name = text.strip_prefix("*.").unwrap_or(text);
            (!name.is_empty() && name.bytes().all(plain)).then(|| text.to_ascii_lowercase())
        });
        let trusted_proxies = self.list("DALSTON_TRUSTED_PROXIES", "must be CIDRs: 10.0.0.0/8", |text| {
            text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
        });
        (allowed_origins, allowed_hosts, trusted_proxies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        // What nobody set is nobody's mistake.
        assert!(!text.contains("DALSTON_STORE") && !text.contains("DALSTON_MASTER_KEY"), "{text}");
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

//! The settings: one table, from which come the environment, the flags of both binaries, and the README.

use dalston_auth::{KeyFormat, MasterKeyError, MasterKeys, Pepper};
use ipnet::IpNet;
use std::{
    fmt,
    net::{SocketAddr, ToSocketAddrs},
    num::NonZeroU32,
    path::PathBuf,
};
use thiserror::Error;
use zeroize::Zeroizing;

/// A setting as it is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The variables that hold it; the first that is set counts. The flag is the first, without `DALSTON_`.
    pub variables: &'static [&'static str],
    /// What it is unless set, as text.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Whether it must not be shown.
    pub secret: bool,
}

impl Setting {
    const fn new(variables: &'static [&'static str], default: &'static str, meaning: &'static str) -> Self {
        Self { variables, default, meaning, secret: false }
    }

    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// The variable that it is known by.
    pub const fn variable(&self) -> &'static str {
        self.variables[0]
    }

    /// The name of its flag: `listen` of `DALSTON_LISTEN`.
    pub fn flag(&self) -> String {
        self.variable().trim_start_matches("DALSTON_").to_ascii_lowercase().replace('_', "-")
    }
}

/// All settings, in the order of the README.
pub const SETTINGS: &[Setting] = &[
    Setting::new(&["DALSTON_LISTEN"], "127.0.0.1:8000", "the address that the gateway listens on"),
    Setting::new(
        &["DALSTON_STORE", "DATABASE_URL", "REDIS_URL"],
        "sqlite://dalston-data/dalston.db",
        "where keys and jobs are: sqlite://, postgres://, redis://, memory://",
    )
    .secret(),
    Setting::new(
        &["DALSTON_RATE_STORE"],
        "",
        "where limits are counted: postgres:// or redis://; unless set the store, or the process for sqlite and memory",
    )
    .secret(),
    Setting::new(
        &["DALSTON_NODES"],
        "1",
        "gateways that share the limits: each admits its share while the counter is down",
    ),
    Setting::new(&["DALSTON_DATA_DIR"], "dalston-data", "the folder of the audio and of the embedded database"),
    Setting::new(
        &["DALSTON_MASTER_KEY", "NUDGE_SECRET"],
        "",
        "the operator's key, at least 32 characters; two with a comma between while one replaces the other",
    )
    .secret(),
    Setting::new(
        &["DALSTON_PEPPER"],
        "",
        "the key of the HMAC that digests secrets; set it before the first key is made",
    )
    .secret(),
    Setting::new(&["DALSTON_MAX_UPLOAD_BYTES"], "3221225472", "the greatest upload in bytes"),
    Setting::new(&["DALSTON_QUERY_KEYS"], "stream", "where ?api_key= is taken: stream, all, off"),
    Setting::new(
        &["DALSTON_ALLOWED_ORIGINS"],
        "",
        "origins that may open a stream beside the gateway's own, comma-separated: https://app.example.com",
    ),
    Setting::new(
        &["DALSTON_ALLOWED_HOSTS"],
        "",
        "host names that are answered beside loopback names, IP addresses and the machine's own name, comma-separated",
    ),
    Setting::new(&["DALSTON_TRUSTED_PROXIES"], "", "networks whose X-Forwarded-For is believed, comma-separated CIDRs"),
    Setting::new(
        &["DALSTON_AUTH_FAILURES_PER_MINUTE"],
        "30",
        "failed attempts per address before 429; valid keys are not touched by it",
    ),
    Setting::new(&["DALSTON_ALLOW_VOLATILE"], "false", "start on a Redis that loses acknowledged writes"),
    Setting::new(&["DALSTON_LOG"], "info", "what is logged: a tracing filter"),
    Setting::new(&["DALSTON_LOG_FORMAT"], "text", "how: text or json"),
];

/// Finds the value of a setting: by flag or by variable. The environment is read in `main` and nowhere else.
pub type Lookup<'a> = dyn Fn(&Setting) -> Option<String> + 'a;

/// Which engine, and where. A URL may hold a password: it is shown by its kind only.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// An embedded database: its file.
    Sqlite(PathBuf),
    /// A Postgres server.
    Postgres(Zeroizing<String>),
    /// A Redis server.
    Redis(Zeroizing<String>),
    /// Nothing that lasts.
    Memory,
}

impl StoreUrl {
    /// `sqlite`, `postgres`, `redis` or `memory`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
            Self::Redis(_) => "redis",
            Self::Memory => "memory",
        }
    }

    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        match scheme {
            "sqlite" if !rest.is_empty() => Some(Self::Sqlite(PathBuf::from(rest))),
            "postgres" | "postgresql" => Some(Self::Postgres(Zeroizing::new(url.to_owned()))),
            "redis" | "redis+unix" => Some(Self::Redis(Zeroizing::new(url.to_owned()))),
            "memory" if rest.is_empty() => Some(Self::Memory),
            _ => None,
        }
    }
}

/// Shows the kind only.
impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://…", self.kind())
    }
}

/// The settings in force.
pub struct Settings {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Where keys and jobs are.
    pub store: StoreUrl,
    /// Where limits are counted, if not there.
    pub rate_store: Option<StoreUrl>,
    /// Gateways that share the limits.
    pub nodes: NonZeroU32,
    /// The folder of the audio.
    pub data_dir: PathBuf,
    /// The operator's keys.
    pub masters: MasterKeys,
    /// The key of the digest.
    pub pepper: Option<Pepper>,
    /// The greatest upload in bytes.
    pub max_upload_bytes: u64,
    /// Where a key in the query is taken: `stream`, `all` or `off`.
    pub query_keys: String,
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
    /// What is logged.
    pub log: String,
    /// Whether the log is JSON.
    pub log_json: bool,
    /// What `/status` shows: by variable, without secrets.
    pub shown: serde_json::Map<String, serde_json::Value>,
}

/// All that is wrong with the settings, a line each, with the variable's name and without its value.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("the settings are wrong:\n  {}", .0.join("\n  "))]
pub struct SettingsError(pub Vec<String>);

impl Settings {
    /// Reads all settings; all problems at once.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, SettingsError> {
        let mut reader = Reader { lookup, wrong: Vec::new() };
        let data_dir = PathBuf::from(reader.text("DALSTON_DATA_DIR"));
        let default_store = StoreUrl::Sqlite(data_dir.join("dalston.db"));
        let url = "must be a URL: sqlite://path, postgres://…, redis://… or memory://";
        let counter = "must be a URL: postgres://… or redis://…";
        let settings = Self {
            listen: reader.read("DALSTON_LISTEN", "must be an address and a port: 127.0.0.1:8000", |text| {
                text.to_socket_addrs().ok()?.next()
            }),
            store: reader.given("DALSTON_STORE", url, StoreUrl::parse).unwrap_or(default_store),
            rate_store: reader.given("DALSTON_RATE_STORE", counter, |text| {
                StoreUrl::parse(text).filter(|url| matches!(url, StoreUrl::Postgres(_) | StoreUrl::Redis(_)))
            }),
            nodes: reader.read("DALSTON_NODES", "must be a number from 1 on", |text| text.parse().ok()),
            masters: reader.masters(),
            pepper: reader.value("DALSTON_PEPPER").map(Pepper::new),
            max_upload_bytes: reader.read("DALSTON_MAX_UPLOAD_BYTES", "must be a number of bytes from 1 on", |text| {
                text.parse().ok().filter(|bytes| *bytes > 0)
            }),
            query_keys: reader.choice("DALSTON_QUERY_KEYS", "must be stream, all or off", &["stream", "all", "off"]),
            allowed_origins: reader.list(
                "DALSTON_ALLOWED_ORIGINS",
                "must be origins: https://app.example.com",
                |text| {
                    let plain = text.starts_with("http://") || text.starts_with("https://");
                    (plain && text.matches('/').count() == 2).then(|| text.to_ascii_lowercase())
                },
            ),
            allowed_hosts: reader.list("DALSTON_ALLOWED_HOSTS", "must be host names without a port", |text| {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
                text.bytes().all(plain).then(|| text.to_ascii_lowercase())
            }),
            trusted_proxies: reader.list("DALSTON_TRUSTED_PROXIES", "must be CIDRs: 10.0.0.0/8", |text| {
                text.parse().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from))
            }),
            auth_failures_per_minute: reader.read(
                "DALSTON_AUTH_FAILURES_PER_MINUTE",
                "must be a number from 1 to 1000000",
                |text| text.parse().ok().filter(|number: &NonZeroU32| number.get() <= 1_000_000),
            ),
            allow_volatile: reader.choice("DALSTON_ALLOW_VOLATILE", "must be true or false", &["true", "false"])
                == "true",
            log: reader.text("DALSTON_LOG"),
            log_json: reader.choice("DALSTON_LOG_FORMAT", "must be text or json", &["text", "json"]) == "json",
            shown: reader.shown(),
            data_dir,
        };
        if reader.wrong.is_empty() { Ok(settings) } else { Err(SettingsError(reader.wrong)) }
    }
}

/// Reads one setting after another and collects what is wrong.
struct Reader<'a> {
    lookup: &'a Lookup<'a>,
    wrong: Vec<String>,
}

/// A value that stands in for one that is wrong until all are read; the wrong ones are reported, never used.
trait StandIn {
    fn stand_in() -> Self;
}

impl StandIn for SocketAddr {
    fn stand_in() -> Self {
        Self::from(([127, 0, 0, 1], 0))
    }
}

impl StandIn for NonZeroU32 {
    fn stand_in() -> Self {
        Self::MIN
    }
}

impl StandIn for u64 {
    fn stand_in() -> Self {
        1
    }
}

impl Reader<'_> {
    /// What is set, be it by flag or variable. An empty text is not set.
    fn value(&self, variable: &str) -> Option<String> {
        let setting = SETTINGS.iter().find(|setting| setting.variable() == variable)?;
        (self.lookup)(setting).filter(|text| !text.is_empty())
    }

    /// What is set, or the default.
    fn text(&self, variable: &str) -> String {
        let default = SETTINGS.iter().find(|setting| setting.variable() == variable).map_or("", |it| it.default);
        self.value(variable).unwrap_or_else(|| default.to_owned())
    }

    fn refuse(&mut self, variable: &str, wanted: &str) {
        self.wrong.push(format!("{variable} {wanted}"));
    }

    fn given<T>(&mut self, variable: &str, wanted: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.value(variable)?;
        let parsed = parse(text.trim());
        if parsed.is_none() {
            self.refuse(variable, wanted);
        }
        parsed
    }

    fn read<T: StandIn>(&mut self, variable: &str, wanted: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        parse(self.text(variable).trim()).unwrap_or_else(|| {
            self.refuse(variable, wanted);
            T::stand_in()
        })
    }

    fn choice(&mut self, variable: &str, wanted: &str, choices: &[&str]) -> String {
        let text = self.text(variable).to_ascii_lowercase();
        if !choices.contains(&text.as_str()) {
            self.refuse(variable, wanted);
        }
        text
    }

    fn list<T>(&mut self, variable: &str, wanted: &str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let text = self.text(variable);
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let parsed: Option<Vec<T>> = words.map(parse).collect();
        parsed.unwrap_or_else(|| {
            self.refuse(variable, wanted);
            Vec::new()
        })
    }

    fn masters(&mut self) -> MasterKeys {
        let variable = "DALSTON_MASTER_KEY";
        let Some(text) = self.value(variable) else { return MasterKeys::default() };
        MasterKeys::parse(&text, &KeyFormat::default()).unwrap_or_else(|error: MasterKeyError| {
            self.refuse(variable, &format!("is refused: {error}"));
            MasterKeys::default()
        })
    }

    /// The settings in force, for people to see: of a secret only whether it is set.
    fn shown(&self) -> serde_json::Map<String, serde_json::Value> {
        let shown = |setting: &Setting| match (setting.secret, self.value(setting.variable())) {
            (true, value) => value.is_some().then_some("(set)").into(),
            (false, value) => value.unwrap_or_else(|| setting.default.to_owned()).into(),
        };
        SETTINGS.iter().map(|setting| (setting.variable().to_owned(), shown(setting))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(&|setting| {
            let set = |variable: &&str| pairs.iter().find(|(name, _)| name == variable);
            setting.variables.iter().find_map(set).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn unset_settings_have_their_defaults() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:8000");
        assert_eq!(settings.store, StoreUrl::Sqlite("dalston-data/dalston.db".into()));
        assert!(!settings.masters.holds(""));
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
            ("DALSTON_STORE", "mysql://u:hunter2hunter2@h"),
            ("NUDGE_SECRET", secret),
            ("DALSTON_QUERY_KEYS", "maybe"),
            ("DALSTON_TRUSTED_PROXIES", "10.0.0.0/8,x"),
            ("DALSTON_ALLOWED_ORIGINS", "app.example.com"),
            ("DALSTON_MAX_UPLOAD_BYTES", "-1"),
        ])
        .map(|_| ())
        .unwrap_err();
        let text = wrong.join("\n");
        for variable in [
            "DALSTON_LISTEN",
            "DALSTON_STORE",
            "DALSTON_MASTER_KEY",
            "DALSTON_QUERY_KEYS",
            "DALSTON_TRUSTED_PROXIES",
            "DALSTON_ALLOWED_ORIGINS",
            "DALSTON_MAX_UPLOAD_BYTES",
        ] {
            assert!(text.contains(variable), "{variable} in {text}");
        }
        assert_eq!(wrong.len(), 7);
        assert!(!text.contains(secret));
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

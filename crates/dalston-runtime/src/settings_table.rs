//! The table of settings, from which the environment variables, the flags of both programs and the README derive.

use crate::{
    KeysInQuery, StoreUrl, logging,
    parser::{
        SECRET, TEXT, VISIBLE, base_url, bot_token, bucket, command, either, host, list, network, number, origin,
        seconds, within, words, worker,
    },
    setting::{
        Parser::{By, Must},
        Setting, SettingRow, row,
    },
    store_url::{UNEXPANDED, is_unexpanded},
};
use dalston_auth::{KeyFormat, MasterKeys, Pepper, SecretText};
use dalston_limit::OutagePolicy;
use dalston_model::KnownScopes;
use dalston_service::FixedWorker;
use ipnet::IpNet;
use std::{
    net::{SocketAddr, ToSocketAddrs},
    num::{NonZeroU32, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

/// Settings of the command line for reaching a running gateway, in addition to the node's settings.
pub const CLIENT_SETTINGS: &[SettingRow] = &[SERVER, API_KEY];

/// The URL of the gateway.
pub const SERVER: SettingRow = row(&["DALSTON_SERVER"]).means("a running gateway: http://127.0.0.1:8000");

/// The API key for the gateway.
pub const API_KEY: SettingRow = row(&["DALSTON_API_KEY"]).means("the key for that gateway").secret();

/// Defines a constant for each setting, and the list of all rows. The list does not use the constants, so the compiler
/// warns about a setting that nothing reads.
macro_rules! settings {
    ($($name:ident: $value:ty = $row:expr, $meaning:literal, $parser:expr;)*) => {
        /// All settings, in the order of the documents.
        pub const SETTINGS: &[SettingRow] = &[$($row.means($meaning)),*];

        $(pub(crate) const $name: Setting<$value> = Setting { row: $row.means($meaning), parser: $parser };)*
    };
}

settings! {
    LISTEN: SocketAddr = row(&["DALSTON_LISTEN"]).or("127.0.0.1:8000"),
        "address and port that the gateway listens on",
        Must("an address and a port: 127.0.0.1:8000", |text| text.to_socket_addrs().ok()?.next());
    STORE: StoreUrl = row(&["DALSTON_STORE", "DATABASE_URL", "REDIS_URL"]).or("sqlite://dalston-data/dalston.db").secret(),
        "store for keys and jobs: sqlite://, postgres://, redis:// or memory://",
        By(|text| StoreUrl::parse(text).map_err(str::to_owned));
    RATE_STORE: StoreUrl = row(&["DALSTON_RATE_STORE"]).secret(),
        "store for rate-limit counters: postgres:// or redis://; default: DALSTON_STORE, or this process with sqlite and memory",
        Must("a URL: postgres://… or redis://…", |text| {
            StoreUrl::parse(text).ok().filter(|url| matches!(url, StoreUrl::Postgres(_) | StoreUrl::Redis(_)))
        });
    RATE_IS_LEASED: bool = row(&["DALSTON_RATE_MODE"]).or("leased"),
        "how a shared counter is used: leased (a node leases tokens in advance) or shared (one call per request)",
        Must("leased or shared", |text| either(text, "leased", "shared"));
    RATE_OUTAGE: OutagePolicy = row(&["DALSTON_RATE_OUTAGE"]).or("share"),
        "policy while a shared counter is unavailable: share (each node admits its share of a limit) or strict (503)",
        Must("share or strict", |text| {
            [OutagePolicy::Share, OutagePolicy::Strict].into_iter().find(|outage| text.eq_ignore_ascii_case(outage.as_str()))
        });
    NODES: NonZeroU32 = row(&["DALSTON_NODES"]),
        "number of gateways that share the limits; default: detected",
        Must("a number, 1 or greater", number);
    FRESHNESS: Duration = row(&["DALSTON_FRESHNESS"]).or("1"),
        "maximum staleness of cached keys in seconds, 0 to 60: within it a revoked key is refused on every node; 0 disables the cache",
        Must("a number of seconds from 0 to 60", |text| Duration::try_from_secs_f64(within(text, 0.0..=60.0)?).ok());
    STALE: bool = row(&["DALSTON_STALE"]).or("false"),
        "while the store is unavailable, use cached keys for another DALSTON_FRESHNESS before answering 503",
        Must("true or false", |text| either(text, "true", "false"));
    CACHED_KEYS: usize = row(&["DALSTON_CACHED_KEYS"]).or("1000000"),
        "maximum number of cached keys, about 200 bytes each",
        Must("a number, 1 or greater", |text| within(text, 1..));
    DATA_DIR: PathBuf = row(&["DALSTON_DATA_DIR"]).or("dalston-data"),
        "folder for audio and the embedded database",
        By(|text| if is_unexpanded(text) { Err(UNEXPANDED.to_owned()) } else { Ok(text.into()) });
    MASTER_KEY: MasterKeys = row(&["DALSTON_MASTER_KEY", "NUDGE_SECRET"]).secret(),
        "master key of the operator, at least 32 characters; two, separated by a comma, during a rotation",
        By(|text| MasterKeys::parse(text, &KeyFormat::default()).map_err(|error| format!("is refused: {error}")));
    PEPPER: Pepper = row(&["DALSTON_PEPPER"]).secret(),
        "HMAC key for the digests of secrets; set it before the first key is created",
        By(|text| Ok(Pepper::new(text.to_owned())));
    // `--scopes` is the parameter for a key's scopes.
    SCOPES: KnownScopes = row(&["DALSTON_SCOPES"]).flagged("own-scopes"),
        "scopes of the deployment, in addition to the built-in ones, comma-separated, at most 100: notes:read,notes:write",
        By(|text| KnownScopes::with(words(text)).map_err(|error| format!("is refused: {error}")));
    ADMIN_IDS: Vec<i64> = row(&["DALSTON_ADMIN_IDS", "ADMIN_IDS"]),
        "Telegram chat ids of the administrators, comma-separated",
        Must("chat ids with commas between: 64-bit integers", |text| list(text, number));
    BOT_TOKEN: SecretText = row(&["TELEGRAM_BOT_TOKEN"]).secret(),
        "token of the Telegram bot; default: no bot",
        Must("a token as BotFather gives it: 123456:ABC…", bot_token);
    BOT_API_URL: String = row(&["TELEGRAM_API_URL"]).or("https://api.telegram.org"),
        "URL of the Bot API server",
        Must("a URL: https://api.telegram.org", base_url);
    BOT_HAS_WEBHOOK: bool = row(&["TELEGRAM_UPDATES"]).or("poll"),
        "how the bot receives updates: poll, or webhook at /telegram of DALSTON_PUBLIC_URL",
        Must("poll or webhook", |text| either(text, "webhook", "poll"));
    PUBLIC_URL: String = row(&["DALSTON_PUBLIC_URL"]),
        "public URL of the gateway, for claim links and the bot's webhook; default: claim links use the host of the request",
        Must("a URL: https://dalston.example.com", base_url);
    LLM_URL: String = row(&["DALSTON_LLM_URL"]),
        "base URL of an OpenAI-compatible server for the language model: https://api.example.com/v1",
        Must("a URL: https://api.example.com/v1", base_url);
    LLM_MODEL: String = row(&["DALSTON_LLM_MODEL"]),
        "name of the language model",
        TEXT;
    LLM_API_KEY: SecretText = row(&["DALSTON_LLM_API_KEY"]).secret(),
        "API key of the language model server",
        VISIBLE;
    ENGINE_URL: String = row(&["DALSTON_ENGINE_URL"]),
        "base URL of an OpenAI-compatible server that transcribes jobs: http://localhost:8080/v1; default: DALSTON_ENGINE_COMMAND, else voice activity detection",
        Must("a URL: http://localhost:8080/v1", base_url);
    ENGINE_MODEL: String = row(&["DALSTON_ENGINE_MODEL"]),
        "model requested from it when the client names none, or a model name of this service",
        TEXT;
    ENGINE_API_KEY: SecretText = row(&["DALSTON_ENGINE_API_KEY"]).secret(),
        "API key of the engine server",
        VISIBLE;
    ENGINE_COMMAND: Vec<String> = row(&["DALSTON_ENGINE_COMMAND"]).takes_quotes(),
        "local command that transcribes jobs, run without a shell: whisper-cli -m model.bin -f {audio} -l {language} -oj -of {output}",
        Must("a program and its arguments, with {audio}", command);
    ENGINE_PATIENCE: Duration = row(&["DALSTON_ENGINE_SECONDS"]).or("3600"),
        "time limit of one attempt at a job, in seconds",
        Must("seconds from 1 to 86400", |text| seconds(text, 1..=86_400));
    ENGINE_MEMORY_BYTES: u64 = row(&["DALSTON_ENGINE_MEMORY_BYTES"]),
        "memory limit of the engine command in bytes; default: no limit",
        Must("a number of bytes, 1 or greater", |text| within(text, 1..));
    JOBS_PER_NODE: u32 = row(&["DALSTON_JOBS_PER_NODE"]).or("2"),
        "maximum number of concurrent jobs on this node; 0: none",
        Must("a number from 0 to 1000", |text| within(text, 0..=1_000));
    JOBS_PER_TENANT: u32 = row(&["DALSTON_JOBS_PER_TENANT"]).or("16"),
        "maximum number of concurrent jobs of one tenant, on all nodes together",
        Must("a number, 1 or greater", |text| within(text, 1..));
    JOB_ATTEMPTS: NonZeroU32 = row(&["DALSTON_JOB_ATTEMPTS"]).or("6"),
        "maximum number of attempts at a job",
        Must("a number, 1 or greater", number);
    JOB_RETENTION_DAYS: u32 = row(&["DALSTON_JOB_RETENTION_DAYS"]),
        "retention of ended jobs in days, unless set for the tenant; default: unlimited",
        Must("days from 1 to 36500", |text| within(text, 1..=36_500));
    AUDIO_STORE: (String, String) = row(&["DALSTON_AUDIO_STORE"]),
        "store for audio and results: s3://bucket/prefix; default: the data folder, which all nodes must then share",
        Must("s3://bucket/prefix", bucket);
    S3_ENDPOINT: String = row(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]),
        "URL of the S3-compatible server; default: Amazon S3",
        Must("a URL: http://localhost:9000", base_url);
    S3_REGION: String = row(&["AWS_REGION", "AWS_DEFAULT_REGION"]).or("us-east-1"),
        "S3 region",
        TEXT;
    S3_ACCESS_KEY: String = row(&["AWS_ACCESS_KEY_ID"]),
        "S3 access key id",
        TEXT;
    S3_SECRET_KEY: SecretText = row(&["AWS_SECRET_ACCESS_KEY"]).secret(),
        "S3 secret access key",
        SECRET;
    WORKERS: Vec<FixedWorker> = row(&["DALSTON_WORKERS"]).secret(),
        "configured stream workers, comma-separated: ws://host:port/session#CAPACITY; other workers register themselves",
        Must("URLs: ws://host:port/session#4", |text| list(text, worker));
    OWN_STREAMS: u32 = row(&["DALSTON_OWN_STREAMS"]).or("256"),
        "maximum number of concurrent streams served by the built-in voice activity detection; 0: none",
        Must("a number", number);
    STREAM_IDLE: Duration = row(&["DALSTON_STREAM_IDLE_SECONDS"]).or("300"),
        "idle timeout of a stream in seconds, without a message from the client; pings and pongs do not count",
        Must("seconds from 1 to 86400", |text| seconds(text, 1..=86_400));
    CONNECTIONS: NonZeroUsize = row(&["DALSTON_CONNECTIONS"]).or("10000"),
        "maximum number of connections in total; further ones get 503",
        Must("a number, 1 or greater", number);
    CONNECTIONS_PER_ADDRESS: NonZeroUsize = row(&["DALSTON_CONNECTIONS_PER_ADDRESS"]).or("512"),
        "maximum number of connections per IPv4 address or IPv6 /64; loopback and DALSTON_TRUSTED_PROXIES are exempt",
        Must("a number, 1 or greater", number);
    KEEP_ALIVE: Duration = row(&["DALSTON_KEEP_ALIVE"]).or("75"),
        "keep-alive timeout of idle connections in seconds; must exceed that of a proxy in front",
        Must("seconds from 1 to 3600", |text| seconds(text, 1..=3_600));
    DRAIN: Duration = row(&["DALSTON_DRAIN_SECONDS"]).or("5"),
        "drain time after SIGTERM in seconds: requests are served while /health/ready answers 503; 0 when standard error is a terminal",
        Must("seconds from 0 to 3600", |text| seconds(text, 0..=3_600));
    WEBHOOK_NETWORKS: Vec<IpNet> = row(&["DALSTON_WEBHOOK_NETWORKS"]),
        "private networks that webhooks may reach, in addition to public addresses, comma-separated CIDRs: 127.0.0.0/8",
        Must("CIDRs: 127.0.0.0/8", |text| list(text, number));
    MAX_UPLOAD_BYTES: u64 = row(&["DALSTON_MAX_UPLOAD_BYTES"]).or("3221225472"),
        "maximum size of an upload in bytes",
        Must("a number of bytes, 1 or greater", |text| within(text, 1..));
    MAX_AUDIO_SECONDS: u32 = row(&["DALSTON_MAX_AUDIO_SECONDS"]).or("86400"),
        "maximum length of the audio of a job in seconds",
        Must("seconds from 1 to 4000000", |text| within(text, 1..=4_000_000));
    QUERY_KEYS: KeysInQuery = row(&["DALSTON_QUERY_KEYS"]).or("stream"),
        "where the query parameter api_key is accepted: stream, all or off",
        Must("stream, all or off", KeysInQuery::parse);
    ALLOWED_ORIGINS: Vec<String> = row(&["DALSTON_ALLOWED_ORIGINS"]),
        "origins whose pages may use the API and open streams, in addition to the gateway's own, comma-separated: https://app.example.com",
        Must("origins: https://app.example.com", |text| list(text, origin));
    ALLOWED_HOSTS: Vec<String> = row(&["DALSTON_ALLOWED_HOSTS"]),
        "host names that the gateway serves, in addition to loopback names, IP addresses and the name of the machine, comma-separated: api.example.com,*.example.com",
        Must("host names without a port, or *. and one for all names below it: *.example.com", |text| list(text, host));
    TRUSTED_PROXIES: Vec<IpNet> = row(&["DALSTON_TRUSTED_PROXIES"]),
        "networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted, comma-separated CIDRs",
        Must("CIDRs: 10.0.0.0/8", |text| list(text, network));
    AUTH_FAILURES_PER_MINUTE: NonZeroU32 = row(&["DALSTON_AUTH_FAILURES_PER_MINUTE"]).or("30"),
        "maximum number of failed authentications per minute and address; valid keys are not affected",
        Must("a number from 1 to 1000000", |text| number(text).filter(|most: &NonZeroU32| most.get() <= 1_000_000));
    ALLOW_VOLATILE: bool = row(&["DALSTON_ALLOW_VOLATILE"]).or("false"),
        "accept a Redis that can lose acknowledged writes",
        Must("true or false", |text| either(text, "true", "false"));
    LOG: String = row(&["DALSTON_LOG"]).or("info"),
        "log filter: levels or target=level; refused and failed requests are logged at info, all others at debug",
        Must("levels or target=level, comma-separated: info,dalston_auth=debug (error, warn, info, debug, trace, off)", |text| {
            logging::is_filter(text).then(|| text.to_owned())
        });
    LOG_IS_JSON: bool = row(&["DALSTON_LOG_FORMAT"]).or("text"),
        "log format: text or json",
        Must("text or json", |text| either(text, "json", "text"));
}

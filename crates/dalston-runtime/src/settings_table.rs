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
        /// All settings, in the order of the README.
        pub const SETTINGS: &[SettingRow] = &[$($row.means($meaning)),*];

        $(pub(crate) const $name: Setting<$value> = Setting { row: $row.means($meaning), parser: $parser };)*
    };
}

settings! {
    LISTEN: SocketAddr = row(&["DALSTON_LISTEN"]).or("127.0.0.1:8000"),
        "the address that the gateway listens on",
        Must("an address and a port: 127.0.0.1:8000", |text| text.to_socket_addrs().ok()?.next());
    STORE: StoreUrl = row(&["DALSTON_STORE", "DATABASE_URL", "REDIS_URL"]).or("sqlite://dalston-data/dalston.db").secret(),
        "where keys and jobs are: sqlite://, postgres://, redis://, memory://",
        By(|text| StoreUrl::parse(text).map_err(str::to_owned));
    RATE_STORE: StoreUrl = row(&["DALSTON_RATE_STORE"]).secret(),
        "where limits are counted: postgres:// or redis://; unless set the store, or the process for sqlite and memory",
        Must("a URL: postgres://… or redis://…", |text| {
            StoreUrl::parse(text).ok().filter(|url| matches!(url, StoreUrl::Postgres(_) | StoreUrl::Redis(_)))
        });
    RATE_IS_LEASED: bool = row(&["DALSTON_RATE_MODE"]).or("leased"),
        "how often a shared counter is asked: leased, for slices ahead of need, or shared, for each request",
        Must("leased or shared", |text| either(text, "leased", "shared"));
    RATE_OUTAGE: OutagePolicy = row(&["DALSTON_RATE_OUTAGE"]).or("share"),
        "while a shared counter does not answer: share, a node admits its share of each limit, or strict, it answers 503",
        Must("share or strict", |text| {
            [OutagePolicy::Share, OutagePolicy::Strict].into_iter().find(|outage| text.eq_ignore_ascii_case(outage.as_str()))
        });
    NODES: NonZeroU32 = row(&["DALSTON_NODES"]),
        "gateways that share the limits: the more, the smaller their slices and shares; unset: as many as show themselves",
        Must("a number from 1 on", number);
    FRESHNESS: Duration = row(&["DALSTON_FRESHNESS"]).or("1"),
        "seconds, 0 to 60: live keys are answered from memory while the changes up to so long ago are known; 0: never",
        Must("a number of seconds from 0 to 60", |text| Duration::try_from_secs_f64(within(text, 0.0..=60.0)?).ok());
    STALE: bool = row(&["DALSTON_STALE"]).or("false"),
        "answer from memory for as long again while the store is down, instead of 503",
        Must("true or false", |text| either(text, "true", "false"));
    CACHED_KEYS: usize = row(&["DALSTON_CACHED_KEYS"]).or("1000000"),
        "live keys in memory at most, about 200 bytes each",
        Must("a number from 1 on", |text| within(text, 1..));
    DATA_DIR: PathBuf = row(&["DALSTON_DATA_DIR"]).or("dalston-data"),
        "the folder of the audio and of the embedded database",
        By(|text| if is_unexpanded(text) { Err(UNEXPANDED.to_owned()) } else { Ok(text.into()) });
    MASTER_KEY: MasterKeys = row(&["DALSTON_MASTER_KEY", "NUDGE_SECRET"]).secret(),
        "the operator's key, at least 32 characters; two with a comma between while one replaces the other",
        By(|text| MasterKeys::parse(text, &KeyFormat::default()).map_err(|error| format!("is refused: {error}")));
    PEPPER: Pepper = row(&["DALSTON_PEPPER"]).secret(),
        "the key of the HMAC that digests secrets; set it before the first key is made",
        By(|text| Ok(Pepper::new(text.to_owned())));
    // `--scopes` is the parameter for a key's scopes.
    SCOPES: KnownScopes = row(&["DALSTON_SCOPES"]).flagged("own-scopes"),
        "scopes of your own that keys may have beside the built-in ones, comma-separated, at most 100: notes:read,notes:write",
        By(|text| KnownScopes::with(words(text)).map_err(|error| format!("is refused: {error}")));
    ADMIN_IDS: Vec<i64> = row(&["DALSTON_ADMIN_IDS", "ADMIN_IDS"]),
        "chat ids of the administrators, comma-separated",
        Must("chat ids with commas between: 64-bit integers", |text| list(text, number));
    BOT_TOKEN: SecretText = row(&["TELEGRAM_BOT_TOKEN"]).secret(),
        "the token of the bot; unset: no bot",
        Must("a token as BotFather gives it: 123456:ABC…", bot_token);
    BOT_API_URL: String = row(&["TELEGRAM_API_URL"]).or("https://api.telegram.org"),
        "the Bot API server",
        Must("a URL: https://api.telegram.org", base_url);
    BOT_HAS_WEBHOOK: bool = row(&["TELEGRAM_UPDATES"]).or("poll"),
        "how updates come: poll, or webhook at /telegram of DALSTON_PUBLIC_URL",
        Must("poll or webhook", |text| either(text, "webhook", "poll"));
    PUBLIC_URL: String = row(&["DALSTON_PUBLIC_URL"]),
        "where clients reach the gateway: for claim links and the webhook; unset: links have the host of the request",
        Must("a URL: https://dalston.example.com", base_url);
    LLM_URL: String = row(&["DALSTON_LLM_URL"]),
        "an OpenAI-compatible server: https://api.example.com/v1",
        Must("a URL: https://api.example.com/v1", base_url);
    LLM_MODEL: String = row(&["DALSTON_LLM_MODEL"]),
        "the language model to ask there",
        TEXT;
    LLM_API_KEY: SecretText = row(&["DALSTON_LLM_API_KEY"]).secret(),
        "the key for that server, if it wants one",
        VISIBLE;
    ENGINE_URL: String = row(&["DALSTON_ENGINE_URL"]),
        "an OpenAI-compatible server that transcribes jobs: http://localhost:8080/v1; unset: the command, else voice activity detection",
        Must("a URL: http://localhost:8080/v1", base_url);
    ENGINE_MODEL: String = row(&["DALSTON_ENGINE_MODEL"]),
        "the model to ask there when the client names none, or a name of ours",
        TEXT;
    ENGINE_API_KEY: SecretText = row(&["DALSTON_ENGINE_API_KEY"]).secret(),
        "the key for that server, if it wants one",
        VISIBLE;
    ENGINE_COMMAND: Vec<String> = row(&["DALSTON_ENGINE_COMMAND"]).takes_quotes(),
        "a local command that transcribes jobs, without a shell: whisper-cli -m model.bin -f {audio} -l {language} -oj -of {output}",
        Must("a program and its arguments, with {audio}", command);
    ENGINE_PATIENCE: Duration = row(&["DALSTON_ENGINE_SECONDS"]).or("3600"),
        "the time that an attempt at a job may take",
        Must("seconds from 1 to 86400", |text| seconds(text, 1..=86_400));
    ENGINE_MEMORY_BYTES: u64 = row(&["DALSTON_ENGINE_MEMORY_BYTES"]),
        "the memory that the command may use; unset: no limit",
        Must("a number of bytes from 1 on", |text| within(text, 1..));
    JOBS_PER_NODE: u32 = row(&["DALSTON_JOBS_PER_NODE"]).or("2"),
        "jobs that this node runs at once; 0: it runs none",
        Must("a number from 0 to 1000", |text| within(text, 0..=1_000));
    JOBS_PER_TENANT: u32 = row(&["DALSTON_JOBS_PER_TENANT"]).or("16"),
        "jobs of one tenant that run at once, on all nodes together",
        Must("a number from 1 on", |text| within(text, 1..));
    JOB_ATTEMPTS: NonZeroU32 = row(&["DALSTON_JOB_ATTEMPTS"]).or("6"),
        "how often a job is tried at most",
        Must("a number from 1 on", number);
    JOB_RETENTION_DAYS: u32 = row(&["DALSTON_JOB_RETENTION_DAYS"]),
        "ended jobs are kept for so many days, unless their tenant says otherwise; unset: for ever",
        Must("days from 1 to 36500", |text| within(text, 1..=36_500));
    AUDIO_STORE: (String, String) = row(&["DALSTON_AUDIO_STORE"]),
        "where audio and results are kept: s3://bucket/prefix; unset: the data folder, which nodes then share",
        Must("s3://bucket/prefix", bucket);
    S3_ENDPOINT: String = row(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]),
        "the S3-compatible server, if it is not Amazon's",
        Must("a URL: http://localhost:9000", base_url);
    S3_REGION: String = row(&["AWS_REGION", "AWS_DEFAULT_REGION"]).or("us-east-1"),
        "its region",
        TEXT;
    S3_ACCESS_KEY: String = row(&["AWS_ACCESS_KEY_ID"]),
        "who asks it",
        TEXT;
    S3_SECRET_KEY: SecretText = row(&["AWS_SECRET_ACCESS_KEY"]).secret(),
        "the key for it",
        SECRET;
    WORKERS: Vec<FixedWorker> = row(&["DALSTON_WORKERS"]).secret(),
        "workers of streams that are always there, comma-separated: ws://host:port/session, with #capacity behind; others register",
        Must("URLs: ws://host:port/session#4", |text| list(text, worker));
    OWN_STREAMS: u32 = row(&["DALSTON_OWN_STREAMS"]).or("256"),
        "streams that the built-in voice activity detection serves at once; 0: none",
        Must("a number", number);
    STREAM_IDLE: Duration = row(&["DALSTON_STREAM_IDLE_SECONDS"]).or("300"),
        "a stream whose client sends no message for so long ends; pings and pongs are none",
        Must("seconds from 1 to 86400", |text| seconds(text, 1..=86_400));
    CONNECTIONS: NonZeroUsize = row(&["DALSTON_CONNECTIONS"]).or("10000"),
        "connections of all clients together; what is beyond gets 503",
        Must("a number from 1 on", number);
    CONNECTIONS_PER_ADDRESS: NonZeroUsize = row(&["DALSTON_CONNECTIONS_PER_ADDRESS"]).or("512"),
        "connections of one address, /64 of IPv6; loopback and DALSTON_TRUSTED_PROXIES have no limit of their own",
        Must("a number from 1 on", number);
    KEEP_ALIVE: Duration = row(&["DALSTON_KEEP_ALIVE"]).or("75"),
        "seconds for which a connection is kept between two requests: longer than a proxy in front keeps it",
        Must("seconds from 1 to 3600", |text| seconds(text, 1..=3_600));
    DRAIN: Duration = row(&["DALSTON_DRAIN_SECONDS"]).or("5"),
        "after SIGTERM all is served for so long while /health/ready is 503; 0 when standard error is a terminal",
        Must("seconds from 0 to 3600", |text| seconds(text, 0..=3_600));
    WEBHOOK_NETWORKS: Vec<IpNet> = row(&["DALSTON_WEBHOOK_NETWORKS"]),
        "networks beside the public ones that webhooks may reach, comma-separated CIDRs: 127.0.0.0/8",
        Must("CIDRs: 127.0.0.0/8", |text| list(text, number));
    MAX_UPLOAD_BYTES: u64 = row(&["DALSTON_MAX_UPLOAD_BYTES"]).or("3221225472"),
        "the greatest upload in bytes",
        Must("a number of bytes from 1 on", |text| within(text, 1..));
    MAX_AUDIO_SECONDS: u32 = row(&["DALSTON_MAX_AUDIO_SECONDS"]).or("86400"),
        "the greatest length of the audio of a job",
        Must("seconds from 1 to 4000000", |text| within(text, 1..=4_000_000));
    QUERY_KEYS: KeysInQuery = row(&["DALSTON_QUERY_KEYS"]).or("stream"),
        "where ?api_key= is taken: stream, all, off",
        Must("stream, all or off", KeysInQuery::parse);
    ALLOWED_ORIGINS: Vec<String> = row(&["DALSTON_ALLOWED_ORIGINS"]),
        "origins whose pages may use the API and open streams beside the gateway's own, comma-separated: https://app.example.com",
        Must("origins: https://app.example.com", |text| list(text, origin));
    ALLOWED_HOSTS: Vec<String> = row(&["DALSTON_ALLOWED_HOSTS"]),
        "host names that are answered beside loopback names, IP addresses and the machine's own name, comma-separated: api.example.com,*.example.com",
        Must("host names without a port, or *. and one for all names below it: *.example.com", |text| list(text, host));
    TRUSTED_PROXIES: Vec<IpNet> = row(&["DALSTON_TRUSTED_PROXIES"]),
        "networks whose X-Forwarded-For and X-Forwarded-Proto are believed, comma-separated CIDRs",
        Must("CIDRs: 10.0.0.0/8", |text| list(text, network));
    AUTH_FAILURES_PER_MINUTE: NonZeroU32 = row(&["DALSTON_AUTH_FAILURES_PER_MINUTE"]).or("30"),
        "failed attempts per address before 429; valid keys are not touched by it",
        Must("a number from 1 to 1000000", |text| number(text).filter(|most: &NonZeroU32| most.get() <= 1_000_000));
    ALLOW_VOLATILE: bool = row(&["DALSTON_ALLOW_VOLATILE"]).or("false"),
        "start on a Redis that loses acknowledged writes",
        Must("true or false", |text| either(text, "true", "false"));
    LOG: String = row(&["DALSTON_LOG"]).or("info"),
        "what is logged: a tracing filter; requests that were refused or failed are at info, all others at debug",
        Must("levels or target=level, comma-separated: info,dalston_auth=debug (error, warn, info, debug, trace, off)", |text| {
            logging::is_filter(text).then(|| text.to_owned())
        });
    LOG_IS_JSON: bool = row(&["DALSTON_LOG_FORMAT"]).or("text"),
        "how: text or json",
        Must("text or json", |text| either(text, "json", "text"));
}

//! The table of settings: the environment, the flags of both programs and the README come from it.

/// A setting as it is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The variables that hold it; the first that is set counts.
    pub variables: &'static [&'static str],
    /// What it is unless set, as text.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Whether it must not be shown. It may then lie in a file.
    pub secret: bool,
    /// Whether quotes around it have a meaning.
    pub(crate) takes_quotes: bool,
    /// The name of its flag, where that of its variable is the name of a parameter.
    flag: Option<&'static str>,
}

impl Setting {
    const fn new(variables: &'static [&'static str], default: &'static str, meaning: &'static str) -> Self {
        Self { variables, default, meaning, secret: false, takes_quotes: false, flag: None }
    }

    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    const fn takes_quotes(self) -> Self {
        Self { takes_quotes: true, ..self }
    }

    const fn flagged(self, flag: &'static str) -> Self {
        Self { flag: Some(flag), ..self }
    }

    /// The variable that names a file with the value of this one; only secrets have it.
    pub fn file_variable(&self, variable: &str) -> Option<String> {
        self.secret.then(|| format!("{variable}_FILE"))
    }

    /// The variable that it is known by.
    pub const fn variable(&self) -> &'static str {
        self.variables[0]
    }

    /// The name of its flag: `listen` of `DALSTON_LISTEN`.
    pub fn flag(&self) -> String {
        self.flag.map_or_else(|| self.plain_flag(), str::to_owned)
    }

    fn plain_flag(&self) -> String {
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
        &["DALSTON_RATE_MODE"],
        "leased",
        "how often a shared counter is asked: leased, for slices ahead of need, or shared, for each request",
    ),
    Setting::new(
        &["DALSTON_RATE_OUTAGE"],
        "share",
        "while a shared counter does not answer: share, a node admits its share of each limit, or strict, it answers 503",
    ),
    Setting::new(
        &["DALSTON_NODES"],
        "",
        "gateways that share the limits: the more, the smaller their slices and shares; unset: as many as show themselves",
    ),
    Setting::new(
        &["DALSTON_FRESHNESS"],
        "1",
        "seconds, 0 to 60: live keys are answered from memory while the changes up to so long ago are known; 0: never",
    ),
    Setting::new(
        &["DALSTON_STALE"],
        "false",
        "answer from memory for as long again while the store is down, instead of 503",
    ),
    Setting::new(&["DALSTON_CACHED_KEYS"], "1000000", "live keys in memory at most, about 200 bytes each"),
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
    // `--scopes` are those of a key.
    Setting::new(
        &["DALSTON_SCOPES"],
        "",
        "scopes of your own that keys may have beside the built-in ones, comma-separated, at most 100: notes:read,notes:write",
    )
    .flagged("own-scopes"),
    Setting::new(&["DALSTON_ADMIN_IDS", "ADMIN_IDS"], "", "chat ids of the administrators, comma-separated"),
    Setting::new(&["TELEGRAM_BOT_TOKEN"], "", "the token of the bot; unset: no bot").secret(),
    Setting::new(&["TELEGRAM_API_URL"], "https://api.telegram.org", "the Bot API server"),
    Setting::new(
        &["TELEGRAM_UPDATES"],
        "poll",
        "how updates come: poll, or webhook at /telegram of DALSTON_PUBLIC_URL",
    ),
    Setting::new(
        &["DALSTON_PUBLIC_URL"],
        "",
        "where clients reach the gateway: for claim links and the webhook; unset: links have the host of the request",
    ),
    Setting::new(&["DALSTON_LLM_URL"], "", "an OpenAI-compatible server: https://api.example.com/v1"),
    Setting::new(&["DALSTON_LLM_MODEL"], "", "the language model to ask there"),
    Setting::new(&["DALSTON_LLM_API_KEY"], "", "the key for that server, if it wants one").secret(),
    Setting::new(
        &["DALSTON_ENGINE_URL"],
        "",
        "an OpenAI-compatible server that transcribes jobs: http://localhost:8080/v1; unset: the command, else voice activity detection",
    ),
    Setting::new(&["DALSTON_ENGINE_MODEL"], "", "the model to ask there when the client names none, or a name of ours"),
    Setting::new(&["DALSTON_ENGINE_API_KEY"], "", "the key for that server, if it wants one").secret(),
    Setting::new(
        &["DALSTON_ENGINE_COMMAND"],
        "",
        "a local command that transcribes jobs, without a shell: whisper-cli -m model.bin -f {audio} -l {language} -oj -of {output}",
    )
    .takes_quotes(),
    Setting::new(&["DALSTON_ENGINE_SECONDS"], "3600", "the time that an attempt at a job may take"),
    Setting::new(&["DALSTON_ENGINE_MEMORY_BYTES"], "", "the memory that the command may use; unset: no limit"),
    Setting::new(&["DALSTON_JOBS_PER_NODE"], "2", "jobs that this node runs at once; 0: it runs none"),
    Setting::new(&["DALSTON_JOBS_PER_TENANT"], "16", "jobs of one tenant that run at once, on all nodes together"),
    Setting::new(&["DALSTON_JOB_ATTEMPTS"], "6", "how often a job is tried at most"),
    Setting::new(
        &["DALSTON_JOB_RETENTION_DAYS"],
        "",
        "ended jobs are kept for so many days, unless their tenant says otherwise; unset: for ever",
    ),
    Setting::new(
        &["DALSTON_AUDIO_STORE"],
        "",
        "where audio and results are kept: s3://bucket/prefix; unset: the data folder, which nodes then share",
    ),
    Setting::new(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"], "", "the S3-compatible server, if it is not Amazon's"),
    Setting::new(&["AWS_REGION", "AWS_DEFAULT_REGION"], "us-east-1", "its region"),
    Setting::new(&["AWS_ACCESS_KEY_ID"], "", "who asks it"),
    Setting::new(&["AWS_SECRET_ACCESS_KEY"], "", "the key for it").secret(),
    Setting::new(
        &["DALSTON_WORKERS"],
        "",
        "workers of streams that are always there, comma-separated: ws://host:port/session, with #capacity behind; others register",
    )
    .secret(),
    Setting::new(
        &["DALSTON_OWN_STREAMS"],
        "256",
        "streams that the built-in voice activity detection serves at once; 0: none",
    ),
    Setting::new(
        &["DALSTON_STREAM_IDLE_SECONDS"],
        "300",
        "a stream whose client sends no message for so long ends; pings and pongs are none",
    ),
    Setting::new(
        &["DALSTON_CONNECTIONS"],
        "10000",
        "connections of all clients together; what is beyond gets 503",
    ),
    Setting::new(
        &["DALSTON_CONNECTIONS_PER_ADDRESS"],
        "512",
        "connections of one address, /64 of IPv6; loopback and DALSTON_TRUSTED_PROXIES have no limit of their own",
    ),
    Setting::new(
        &["DALSTON_KEEP_ALIVE"],
        "75",
        "seconds for which a connection is kept between two requests: longer than a proxy in front keeps it",
    ),
    Setting::new(
        &["DALSTON_DRAIN_SECONDS"],
        "5",
        "after SIGTERM all is served for so long while /health/ready is 503; 0 when standard error is a terminal",
    ),
    Setting::new(
        &["DALSTON_WEBHOOK_NETWORKS"],
        "",
        "networks beside the public ones that webhooks may reach, comma-separated CIDRs: 127.0.0.0/8",
    ),
    Setting::new(&["DALSTON_MAX_UPLOAD_BYTES"], "3221225472", "the greatest upload in bytes"),
    Setting::new(&["DALSTON_MAX_AUDIO_SECONDS"], "86400", "the greatest length of the audio of a job"),
    Setting::new(&["DALSTON_QUERY_KEYS"], "stream", "where ?api_key= is taken: stream, all, off"),
    Setting::new(
        &["DALSTON_ALLOWED_ORIGINS"],
        "",
        "origins whose pages may use the API and open streams beside the gateway's own, comma-separated: https://app.example.com",
    ),
    Setting::new(
        &["DALSTON_ALLOWED_HOSTS"],
        "",
        "host names that are answered beside loopback names, IP addresses and the machine's own name, comma-separated: api.example.com,*.example.com",
    ),
    Setting::new(&["DALSTON_TRUSTED_PROXIES"], "", "networks whose X-Forwarded-For and X-Forwarded-Proto are believed, comma-separated CIDRs"),
    Setting::new(
        &["DALSTON_AUTH_FAILURES_PER_MINUTE"],
        "30",
        "failed attempts per address before 429; valid keys are not touched by it",
    ),
    Setting::new(&["DALSTON_ALLOW_VOLATILE"], "false", "start on a Redis that loses acknowledged writes"),
    Setting::new(&["DALSTON_LOG"], "info", "what is logged: a tracing filter; requests that were refused or failed are at info, all others at debug"),
    Setting::new(&["DALSTON_LOG_FORMAT"], "text", "how: text or json"),
];

/// What the command line asks a running gateway by, beside the settings.
pub const CLIENT_SETTINGS: &[Setting] = &[SERVER, API_KEY];

/// The gateway to work on.
pub const SERVER: Setting = Setting::new(&["DALSTON_SERVER"], "", "a running gateway: http://127.0.0.1:8000");

/// The key to work with.
pub const API_KEY: Setting = Setting::new(&["DALSTON_API_KEY"], "", "the key for that gateway").secret();

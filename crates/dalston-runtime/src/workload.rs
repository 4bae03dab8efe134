//! The settings of the service behind the gate: engines, jobs, streams, webhooks.

use crate::reader::{Reader, base_url};
use dalston_auth::SecretText;
use dalston_service::FixedWorker;
use ipnet::IpNet;
use std::{num::NonZeroU32, time::Duration};

const WEBHOOK_PATIENCE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_secs(1);

/// How jobs and streams are served.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Who transcribes jobs.
    pub engine: EngineSettings,
    /// The time that an attempt may take.
    pub patience: Duration,
    /// The greatest length of audio in seconds.
    pub max_audio_seconds: u32,
    /// Jobs that this node runs at once.
    pub jobs_per_node: u32,
    /// Jobs of one tenant that run at once.
    pub jobs_per_tenant: u32,
    /// How often a job is tried.
    pub attempts: NonZeroU32,
    /// Ended jobs are kept for so many days.
    pub retention_days: Option<u32>,
    /// Where audio and results are, if not in the data folder.
    pub bucket: Option<BucketSettings>,
    /// Workers of streams that are always there.
    pub workers: Vec<FixedWorker>,
    /// Streams that the built-in worker serves at once.
    pub own_streams: u32,
    /// Networks that webhooks may reach beside the public ones.
    pub webhook_networks: Vec<IpNet>,
    /// How long an endpoint of a webhook has for its answer.
    pub webhook_patience: Duration,
    /// How often the queue is asked for jobs when no upload of this node wakes it.
    pub poll: Duration,
}

/// Who transcribes jobs.
#[derive(Debug, Clone)]
pub enum EngineSettings {
    /// The built-in voice activity detection.
    Vad,
    /// An OpenAI-compatible server.
    OpenAi {
        /// Its base URL, without a slash at the end.
        url: String,
        /// The model that is asked for unless the client names one that it has.
        model: Option<String>,
        /// The key for it.
        key: Option<SecretText>,
    },
    /// A local command: its words, with placeholders.
    Command {
        /// The program, then its arguments.
        words: Vec<String>,
        /// The memory that it may use.
        memory: Option<u64>,
        /// Its environment.
        environment: Vec<(String, String)>,
    },
}

/// An S3-compatible store.
#[derive(Debug, Clone)]
pub struct BucketSettings {
    /// The bucket.
    pub bucket: String,
    /// What all names begin with, without a slash at either end.
    pub prefix: String,
    /// The server, if it is not Amazon's.
    pub endpoint: Option<String>,
    /// Its region.
    pub region: String,
    /// Who asks.
    pub access_key: String,
    /// The key.
    pub secret_key: SecretText,
}

impl Reader<'_> {
    /// The workload; `None` when something is wrong with it, which is noted.
    pub(crate) fn workload(&mut self) -> Option<Workload> {
        let count = "must be a number";
        let number = |text: &str| text.parse::<u32>().ok();
        let engine = self.engine();
        let patience = self.read("DALSTON_ENGINE_SECONDS", "must be seconds from 1 to 86400", |text| {
            text.parse().ok().filter(|seconds| (1..=86_400).contains(seconds)).map(Duration::from_secs)
        });
        let max_audio_seconds = self.read("DALSTON_MAX_AUDIO_SECONDS", "must be seconds from 1 to 4000000", |text| {
            number(text).filter(|seconds| (1..=4_000_000).contains(seconds))
        });
        let jobs_per_node = self.read("DALSTON_JOBS_PER_NODE", "must be a number from 0 to 1000", |text| {
            number(text).filter(|jobs| *jobs <= 1_000)
        });
        let jobs_per_tenant = self.read("DALSTON_JOBS_PER_TENANT", "must be a number from 1 on", |text| {
            number(text).filter(|jobs| *jobs > 0)
        });
        let attempts = self.read("DALSTON_JOB_ATTEMPTS", "must be a number from 1 on", |text| text.parse().ok());
        let retention_days = self.given("DALSTON_JOB_RETENTION_DAYS", "must be days from 1 to 36500", |text| {
            number(text).filter(|days| (1..=36_500).contains(days))
        });
        let bucket = self.bucket();
        let workers = self.list("DALSTON_WORKERS", "must be URLs: ws://host:port/session#4", |text| {
            let (url, capacity) = text.split_once('#').unwrap_or((text, "1"));
            FixedWorker::new(url, capacity.parse().ok().filter(|capacity| *capacity > 0)?)
        });
        let own_streams = self.read("DALSTON_OWN_STREAMS", count, number);
        let webhook_networks =
            self.list("DALSTON_WEBHOOK_NETWORKS", "must be CIDRs: 127.0.0.0/8", |text| text.parse().ok());
        Some(Workload {
            engine: engine?,
            patience: patience?,
            max_audio_seconds: max_audio_seconds?,
            jobs_per_node: jobs_per_node?,
            jobs_per_tenant: jobs_per_tenant?,
            attempts: attempts?,
            retention_days,
            bucket,
            workers,
            own_streams: own_streams?,
            webhook_networks,
            webhook_patience: WEBHOOK_PATIENCE,
            poll: POLL,
        })
    }

    fn engine(&mut self) -> Option<EngineSettings> {
        let url = self.given("DALSTON_ENGINE_URL", "must be a URL: http://localhost:8080/v1", base_url);
        let key = self.given("DALSTON_ENGINE_API_KEY", "must be of visible ASCII characters", |text| {
            text.bytes().all(|byte| byte.is_ascii_graphic()).then(|| SecretText::new(text.to_owned()))
        });
        let command = self.given("DALSTON_ENGINE_COMMAND", "must be a program and its arguments, with {audio}", words);
        let memory = self.given("DALSTON_ENGINE_MEMORY_BYTES", "must be a number of bytes from 1 on", |text| {
            text.parse().ok().filter(|bytes| *bytes > 0)
        });
        match (url, command) {
            (Some(url), None) => Some(EngineSettings::OpenAi { url, model: self.value("DALSTON_ENGINE_MODEL"), key }),
            (None, Some(words)) => Some(EngineSettings::Command { words, memory, environment: self.environment() }),
            (None, None) => Some(EngineSettings::Vad),
            (Some(_), Some(_)) => {
                self.refuse(
                    "DALSTON_ENGINE_COMMAND",
                    "must not be set beside DALSTON_ENGINE_URL: one of them transcribes",
                );
                None
            }
        }
    }

    /// What a command is given of this program's environment: nothing that is a setting.
    fn environment(&self) -> Vec<(String, String)> {
        ["PATH", "HOME", "LANG"].into_iter().filter_map(|name| Some((name.to_owned(), self.raw(name)?))).collect()
    }

    fn bucket(&mut self) -> Option<BucketSettings> {
        let endpoint = self.given("AWS_ENDPOINT_URL_S3", "must be a URL: http://localhost:9000", base_url);
        let region = self.text("AWS_REGION");
        let (bucket, prefix) = self.given("DALSTON_AUDIO_STORE", "must be s3://bucket/prefix", |text| {
            let (bucket, prefix) = text.strip_prefix("s3://")?.split_once('/').unwrap_or((&text[5..], ""));
            (!bucket.is_empty()).then(|| (bucket.to_owned(), prefix.trim_matches('/').to_owned()))
        })?;
        let access_key = self.value("AWS_ACCESS_KEY_ID");
        let secret_key = self.value("AWS_SECRET_ACCESS_KEY").map(SecretText::new);
        let (Some(access_key), Some(secret_key)) = (access_key, secret_key) else {
            self.refuse("DALSTON_AUDIO_STORE", "wants AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
            return None;
        };
        Some(BucketSettings { bucket, prefix, endpoint, region, access_key, secret_key })
    }
}

/// The words of a command line: at spaces, but for those within quotes.
fn words(text: &str) -> Option<Vec<String>> {
    let words = dalston_command::split(text)?;
    let has_audio = words.iter().skip(1).any(|word| word.contains("{audio}"));
    has_audio.then_some(words)
}

//! The settings of the service behind the gate: engines, jobs, streams, webhooks.

use crate::{SettingsError, settings_reader::SettingsReader, settings_table as table};
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

impl Workload {
    pub(crate) fn read(reader: &mut SettingsReader<'_>) -> Result<Self, SettingsError> {
        Ok(Self {
            engine: EngineSettings::read(reader),
            patience: reader.read(&table::ENGINE_PATIENCE)?,
            max_audio_seconds: reader.read(&table::MAX_AUDIO_SECONDS)?,
            jobs_per_node: reader.read(&table::JOBS_PER_NODE)?,
            jobs_per_tenant: reader.read(&table::JOBS_PER_TENANT)?,
            attempts: reader.read(&table::JOB_ATTEMPTS)?,
            retention_days: reader.given(&table::JOB_RETENTION_DAYS),
            bucket: BucketSettings::read(reader)?,
            workers: reader.read(&table::WORKERS)?,
            own_streams: reader.read(&table::OWN_STREAMS)?,
            webhook_networks: reader.read(&table::WEBHOOK_NETWORKS)?,
            webhook_patience: WEBHOOK_PATIENCE,
            poll: POLL,
        })
    }
}

impl EngineSettings {
    fn read(reader: &mut SettingsReader<'_>) -> Self {
        let (url, model) = (reader.given(&table::ENGINE_URL), reader.given(&table::ENGINE_MODEL));
        let key = reader.given(&table::ENGINE_API_KEY);
        let (words, memory) = (reader.given(&table::ENGINE_COMMAND), reader.given(&table::ENGINE_MEMORY_BYTES));
        if url.is_some() && words.is_some() {
            let wrong = "must not be set beside DALSTON_ENGINE_URL: one of them transcribes";
            reader.refuse(&table::ENGINE_COMMAND, wrong);
        }
        match (url, words) {
            (Some(url), _) => Self::OpenAi { url, model, key },
            (None, Some(words)) => Self::Command { words, memory, environment: environment(reader) },
            (None, None) => Self::Vad,
        }
    }
}

/// The environment of a command: of this program's, nothing that is a setting.
fn environment(reader: &SettingsReader<'_>) -> Vec<(String, String)> {
    ["PATH", "HOME", "LANG"].into_iter().filter_map(|name| Some((name.to_owned(), reader.raw(name)?))).collect()
}

impl BucketSettings {
    fn read(reader: &mut SettingsReader<'_>) -> Result<Option<Self>, SettingsError> {
        let (endpoint, region) = (reader.given(&table::S3_ENDPOINT), reader.read(&table::S3_REGION)?);
        let (access_key, secret_key) = (reader.given(&table::S3_ACCESS_KEY), reader.given(&table::S3_SECRET_KEY));
        Ok(match (reader.given(&table::AUDIO_STORE), access_key, secret_key) {
            (Some((bucket, prefix)), Some(access_key), Some(secret_key)) => {
                Some(Self { bucket, prefix, endpoint, region, access_key, secret_key })
            }
            (Some(_), ..) => {
                reader.refuse(&table::AUDIO_STORE, "wants AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
                None
            }
            (None, ..) => None,
        })
    }
}

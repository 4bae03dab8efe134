//! Settings of the transcription service: engines, jobs, streams, webhooks.

use crate::{SettingsError, settings_reader::SettingsReader, settings_table as table};
use dalston_auth::SecretText;
use dalston_service::FixedWorker;
use ipnet::IpNet;
use std::{num::NonZeroU32, time::Duration};

const WEBHOOK_PATIENCE: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_secs(1);

/// Settings of jobs and streams.
#[derive(Debug, Clone)]
pub struct Workload {
    /// The transcription engine.
    pub engine: EngineSettings,
    /// Timeout of one attempt at a job.
    pub patience: Duration,
    /// Maximum length of audio in seconds.
    pub max_audio_seconds: u32,
    /// Maximum number of concurrent jobs on this node.
    pub jobs_per_node: u32,
    /// Maximum number of concurrent jobs of one tenant.
    pub jobs_per_tenant: u32,
    /// Maximum number of attempts at a job.
    pub attempts: NonZeroU32,
    /// How many days ended jobs are kept.
    pub retention_days: Option<u32>,
    /// The bucket for audio and results, if they are not in the data folder.
    pub bucket: Option<BucketSettings>,
    /// Fixed stream workers, which do not register.
    pub workers: Vec<FixedWorker>,
    /// Maximum number of concurrent streams of the built-in worker.
    pub own_streams: u32,
    /// Networks that webhooks may reach in addition to public ones.
    pub webhook_networks: Vec<IpNet>,
    /// Timeout of a webhook delivery.
    pub webhook_patience: Duration,
    /// Interval of polling the queue for jobs. An upload to this node triggers a poll at once.
    pub poll: Duration,
}

/// The transcription engine.
#[derive(Debug, Clone)]
pub enum EngineSettings {
    /// The built-in voice activity detection.
    Vad,
    /// An OpenAI-compatible server.
    OpenAi {
        /// Its base URL, without a slash at the end.
        url: String,
        /// The model that is requested unless the client names one that the server has.
        model: Option<String>,
        /// The API key of the server.
        key: Option<SecretText>,
    },
    /// A local command, its words with placeholders.
    Command {
        /// The program, then its arguments.
        words: Vec<String>,
        /// Its memory limit.
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
    /// The prefix of all object names, without a slash at either end.
    pub prefix: String,
    /// The endpoint of the server, if it is not Amazon's.
    pub endpoint: Option<String>,
    /// Its region.
    pub region: String,
    /// The access key id.
    pub access_key: String,
    /// The secret access key.
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
            retention_days: reader.read_optional(&table::JOB_RETENTION_DAYS),
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
        let (url, model) = (reader.read_optional(&table::ENGINE_URL), reader.read_optional(&table::ENGINE_MODEL));
        let key = reader.read_optional(&table::ENGINE_API_KEY);
        let (words, memory) =
            (reader.read_optional(&table::ENGINE_COMMAND), reader.read_optional(&table::ENGINE_MEMORY_BYTES));
        if url.is_some() && words.is_some() {
            let wrong = "must not be set beside DALSTON_ENGINE_URL: one of them transcribes";
            reader.record_error(&table::ENGINE_COMMAND, wrong);
        }
        match (url, words) {
            (Some(url), _) => Self::OpenAi { url, model, key },
            (None, Some(words)) => Self::Command { words, memory, environment: environment(reader) },
            (None, None) => Self::Vad,
        }
    }
}

/// The environment of the command: this program's, without the settings.
fn environment(reader: &SettingsReader<'_>) -> Vec<(String, String)> {
    ["PATH", "HOME", "LANG"].into_iter().filter_map(|name| Some((name.to_owned(), reader.raw(name)?))).collect()
}

impl BucketSettings {
    fn read(reader: &mut SettingsReader<'_>) -> Result<Option<Self>, SettingsError> {
        let (endpoint, region) = (reader.read_optional(&table::S3_ENDPOINT), reader.read(&table::S3_REGION)?);
        let (access_key, secret_key) =
            (reader.read_optional(&table::S3_ACCESS_KEY), reader.read_optional(&table::S3_SECRET_KEY));
        Ok(match (reader.read_optional(&table::AUDIO_STORE), access_key, secret_key) {
            (Some((bucket, prefix)), Some(access_key), Some(secret_key)) => {
                Some(Self { bucket, prefix, endpoint, region, access_key, secret_key })
            }
            (Some(_), ..) => {
                reader.record_error(&table::AUDIO_STORE, "wants AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
                None
            }
            (None, ..) => None,
        })
    }
}

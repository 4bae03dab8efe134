//! Builds the job-processing parts from the settings.

use crate::{BucketSettings, EngineSettings, Settings};
use anyhow::{Context, Result};
use dalston_engine::{Decoders, Engine, EngineCommand, OpenAi, Vad};
use dalston_model::SharedClock;
use dalston_service::{Blobs, Bucket, BucketParts, DispatcherConfig};
use std::sync::Arc;

/// Opens the blob storage for audio and transcripts.
pub(crate) async fn blobs(settings: &Settings) -> Result<Blobs> {
    let bucket = match settings.workload.bucket.clone() {
        None => None,
        Some(BucketSettings { bucket, prefix, endpoint, region, access_key, secret_key }) => {
            let parts = BucketParts { bucket, prefix, endpoint, region, access_key, secret_key };
            Some(Bucket::open(parts).context("DALSTON_AUDIO_STORE cannot be used")?)
        }
    };
    Blobs::open(&settings.data_dir, settings.max_upload_bytes, bucket)
        .await
        .with_context(|| format!("the folder {} cannot be used", settings.data_dir.display()))
}

/// The dispatcher's limits.
pub(crate) fn dispatcher_config(settings: &Settings) -> DispatcherConfig {
    let workload = &settings.workload;
    DispatcherConfig {
        per_node: workload.jobs_per_node,
        per_tenant: workload.jobs_per_tenant,
        attempts: workload.attempts,
        patience: workload.patience,
        max_audio_seconds: workload.max_audio_seconds,
        retention_days: workload.retention_days,
        poll: workload.poll,
    }
}

/// Builds the transcription engine.
pub(crate) fn engine(settings: &Settings, decoders: &Arc<Decoders>, clock: &SharedClock) -> Result<Arc<dyn Engine>> {
    match &settings.workload.engine {
        EngineSettings::Vad => Ok(Arc::new(Vad::new(decoders.clone()))),
        EngineSettings::OpenAi { url, model, key } => {
            let key = key.as_ref().map(|key| key.expose().to_owned());
            let engine = OpenAi::new(url, model.as_deref(), key.as_deref(), clock.clone());
            Ok(Arc::new(engine.context("no HTTP client for the engine")?))
        }
        EngineSettings::Command { words, memory, environment } => {
            Ok(Arc::new(EngineCommand::new(words.clone(), *memory, environment.clone())))
        }
    }
}

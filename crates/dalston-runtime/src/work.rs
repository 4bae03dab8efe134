//! From the settings of the work to its parts.

use crate::{BucketSettings, Settings};
use anyhow::{Context, Result};
use dalston_engine::Engine;
use dalston_service::{Blobs, Bucket, BucketParts, Terms};
use std::sync::Arc;

/// Where audio and transcripts are.
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

/// How much is done at once.
pub(crate) fn terms(settings: &Settings) -> Terms {
    let workload = &settings.workload;
    Terms {
        per_node: workload.jobs_per_node,
        per_tenant: workload.jobs_per_tenant,
        attempts: workload.attempts,
        patience: workload.patience,
        retention_days: workload.retention_days,
    }
}

/// Whoever transcribes jobs.
pub(crate) fn engine(settings: &Settings) -> Result<Arc<dyn Engine>> {
    let _ = settings;
    Ok(Arc::new(Stand))
}

struct Stand;

#[async_trait::async_trait]
impl Engine for Stand {
    fn kind(&self) -> &'static str {
        "vad"
    }

    async fn models(&self) -> Vec<String> {
        Vec::new()
    }

    async fn transcribe(
        &self,
        _: &dalston_engine::Work,
        sink: &mut dyn dalston_engine::Sink,
        _: dalston_engine::Stop,
    ) -> Result<dalston_engine::Summary, dalston_engine::EngineError> {
        sink.segment(&dalston_engine::Segment {
            start: 0.0,
            end: 1.0,
            text: String::new(),
            confidence: None,
            words: vec![],
        })?;
        Ok(dalston_engine::Summary { engine: "vad".into(), duration: 1.0, ..Default::default() })
    }
}

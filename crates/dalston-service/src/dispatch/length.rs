//! The length of a job's audio: how much may be transcribed, and how much is metered.

use super::{Dispatcher, attempt::RETRY_INTERVAL};
use dalston_engine::{AudioBound, DAY_IS_OVER, TOO_DENSE, TOO_LONG, most_seconds};
use dalston_store::{StoreError, StoreResult};
use dalston_work::{Audio, Job, QuotaKind, QuotaOwner};
use std::{io, path::Path};
use tokio::{fs::File, time::sleep};

/// Files up to this size in bytes were counted completely at upload.
const COUNTED_BYTES: u64 = 64 * 1024 * 1024;
/// Tolerance by which audio may exceed the length that was reserved for it: 1 %, plus one second.
const TOLERANCE: f64 = 1.01;
const TOLERANCE_SECONDS: f64 = 1.0;

impl Dispatcher {
    /// Returns the maximum length of a job's audio: the least of the operator's limit, what a file of its size can
    /// hold, and what is left of the day's quota.
    ///
    /// Retries while the store is unavailable: an outage neither fails a job nor lifts its limit.
    pub(super) async fn audio_bound(&self, job: &Job, reserved_ms: u64) -> AudioBound {
        let left = loop {
            match self.left(job).await {
                Ok(left) => break left,
                Err(error) => {
                    let is_outage = matches!(error, StoreError::Unavailable(_));
                    tracing::warn!(
                        event = "quota.lookup_failed",
                        %error,
                        job = %job.id,
                        "could not look up the audio left of the day"
                    );
                    // Without a readable quota, what is reserved is the limit.
                    if !is_outage {
                        break Some(0);
                    }
                    sleep(RETRY_INTERVAL).await;
                }
            }
        };
        let day = left.map(|left| allowed_seconds(job.audio.duration_seconds, reserved_ms, left));
        let limits = [
            Some(AudioBound { seconds: f64::from(self.config.max_audio_seconds), exceeded: TOO_LONG }),
            Some(AudioBound { seconds: most_seconds(job.size_bytes), exceeded: TOO_DENSE }),
            day.map(|seconds| AudioBound { seconds, exceeded: DAY_IS_OVER }),
        ];
        let none = AudioBound { seconds: f64::INFINITY, exceeded: TOO_LONG };
        limits
            .into_iter()
            .flatten()
            .fold(none, |least, limit| if limit.seconds < least.seconds { limit } else { least })
    }

    /// Returns the properties of the job's audio.
    ///
    /// Counts its length, unless that was done at upload. The length is `None` when it cannot be counted.
    pub(super) async fn probe_length(&self, job: &Job, audio: &Path, bound: AudioBound) -> io::Result<Audio> {
        if job.audio.duration_seconds.is_some() && job.size_bytes <= COUNTED_BYTES {
            return Ok(job.audio.clone());
        }
        let file = File::open(audio).await?.into_std().await;
        let duration_seconds = self.decoders.count(file, bound.seconds).await.unwrap_or_else(|error| {
            tracing::warn!(event = "job.count_failed", %error, job = %job.id, "could not count the audio of a job");
            None
        });
        Ok(Audio { duration_seconds, ..job.audio.clone() })
    }

    /// Returns the milliseconds that the job's key and tenant have left of the job's day, beyond what is reserved
    /// already. `None` means unlimited.
    async fn left(&self, job: &Job) -> StoreResult<Option<u64>> {
        let account = job.account();
        let key = account.key.map(|key| QuotaOwner::Key(account.tenant.clone(), key));
        let mut least = None;
        for subject in key.into_iter().chain([QuotaOwner::Tenant(account.tenant)]) {
            let Some(limit) = self.store.quota(&subject).await?.limit(QuotaKind::Seconds) else { continue };
            let days = self.store.metered(&subject, account.day).await?;
            let used = days.iter().find(|day| day.day == account.day).map_or(0, |day| day.jobs_ms + day.streams_ms);
            let left = (u64::from(limit) * 1_000).saturating_sub(used);
            least = Some(least.map_or(left, |least: u64| least.min(left)));
        }
        Ok(least)
    }
}

/// Returns the milliseconds of audio to meter for a completed job. `length` is the length in seconds of its result.
///
/// When neither the upload nor the engine stated a length, this is the reservation, limited by `bound`: an engine that
/// reports no times must not grant unlimited audio.
pub(super) fn metered(job: &Job, length: Option<f64>, reserved_ms: u64, bound: AudioBound) -> u64 {
    match (length, job.audio.duration_seconds) {
        (None, None) => reserved_ms.min(millis(bound.seconds).unwrap_or_default()),
        (length, _) => length.and_then(millis).unwrap_or_else(|| job.audio_ms()),
    }
}

/// Returns the seconds that a job may use of its day. `left_ms` is what is left beyond its reservation `reserved_ms`.
///
/// `stated` is the length that the file stated. That may be slightly off, hence the tolerance. When the file stated none,
/// the whole rest of the day was reserved.
fn allowed_seconds(stated: Option<f64>, reserved_ms: u64, left_ms: u64) -> f64 {
    let day = seconds(reserved_ms.saturating_add(left_ms));
    match stated {
        Some(_) => day.max(seconds(reserved_ms) * TOLERANCE + TOLERANCE_SECONDS),
        None => day,
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 milliseconds are 285,000 years")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}

/// Converts seconds to milliseconds, rounded up. Returns `None` when the seconds are unknown (zero or less).
fn millis(seconds: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    let millis = (seconds * 1_000.0).ceil() as u64;
    (seconds > 0.0).then(|| millis.min(u64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_may_have_what_was_reserved_for_it_and_what_is_left_of_the_day() {
        // (stated length, milliseconds reserved, milliseconds left, seconds allowed)
        for (stated, reserved, left, may) in [
            (None, 6_000, 0, 6.0),
            (None, 6_000, 4_000, 10.0),
            // The limit was set after the upload.
            (None, 0, 4_000, 4.0),
            (None, 0, 0, 0.0),
            (Some(100.0), 100_000, 500_000, 600.0),
            // Audio that is slightly longer than its file stated does not exceed the limit.
            (Some(100.0), 100_000, 0, 102.0),
            (Some(0.5), 500, 0, 1.505),
            (None, u64::MAX, 1, seconds(u64::MAX)),
        ] {
            assert!((allowed_seconds(stated, reserved, left) - may).abs() < 1e-6, "{stated:?} {reserved} {left}");
        }
    }
}

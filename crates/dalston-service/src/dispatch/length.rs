//! How long the audio of a job is, how much of it may be transcribed, and how much is metered.

use super::{Dispatcher, attempt::AGAIN};
use dalston_engine::{AudioBound, DAY_IS_OVER, TOO_DENSE, TOO_LONG, most_seconds};
use dalston_store::StoreResult;
use dalston_work::{Audio, Job, QuotaKind, QuotaOwner};
use std::{io, path::Path};
use tokio::{fs::File, time::sleep};

/// A file of at most so many bytes was counted as a whole when it was uploaded.
const COUNTED: u64 = 64 * 1024 * 1024;
/// By how much audio may be longer than the length that was reserved for it: a hundredth, and a second.
const SLACK: f64 = 1.01;
const SLACK_SECONDS: f64 = 1.0;

impl Dispatcher {
    /// How much audio a job may have: no more than the operator allows, than its file can hold, and than there is of the
    /// day. Waits for a store that is away: an outage neither fails a job nor lifts its limit.
    pub(super) async fn most(&self, job: &Job, reserved_ms: u64) -> AudioBound {
        let left = loop {
            match self.left(job).await {
                Ok(left) => break left,
                Err(error) => {
                    tracing::warn!(
                        event = "quota.lookup_failed",
                        %error,
                        job = %job.id,
                        "could not look up the audio left of the day"
                    );
                    sleep(AGAIN).await;
                }
            }
        };
        let day = left.map(|left| allowed(job.audio.duration_seconds, reserved_ms, left));
        let limits = [
            Some(AudioBound { seconds: f64::from(self.terms.max_audio_seconds), exceeded: TOO_LONG }),
            Some(AudioBound { seconds: most_seconds(job.size_bytes), exceeded: TOO_DENSE }),
            day.map(|seconds| AudioBound { seconds, exceeded: DAY_IS_OVER }),
        ];
        let none = AudioBound { seconds: f64::INFINITY, exceeded: TOO_LONG };
        limits
            .into_iter()
            .flatten()
            .fold(none, |least, limit| if limit.seconds < least.seconds { limit } else { least })
    }

    /// What the audio of a job is. How long it is, is counted where that was not done when it was uploaded; when it cannot
    /// be, it is not known.
    pub(super) async fn measured(&self, job: &Job, audio: &Path, most: AudioBound) -> io::Result<Audio> {
        if job.audio.duration_seconds.is_some() && job.size_bytes <= COUNTED {
            return Ok(job.audio.clone());
        }
        let file = File::open(audio).await?.into_std().await;
        let duration_seconds = self.decoders.count(file, most.seconds).await.unwrap_or_else(|error| {
            tracing::warn!(event = "job.count_failed", %error, job = %job.id, "could not count the audio of a job");
            None
        });
        Ok(Audio { duration_seconds, ..job.audio.clone() })
    }

    /// Milliseconds that the key and the tenant of a job have left of its day, beside what is reserved; `None` without a
    /// limit.
    async fn left(&self, job: &Job) -> StoreResult<Option<u64>> {
        let account = job.account();
        let key = account.key.map(|key| QuotaOwner::Key(account.tenant.clone(), key));
        let mut least = None;
        for subject in key.into_iter().chain([QuotaOwner::Tenant(account.tenant)]) {
            let Some(most) = self.store.quota(&subject).await?.limit(QuotaKind::Seconds) else { continue };
            let days = self.store.metered(&subject, account.day).await?;
            let used = days.iter().find(|day| day.day == account.day).map_or(0, |day| day.jobs_ms + day.streams_ms);
            let left = (u64::from(most) * 1_000).saturating_sub(used);
            least = Some(least.map_or(left, |least: u64| least.min(left)));
        }
        Ok(least)
    }
}

/// Milliseconds of audio to meter for a completed job, by the length in seconds that its result has. Where neither the
/// upload nor the engine told a length, it is as much of what was reserved as the job could have: an engine that tells
/// no times must not make a day endless.
pub(super) fn metered(job: &Job, length: Option<f64>, reserved_ms: u64, most: AudioBound) -> u64 {
    match (length, job.audio.duration_seconds) {
        (None, None) => reserved_ms.min(millis(most.seconds).unwrap_or_default()),
        (length, _) => length.and_then(millis).unwrap_or_else(|| job.audio_ms()),
    }
}

/// The seconds that a job may have of a day of which so much is left beside what is reserved for it. What a file told of its
/// length may be a little off; where it told nothing, all that there is was reserved.
fn allowed(told: Option<f64>, reserved_ms: u64, left_ms: u64) -> f64 {
    let day = seconds(reserved_ms.saturating_add(left_ms));
    match told {
        Some(_) => day.max(seconds(reserved_ms) * SLACK + SLACK_SECONDS),
        None => day,
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 milliseconds are 285,000 years")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1_000.0
}

/// Seconds as milliseconds, rounded up. `None`: they are not known.
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
        // (what was told of its length, milliseconds reserved, milliseconds left) and the seconds that it may have.
        for (told, reserved, left, may) in [
            (None, 6_000, 0, 6.0),
            (None, 6_000, 4_000, 10.0),
            // The limit was set after the upload.
            (None, 0, 4_000, 4.0),
            (None, 0, 0, 0.0),
            (Some(100.0), 100_000, 500_000, 600.0),
            // A little more than a file told of its length is no excess.
            (Some(100.0), 100_000, 0, 102.0),
            (Some(0.5), 500, 0, 1.505),
            (None, u64::MAX, 1, seconds(u64::MAX)),
        ] {
            assert!((allowed(told, reserved, left) - may).abs() < 1e-6, "{told:?} {reserved} {left}");
        }
    }
}

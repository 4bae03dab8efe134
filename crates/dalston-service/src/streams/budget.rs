//! The audio quota of a stream: reserved in slices before the audio is sent, settled to the actual amount at the end.

use crate::{ServiceError, ServiceResult};
use dalston_model::{Day, Timestamp};
use dalston_stream::StreamConfig;
use dalston_work::{AudioAmount, NewSession, ReserveOutcome, SharedWorkStorage, UsageAccount, UsageSource};

/// Size of a reservation, in milliseconds of audio. A gateway that crashes leaves at most this much reserved and
/// unused.
const RESERVATION_MS: u64 = 10_000;
/// Milliseconds of audio that a failed reservation allows without one, while the store is unavailable.
///
/// The reservation is tried again once they are used. An outage closes no stream: the actual amount is settled at the
/// end.
const OUTAGE_CREDIT_MS: u64 = 60_000;

/// The audio that a stream may still send.
pub(super) struct Budget {
    store: SharedWorkStorage,
    account: UsageAccount,
    config: StreamConfig,
    bytes: u64,
    /// Milliseconds that the store has reserved.
    reserved: u64,
    /// Milliseconds that may be sent: the reserved ones, and the credit.
    allowed: u64,
}

impl Budget {
    /// Opens a budget with a first slice. Fails with [`ServiceError::Excess`] when nothing is left of the day's quota.
    pub(super) async fn open(
        store: SharedWorkStorage,
        session: &NewSession,
        config: &StreamConfig,
        now: Timestamp,
    ) -> ServiceResult<Self> {
        let account = UsageAccount {
            tenant: session.tenant.clone(),
            key: session.key,
            day: Day::of(now),
            of: UsageSource::Streams,
        };
        let mut budget = Self { store, account, config: config.clone(), bytes: 0, reserved: 0, allowed: 0 };
        match budget.store.reserve_audio(&budget.account, AudioAmount::UpTo(RESERVATION_MS)).await? {
            ReserveOutcome::Granted(millis) => {
                budget.reserved = millis;
                budget.allowed = millis;
                Ok(budget)
            }
            ReserveOutcome::Exhausted(excess) => Err(excess.into()),
        }
    }

    /// Consumes `bytes` bytes of audio, and reserves more when the reservation is too small.
    pub(super) async fn take(&mut self, bytes: usize) -> ServiceResult<()> {
        let wanted = self.bytes.saturating_add(bytes as u64);
        let millis = self.config.millis(wanted);
        while millis > self.allowed {
            let slice = RESERVATION_MS.max(millis - self.allowed);
            match self.store.reserve_audio(&self.account, AudioAmount::UpTo(slice)).await {
                Ok(ReserveOutcome::Granted(millis)) => {
                    self.reserved += millis;
                    self.allowed += millis;
                    if millis == 0 {
                        tracing::error!(
                            event = "stream.reserve_inconsistent",
                            "reserved no audio and received no refusal"
                        );
                        return Err(ServiceError::Internal);
                    }
                }
                Ok(ReserveOutcome::Exhausted(excess)) => return Err(excess.into()),
                Err(error) => {
                    tracing::warn!(
                        event = "stream.reserve_failed",
                        %error,
                        "could not reserve audio: it passes unreserved"
                    );
                    self.allowed += OUTAGE_CREDIT_MS.max(slice);
                }
            }
        }
        self.bytes = wanted;
        Ok(())
    }

    /// Returns the account to settle, and the correction in milliseconds: used minus reserved.
    pub(super) fn settlement(&self) -> (UsageAccount, i64) {
        let signed = |millis: u64| i64::try_from(millis).unwrap_or(i64::MAX);
        (self.account.clone(), signed(self.config.millis(self.bytes)).saturating_sub(signed(self.reserved)))
    }
}

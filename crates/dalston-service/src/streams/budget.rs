//! The audio of a stream: reserved in slices before it is passed on, settled at the end to what came.

use crate::{ServiceError, ServiceResult};
use dalston_model::{Day, Timestamp};
use dalston_stream::StreamConfig;
use dalston_work::{AudioAmount, NewSession, ReserveOutcome, SharedWorkStorage, UsageAccount, UsageSource};

/// What is reserved at once, in milliseconds of audio. A gateway that dies leaves no more of it unused.
const SLICE: u64 = 10_000;
/// What is passed on unreserved while the store is away. An outage ends no stream: what came is settled at the end.
const CREDIT: u64 = 60_000;

/// What a stream may still pass on.
pub(super) struct Budget {
    store: SharedWorkStorage,
    account: UsageAccount,
    config: StreamConfig,
    bytes: u64,
    /// Milliseconds that the store has reserved.
    reserved: u64,
    /// Milliseconds that may pass: those, and credit.
    allowed: u64,
}

impl Budget {
    /// With a first slice; `Excess` when nothing is left of the day.
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
        match budget.store.reserve_audio(&budget.account, AudioAmount::UpTo(SLICE)).await? {
            ReserveOutcome::Granted(millis) => {
                budget.reserved = millis;
                budget.allowed = millis;
                Ok(budget)
            }
            ReserveOutcome::Exhausted(excess) => Err(excess.into()),
        }
    }

    /// Takes so many bytes from what is reserved, and reserves more where they do not fit.
    pub(super) async fn take(&mut self, bytes: usize) -> ServiceResult<()> {
        let wanted = self.bytes.saturating_add(bytes as u64);
        let millis = self.config.millis(wanted);
        while millis > self.allowed {
            let slice = SLICE.max(millis - self.allowed);
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
                    self.allowed += CREDIT.max(slice);
                }
            }
        }
        self.bytes = wanted;
        Ok(())
    }

    /// Whose audio it is, and by how much it differs from what was reserved.
    pub(super) fn settlement(&self) -> (UsageAccount, i64) {
        let signed = |millis: u64| i64::try_from(millis).unwrap_or(i64::MAX);
        (self.account.clone(), signed(self.config.millis(self.bytes)).saturating_sub(signed(self.reserved)))
    }
}

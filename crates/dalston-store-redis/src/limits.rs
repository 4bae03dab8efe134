//! The counter that several nodes share.

use crate::{
    RedisStore,
    scripts::{self, SCRIPTS},
};
use async_trait::async_trait;
use dalston_model::{KeyId, RateLimit};
use dalston_store::{LimitStore, StoreResult, Taken};
use std::time::Duration;

#[async_trait]
impl LimitStore for RedisStore {
    async fn take(&self, key: KeyId, limit: RateLimit) -> StoreResult<Taken> {
        let mut script = SCRIPTS.take.key(scripts::window(key));
        // On a line that broke it may count twice: a unit too many is lost, none is given away.
        let call = self.link.call();
        let (admitted, used, micros): (bool, u32, u64) = call.look(script.arg(limit.get()).arg(self.now())).await?;
        Ok(Taken { admitted, used, frees_in: Duration::from_micros(micros) })
    }
}

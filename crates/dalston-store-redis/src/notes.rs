//! The key-value store with expiry.

use crate::{
    RedisStore,
    scripts::{self, SCRIPTS},
};
use async_trait::async_trait;
use dalston_store::{KvStore, StoreResult};
use std::time::Duration;

#[async_trait]
impl KvStore for RedisStore {
    async fn get_entry(&self, name: &str) -> StoreResult<Option<String>> {
        self.link.call().run_on_shared_connection(SCRIPTS.read_note.key(scripts::note(name)).arg(self.now())).await
    }

    async fn put_entry(&self, name: &str, expected: Option<&str>, text: &str, ttl: Duration) -> StoreResult<bool> {
        let mut script = SCRIPTS.put_note.key(scripts::note(name));
        script.arg(text).arg(ttl.as_micros().to_string()).arg(self.now()).arg(expected);
        self.link.call().run(&script).await
    }

    async fn take_entry(&self, name: &str) -> StoreResult<Option<String>> {
        self.link.call().run(SCRIPTS.take_note.key(scripts::note(name)).arg(self.now())).await
    }
}

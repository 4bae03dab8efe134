//! A fresh store of each engine, on a clock that stands at the start of 2026.

mod memory;
mod postgres;
mod redis;
mod sqlite;

pub use memory::memory;
pub use postgres::postgres;
pub use redis::redis;
pub use sqlite::sqlite;

use dalston_model::{ManualClock, Timestamp};
use std::sync::Arc;

fn clock() -> Arc<ManualClock> {
    ManualClock::new(Timestamp::from_secs(1_767_225_600))
}

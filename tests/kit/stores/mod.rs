//! A fresh store of each engine, on a clock that stands at the start of 2026.

mod memory;
mod redis;

pub use memory::memory;
pub use redis::redis;

use dalston_model::{ManualClock, Timestamp};
use std::sync::Arc;

fn clock() -> Arc<ManualClock> {
    ManualClock::new(Timestamp::from_secs(1_767_225_600))
}

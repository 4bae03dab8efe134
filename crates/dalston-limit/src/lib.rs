//! How much in a minute: pure window arithmetic, the limiter, the verdict.
//!
//! The promise: in no window of 60 seconds are more than the limit admitted; a refused request costs nothing; steady
//! traffic at 95 % of the limit is never refused; after `Retry-After` the next request is admitted. Memory is 272 bytes
//! a key that was used in the last minute.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

mod limiter;
mod local;
mod shards;
mod verdict;
mod window;
mod written;

pub use limiter::{Limiter, Mode, Shared};
pub use local::LocalLimiter;
pub use verdict::Verdict;
pub use window::Window;
pub use written::Written;

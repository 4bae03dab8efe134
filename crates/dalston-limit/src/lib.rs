//! How much in a minute: pure window arithmetic, the limiter, the verdict.
//!
//! The promise: in no window of 60 seconds are more than the limit admitted; a refused request costs nothing; steady
//! traffic at 95 % of the limit is never refused; after `Retry-After` the next request is admitted. Memory is 272 bytes
//! a key that was used in the last minute.
//!
//! # Slices
//!
//! Over several nodes a key's minute is counted in the store, and a node takes slices of it ahead of need, which it
//! spends in memory. Why no window of 60 seconds holds more than the limit then: a slice is lent when all that counts in
//! the slots from `s - 240` on, those ahead among them, leaves room for it, where `s` is the slot in which it starts. Take
//! a window, which lies in the slots `k - 240` to `k`, and the slice or unit that was given last among those spent in it:
//! it starts in a slot `s <= k`, and all others spent in the window were given before it. Each of them was counted in the
//! slot where it was spent or in a later one, so in one from `k - 240 >= s - 240` on, and so there was room for all.
//!
//! For that a node never takes the store's time for earlier than it is when it says in which slot it spent a unit or
//! whether a slice is over, nor for later when it asks whether a slice has begun. It knows the time by the answer that
//! brought the slice, sent after the node asked and before it heard, and by a monotonic clock (see `lease`).
//!
//! What slices cost: units in hand cannot be spent elsewhere. A slice is at most a 160th of the limit on up to four nodes
//! (62 of 10,000), so four nodes have 2.5 % in hand at most and 1.25 % on average, and 241 slots for 240 take another
//! 0.4 %: 98.3 % is left to who asks for more than the limit evenly. It lasts a node 1.5 s there, and may be spent in
//! nine slots, 2 to 2.25 s. Limits under 640 are too small for slices worth a call: each unit is asked for.
//!
//! # Outages
//!
//! When a call of the counter fails, a node asks again if the counter answered others since the call was sent; else it
//! leaves the counter alone for a second (see `breaker`). Meanwhile it spends what it has in hand, and then its share of the
//! limit, or with [`OutagePolicy::Strict`] nothing. What holds of any window of 60 seconds:
//!
//! 1. *The counter gives no more than the limit*, whatever fails: what it counted it does not forget before the window is
//!    over, and a unit or slice whose answer was lost is spent by nobody. So strict nodes never exceed the limit.
//! 2. *A node admits alone no more than its share, less what it was given*: before each unit of its share it looks at all
//!    that it admitted in the window, by whatever means, and so does the last of them.
//! 3. *The shares of all nodes on the list add up to the limit at most*, whatever they were told last and whatever
//!    answers were lost (see `dalston_store::Place`). With 2, while no node is given anything, no window holds more than
//!    the limit.
//! 4. *What was admitted alone counts once the counter hears of it*: a node reports it before it asks for more of that
//!    key, and for all keys each quarter of a second. A report has the sums of seconds, and the counter adds what it does
//!    not know, so one that comes twice counts once. A second is taken for younger than it is, so it counts in a slot
//!    that is not too early.
//!
//! With 1 and 2, a window holds more than the limit by no more than the shares of those nodes that were cut off in it,
//! less what these were given in it: nobody can tell the others what a node is doing that they cannot reach. The model in
//! `tests/shares` takes each of the rules away, and finds the way to where the promise breaks.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_lossless
    )
)]

mod breaker;
mod decision;
mod distributed;
mod header_buf;
mod known_place;
mod lease_table;
mod leased_tokens;
mod limiter;
mod local;
mod local_ledger;
mod shards;
mod shared;
#[cfg(test)]
mod simulation;
mod token_lease;
mod window;

pub use decision::RateLimitDecision;
pub use header_buf::HeaderBuf;
pub use limiter::Limiter;
pub use local::LocalLimiter;
pub use shared::{CounterTiming, CounterUnavailable, LimiterMode, OutagePolicy, SharedCounter};
pub use window::Window;

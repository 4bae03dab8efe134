//! Rate limiting: a sliding window of 60 seconds per key, in one process or distributed over several nodes.
//!
//! What the limiter promises while the shared counter answers (see below for outages):
//!
//! * No window of 60 seconds admits more requests than the limit.
//! * A refused request consumes nothing.
//! * Steady traffic at 95 % of the limit is never refused.
//! * After `Retry-After`, the next request is admitted.
//!
//! Memory use is 272 bytes for each key that was used in the last minute.
//!
//! # Token leases
//!
//! One token (a "unit" in the code) is one admitted request. With several nodes, the store counts the tokens of each
//! key. A node leases blocks of tokens ahead of need, and spends them from memory.
//!
//! The proof that no window of 60 seconds exceeds the limit: time is divided into slots of 250 ms. Let `s` be the slot
//! in which a lease starts. The store grants the lease only if everything that counts in the slots from `s - 240` on,
//! slots in the future included, leaves room for it. Take any window: it lies in the slots `k - 240` to `k`. Of the
//! leases and single tokens that were spent in it, take the one that was granted last. It starts in a slot `s <= k`,
//! and all others that were spent in the window were granted before it. The store counted each of those in the slot
//! where it was spent or in a later one, and so in a slot from `k - 240 >= s - 240` on. So there was room for all of
//! them together.
//!
//! This requires two bounds on the store's time. When a node assigns a spent token to a slot, or checks whether a lease
//! has expired, its estimate of the store's time is never too early. When it checks whether a lease has started, its
//! estimate is never too late. The node derives both bounds from the reply that granted the lease, which the store sent
//! after the node sent the request and before the node received the reply, and from a monotonic clock (see
//! `token_lease`).
//!
//! The cost of leases: tokens that one node has leased cannot be spent by another. A lease is at most 1/160 of the
//! limit on up to four nodes (62 of 10,000), so four nodes hold at most 2.5 % of the limit, and 1.25 % on average.
//! Counting 241 slots for a window of 240 costs another 0.4 %. Clients that send evenly, and more than the limit, still
//! get 98.3 % of it. At that rate a lease lasts a node 1.5 s. It may be spent in nine slots: 2 to 2.25 s. With a limit
//! below 640, a lease is too small to be worth a call, so the node takes each token from the store.
//!
//! # Outages
//!
//! When a call of the counter fails, the node retries if the counter answered other calls since this one was sent.
//! Otherwise the circuit breaker opens for a second (see `breaker`). While it is open, the node spends the tokens that
//! it has leased, and then its share of the limit, or nothing with [`OutagePolicy::Strict`]. For any window of 60
//! seconds:
//!
//! 1. *The counter grants no more than the limit*, whatever fails: it forgets nothing that it counted before the window
//!    is over, and a token or lease whose reply was lost is spent by nobody. So strict nodes never exceed the limit.
//! 2. *The requests that a node admits locally are at most its share, less what the counter granted it*: before the
//!    node admits a request out of its share, it counts all requests that it admitted in the window, by whatever means.
//!    This check also precedes the last of them.
//! 3. *The shares of all registered nodes add up to at most the limit*, whichever place each node received last and
//!    whichever replies were lost (see `dalston_store::NodePlace`). With rule 2, no window exceeds the limit while no
//!    node is granted anything.
//! 4. *Locally admitted requests count as soon as the counter receives the report*: a node reports them before it asks
//!    for more tokens of that key, and for all keys every quarter of a second. A report holds a total per second, and
//!    the counter adds only what it does not know yet, so a repeated report counts once. A report never overstates the
//!    age of a second, so the counter does not assign it to a slot that is too early.
//!
//! By rules 1 and 2, a window exceeds the limit by at most the shares of those nodes that were cut off in it, less what
//! the counter granted these nodes in it. The others cannot know what an unreachable node admits. The model in
//! `tests/shares` removes each of the rules in turn, and finds the sequence of steps that breaks the promise.

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

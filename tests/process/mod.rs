//! The gateway as a process: starts, crashes, stops, outages, and several at once.

mod bombs;
mod counter;
mod crash;
mod embedded;
mod failover;
mod feed;
mod first_key;
mod log;
mod nodes;
mod outage;
mod own_scopes;
mod settings;
mod start;
mod stop;
mod storm;
mod webhooks;

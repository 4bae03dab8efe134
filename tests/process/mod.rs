//! The gateway as a process: starts, crashes, stops, outages, and several at once.

mod crash;
mod failover;
mod feed;
mod first_key;
mod nodes;
mod outage;
mod start;
mod stop;
mod storm;
mod webhooks;

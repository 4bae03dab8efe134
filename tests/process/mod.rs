//! The gateway as a process: starts, crashes, stops, outages, and several at once.

mod crash;
mod nodes;
mod outage;
mod start;
mod stop;

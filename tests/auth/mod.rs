//! `/auth`.

mod claims;
mod credential;
mod keys;
mod limits;
mod list;
mod master;
mod me;
mod patch;
mod privilege;
mod query;
mod quota;
mod repeat;
mod revoke;
mod rotate;
mod throttle;
mod usage;

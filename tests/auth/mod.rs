//! `/auth`.

mod me;

//! The command on tickets.

pub(crate) mod create;

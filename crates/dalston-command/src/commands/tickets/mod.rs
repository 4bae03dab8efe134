//! Commands on tickets.

pub(crate) mod create;

//! The commands, one file each.

pub(crate) mod audit;
pub(crate) mod help;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod nudge;
pub(crate) mod status;
pub(crate) mod tenants;
pub(crate) mod tickets;
pub(crate) mod usage;
pub(crate) mod webhooks;
pub(crate) mod whoami;
pub(crate) mod workers;

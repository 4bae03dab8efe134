//! How each peer is started.

pub(crate) mod bare;
pub(crate) mod better_auth;
pub(crate) mod fastapi;
pub(crate) mod gateway;
pub(crate) mod haproxy;
pub(crate) mod nginx;
pub(crate) mod seed_port;

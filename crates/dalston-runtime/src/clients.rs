//! The settings of clients: what they may hold, and how long they are waited for.

use crate::{
    SettingsError,
    settings_reader::SettingsReader,
    settings_table::{CONNECTIONS, CONNECTIONS_PER_ADDRESS, DRAIN, KEEP_ALIVE, STREAM_IDLE},
};
use std::{num::NonZeroUsize, time::Duration};

/// What clients may hold, and how long they are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clients {
    /// Connections of all clients together.
    pub connections: NonZeroUsize,
    /// Connections of one address.
    pub connections_per_address: NonZeroUsize,
    /// How long a stream may be open without a message of its client.
    pub stream_idle: Duration,
    /// How long a connection is kept that rests between two requests.
    pub keep_alive: Duration,
    /// How long a gateway that was asked to stop still serves, while it says that it is not ready; `None`: not set.
    pub drain: Option<Duration>,
}

impl Clients {
    pub(crate) fn read(reader: &mut SettingsReader<'_>) -> Result<Self, SettingsError> {
        Ok(Self {
            connections: reader.read(&CONNECTIONS)?,
            connections_per_address: reader.read(&CONNECTIONS_PER_ADDRESS)?,
            stream_idle: reader.read(&STREAM_IDLE)?,
            keep_alive: reader.read(&KEEP_ALIVE)?,
            drain: reader.given(&DRAIN),
        })
    }
}

//! Settings of client connections: limits and timeouts.

use crate::{
    SettingsError,
    settings_reader::SettingsReader,
    settings_table::{CONNECTIONS, CONNECTIONS_PER_ADDRESS, DRAIN, KEEP_ALIVE, STREAM_IDLE},
};
use std::{num::NonZeroUsize, time::Duration};

/// Limits and timeouts of client connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clients {
    /// Maximum number of connections in total.
    pub connections: NonZeroUsize,
    /// Maximum number of connections from one address.
    pub connections_per_address: NonZeroUsize,
    /// Timeout of a stream that receives no message from its client.
    pub stream_idle: Duration,
    /// Keep-alive timeout of a connection between two requests.
    pub keep_alive: Duration,
    /// How long a gateway keeps serving after it was asked to stop, while it reports that it is not ready; `None`: not
    /// set.
    pub drain: Option<Duration>,
}

impl Clients {
    pub(crate) fn read(reader: &mut SettingsReader<'_>) -> Result<Self, SettingsError> {
        Ok(Self {
            connections: reader.read(&CONNECTIONS)?,
            connections_per_address: reader.read(&CONNECTIONS_PER_ADDRESS)?,
            stream_idle: reader.read(&STREAM_IDLE)?,
            keep_alive: reader.read(&KEEP_ALIVE)?,
            drain: reader.read_optional(&DRAIN),
        })
    }
}

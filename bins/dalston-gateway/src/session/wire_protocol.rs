//! Wire protocols of a session: they translate a client's messages into frames for the worker, and the worker's events
//! into texts for the client.

use bytes::Bytes;
use bytestring::ByteString;
use dalston_stream::{ClientFrame, StreamConfig, WorkerEvent};
use dalston_work::SessionId;
use std::{borrow::Cow, collections::VecDeque};

/// Texts that wait to be written to the client, in order.
pub(crate) type OutboundQueue = VecDeque<ByteString>;

/// Translation between one client and its worker. Does no I/O: texts for the client are added to the queue.
pub(crate) trait WireProtocol {
    /// Queues the greeting.
    fn begin(&mut self, session: SessionId, config: &StreamConfig, outbound: &mut OutboundQueue);
    /// Translates a message of the client. `has_audio`: the session has accepted audio before.
    fn on_client_message(
        &mut self,
        message: ClientMessage,
        has_audio: bool,
        outbound: &mut OutboundQueue,
    ) -> ClientAction;
    /// Translates an event of the worker.
    fn on_worker_event(&mut self, event: WorkerEvent, outbound: &mut OutboundQueue);
    /// Queues an error that the gateway itself reports.
    fn fault(&mut self, fault: &SessionFault, outbound: &mut OutboundQueue);
}

/// A message of the client. Control frames of the socket are handled before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ClientMessage {
    Audio(Bytes),
    Text(ByteString),
}

/// What a message of the client requires.
pub(crate) enum ClientAction {
    /// Nothing, or the reply is already queued.
    Nothing,
    /// Pass a frame to the worker.
    Pass(ClientFrame),
    /// Replace the worker by one with this configuration.
    Replace(StreamConfig),
}

/// An error, reported to the client in its own protocol.
pub(crate) struct SessionFault {
    /// Stable error code.
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
    /// Whether another session may succeed. `None`: the message has no such field.
    pub(crate) recoverable: Option<bool>,
}

impl SessionFault {
    pub(crate) fn new(code: &'static str, message: impl Into<Cow<'static, str>>, recoverable: bool) -> Self {
        Self { code, message: message.into(), recoverable: Some(recoverable) }
    }

    pub(crate) fn no_capacity() -> Self {
        Self { recoverable: None, ..Self::new("no_capacity", "No workers available", true) }
    }
}

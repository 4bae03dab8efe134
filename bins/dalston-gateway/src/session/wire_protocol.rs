//! Wire protocols of a session: how a client's messages become frames for the worker, and the worker's events become
//! texts for the client.

use bytes::Bytes;
use bytestring::ByteString;
use dalston_stream::{ClientFrame, StreamConfig, WorkerEvent};
use dalston_work::SessionId;
use std::{borrow::Cow, collections::VecDeque};

/// Texts that wait to be written to the client, in order.
pub(crate) type OutboundQueue = VecDeque<ByteString>;

/// Translation between one client and its worker. It does no I/O: what the client is to read is added to the queue.
pub(crate) trait WireProtocol {
    /// Queues what the client reads first.
    fn begin(&mut self, session: SessionId, config: &StreamConfig, outbound: &mut OutboundQueue);
    /// Translates a message of the client. `has_audio`: audio of this session was accepted before.
    fn hear(&mut self, message: ClientMessage, has_audio: bool, outbound: &mut OutboundQueue) -> ClientAction;
    /// Translates an event of the worker.
    fn tell(&mut self, event: WorkerEvent, outbound: &mut OutboundQueue);
    /// Queues an error of the gateway's own.
    fn fault(&mut self, fault: &SessionFault, outbound: &mut OutboundQueue);
}

/// Message of the client, without the control frames of the socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ClientMessage {
    Audio(Bytes),
    Text(ByteString),
}

/// What a message of the client asks for.
pub(crate) enum ClientAction {
    /// Nothing, or the answer is queued already.
    Nothing,
    /// To pass a frame to the worker.
    Pass(ClientFrame),
    /// A worker with another configuration, in place of the present one.
    Replace(StreamConfig),
}

/// Error that the client reads in its own protocol.
pub(crate) struct SessionFault {
    /// Stable code.
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
    /// Whether another session may succeed; `None` is left out of the message.
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

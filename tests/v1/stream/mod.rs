//! `GET /v1/audio/transcriptions/stream`.

mod frames;
mod handshake;
mod refusals;
mod session;

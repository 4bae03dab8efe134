//! `GET /v1/audio/transcriptions/stream`.

mod budget;
mod frames;
mod handshake;
mod own;
mod refusals;
mod session;
mod slots;
mod workers;

//! Decoding in a process of its own: what a hostile file does to it, it does to nobody else.
//!
//! [`Decoders`] is the gateway's side. It starts a [`DecoderProgram`] for each file, with the file as its standard input
//! and nothing else. [`decode_if_asked`] is the other side: it gives up all rights that decoding does not take, decodes,
//! and writes what it finds to its standard output, a line of JSON each.

mod child;
mod confine;
mod decoders;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
mod filter;
mod message;
mod fair_semaphore;

pub use child::decode_if_asked;
pub use decoders::{DIED, DecoderProgram, Decoders};
pub(crate) use message::DecoderMessage;

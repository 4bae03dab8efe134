//! Sandboxed decoding: each file is decoded in a process of its own, so a malicious file harms nothing else.
//!
//! [`Decoders`] is the gateway's side. It starts a [`DecoderProgram`] for each file, with the file as standard input
//! and nothing else. [`decode_if_asked`] is the decoder's side: it gives up all rights that decoding does not need,
//! decodes, and writes its results to standard output, one line of JSON each.

mod child;
mod confine;
mod decoders;
mod fair_semaphore;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
mod filter;
mod message;

pub use child::decode_if_asked;
pub use decoders::{DIED, DecoderProgram, Decoders};
pub(crate) use message::DecoderMessage;

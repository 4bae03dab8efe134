//! Chance is a parameter: an [`Entropy`] is handed to whatever mints a secret or an id.

use rand::{Rng, SeedableRng, TryRng, rngs::StdRng, rngs::SysRng};
use std::sync::{Arc, Mutex, PoisonError};
use thiserror::Error;

/// The operating system gives no random bytes.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("the operating system gives no random bytes")]
pub struct EntropyError;

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`. Fails when there is no chance to be had; never with weaker bytes.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// A source that several parts share.
pub type SharedEntropy = Arc<dyn Entropy>;

/// The generator of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        SysRng.try_fill_bytes(bytes).map_err(|_| EntropyError)
    }
}

/// The same bytes for the same seed. For tests.
pub struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    /// Starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
        Ok(())
    }
}

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

/// A generator of one's own, which asks another source once, for its seed: for names that are made by the thousand.
/// A secret comes from the source itself.
pub struct Stretched {
    source: SharedEntropy,
    generator: Mutex<Option<StdRng>>,
}

impl Stretched {
    /// Seeded from this source, when first asked.
    pub const fn new(source: SharedEntropy) -> Self {
        Self { source, generator: Mutex::new(None) }
    }
}

impl Entropy for Stretched {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let mut generator = self.generator.lock().unwrap_or_else(PoisonError::into_inner);
        if generator.is_none() {
            let mut seed = [0; 32];
            self.source.fill(&mut seed)?;
            *generator = Some(StdRng::from_seed(seed));
        }
        generator.as_mut().ok_or(EntropyError)?.fill_bytes(bytes);
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretched_source_is_asked_once() {
        let (source, twin) = (Arc::new(SeededEntropy::new(1)), SeededEntropy::new(1));
        let stretched = Stretched::new(source.clone());
        let mut given = [[0; 16]; 3];
        for bytes in &mut given {
            stretched.fill(bytes).unwrap();
        }
        assert!(given[0] != given[1] && given[1] != given[2]);
        let (mut left, mut expected, mut seed) = ([0; 8], [0; 8], [0; 32]);
        source.fill(&mut left).unwrap();
        twin.fill(&mut seed).unwrap();
        twin.fill(&mut expected).unwrap();
        assert_eq!(left, expected);
    }
}

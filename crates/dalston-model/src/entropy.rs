//! Sources of randomness. Randomness is a parameter: code that generates a secret or an id receives an [`Entropy`].

use rand::{Rng, SeedableRng, TryRng, rngs::StdRng, rngs::SysRng};
use sha2::{Digest, Sha256};
use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicU64, Ordering},
};
use thiserror::Error;

/// The operating system gives no random bytes.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("the operating system gives no random bytes")]
pub struct EntropyError;

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with random bytes. Fails if there is no randomness, and never falls back to weaker bytes.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// A shared source of randomness.
pub type SharedEntropy = Arc<dyn Entropy>;

/// The generator of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        SysRng.try_fill_bytes(bytes).map_err(|_| EntropyError)
    }
}

/// A pseudo-random generator that is seeded once from another source, for names that are generated in great number.
/// Secrets come from the source itself.
pub struct ExpandedEntropy {
    source: SharedEntropy,
    generator: Mutex<Option<StdRng>>,
}

impl ExpandedEntropy {
    /// A generator that takes its seed from `source` at first use.
    pub const fn new(source: SharedEntropy) -> Self {
        Self { source, generator: Mutex::new(None) }
    }
}

impl Entropy for ExpandedEntropy {
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

/// A pseudo-random generator that threads share without a lock: SHA-256 of a seed, taken once from another source, and
/// a counter. For names, as [`ExpandedEntropy`] is.
pub struct CounterModeEntropy {
    source: SharedEntropy,
    seed: OnceLock<[u8; Self::BLOCK]>,
    count: AtomicU64,
}

impl CounterModeEntropy {
    /// The size of a digest and of the seed in bytes.
    const BLOCK: usize = 32;

    /// A generator that takes its seed from `source` at first use.
    pub const fn new(source: SharedEntropy) -> Self {
        Self { source, seed: OnceLock::new(), count: AtomicU64::new(0) }
    }

    fn seed(&self) -> Result<&[u8], EntropyError> {
        if let Some(seed) = self.seed.get() {
            return Ok(seed);
        }
        let mut seed = [0; Self::BLOCK];
        self.source.fill(&mut seed)?;
        Ok(self.seed.get_or_init(|| seed))
    }
}

impl Entropy for CounterModeEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let seed = self.seed()?;
        for part in bytes.chunks_mut(Self::BLOCK) {
            let count = self.count.fetch_add(1, Ordering::Relaxed);
            let block = Sha256::new().chain_update(seed).chain_update(count.to_le_bytes()).finalize();
            part.iter_mut().zip(block).for_each(|(byte, random)| *byte = random);
        }
        Ok(())
    }
}

/// A deterministic generator for tests: the same bytes for the same seed.
pub struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    /// A generator with this seed.
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
        let stretched = ExpandedEntropy::new(source.clone());
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

    #[test]
    fn threads_that_share_a_counted_source_get_no_block_twice() {
        let counted = CounterModeEntropy::new(Arc::new(SeededEntropy::new(1)));
        let blocks = |_| -> Vec<[u8; 40]> {
            let block = |_| {
                let mut block = [0; 40];
                counted.fill(&mut block).unwrap();
                block
            };
            (0..100).map(block).collect()
        };
        let mut seen: Vec<[u8; 40]> = std::thread::scope(|scope| {
            let threads = [0, 1, 2, 3].map(|number| scope.spawn(move || blocks(number)));
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 400);
        assert!(seen.iter().all(|block| block[..8] != block[32..]));
    }

    #[test]
    fn a_counted_source_fails_as_its_source_does() {
        struct Nothing;
        impl Entropy for Nothing {
            fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
                Err(EntropyError)
            }
        }
        assert_eq!(CounterModeEntropy::new(Arc::new(Nothing)).fill(&mut [0; 8]), Err(EntropyError));
    }
}

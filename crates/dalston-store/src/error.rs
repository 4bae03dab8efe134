//! What can go wrong with a store: it cannot be asked, or it holds what cannot be.

use thiserror::Error;

/// A store call that gave no answer. The text is for the log; no client sees it.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// Down, frozen, slow or full. The outcome of a change is unknown.
    #[error("the store cannot be asked: {0}")]
    Unavailable(String),
    /// It holds a value that the model does not allow.
    #[error("the store holds what it should not: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// An outage, with its cause.
    pub fn unavailable(cause: impl std::fmt::Display) -> Self {
        Self::Unavailable(cause.to_string())
    }

    /// A value that cannot be, and where it stands.
    pub fn corrupt(place: impl std::fmt::Display) -> Self {
        Self::Corrupt(place.to_string())
    }
}

/// What store calls return.
pub type StoreResult<T> = Result<T, StoreError>;

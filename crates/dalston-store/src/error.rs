//! The errors of a store: it is unavailable, or it holds invalid data.

use thiserror::Error;

/// A store call that returned no result. The text is for the log; no client sees it.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// The store is down, frozen, slow or full. The outcome of a change is unknown.
    #[error("the store cannot be asked: {0}")]
    Unavailable(String),
    /// The store holds a value that the model does not allow.
    #[error("the store holds what it should not: {0}")]
    Corrupt(String),
}

impl StoreError {
    /// Returns an [`Unavailable`](Self::Unavailable) error with its cause.
    pub fn unavailable(cause: impl std::fmt::Display) -> Self {
        Self::Unavailable(cause.to_string())
    }

    /// Returns a [`Corrupt`](Self::Corrupt) error with the location of the invalid value.
    pub fn corrupt(place: impl std::fmt::Display) -> Self {
        Self::Corrupt(place.to_string())
    }
}

/// The result of a store call.
pub type StoreResult<T> = Result<T, StoreError>;

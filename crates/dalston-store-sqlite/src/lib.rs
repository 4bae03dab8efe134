//! The store over SQLite: the embedded default.

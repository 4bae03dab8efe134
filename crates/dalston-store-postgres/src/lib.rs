//! The store over Postgres.

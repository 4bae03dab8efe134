//! The gate as actix middleware and extractors.

//! How much in a minute: window arithmetic, the limiter, the verdict.

//! Nothing to link: the tests are `main.rs`.

//! The command line, drawn from the registry.

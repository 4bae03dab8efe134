//! The one registry: every command, its help, its schema, its answer.

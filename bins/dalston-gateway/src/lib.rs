//! The gateway: an app factory, and a main that runs it.

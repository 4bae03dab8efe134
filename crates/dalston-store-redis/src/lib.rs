//! The store over Redis, readable by and from the Python gateway.

//! The use cases: keys, tenants, jobs, streams, status.

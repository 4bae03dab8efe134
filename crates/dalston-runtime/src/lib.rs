//! Settings in, a running set of parts out.

//! Who may do what: secrets, digests, credentials, callers, the gate.

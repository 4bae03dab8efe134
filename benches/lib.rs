//! The measured claims: each bench is a target of its own. `cargo bench -p dalston-benches`.

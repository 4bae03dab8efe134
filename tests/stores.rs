//! The contract, on every engine.

dalston_store::contract!(memory, kit::stores::memory());

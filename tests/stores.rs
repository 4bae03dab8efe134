//! The contract, on every engine.

dalston_store::contract!(memory, kit::stores::memory());
dalston_store::contract!(redis, kit::stores::redis(), limits);

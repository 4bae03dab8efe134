//! The contract, on every engine; and what only some engines must do.

mod clocks;
mod copies;
mod failover;
mod pooler;
mod postgres_plans;
mod postgres_ready;
mod postgres_server;
mod python_records;
mod python_seed;
mod redis_jobs;
mod redis_records;
mod redis_server;
mod usage_backlog;
mod wakes;

dalston_store::contract!(memory, kit::stores::keys(kit::stores::memory()));
dalston_store::contract!(counter, kit::stores::keys(kit::stores::counter()), only limits);
dalston_store::contract!(sqlite, kit::stores::keys(kit::stores::sqlite()));
dalston_store::contract!(postgres, kit::stores::keys(kit::stores::postgres()), limits);
dalston_store::contract!(redis, kit::stores::keys(kit::stores::redis()), limits);

mod work {
    dalston_work::contract!(memory, kit::stores::memory());
    dalston_work::contract!(sqlite, kit::stores::sqlite());
    dalston_work::contract!(postgres, kit::stores::postgres());
    dalston_work::contract!(redis, kit::stores::redis());
}

//! What deciding and dispatching a command costs on top of its store calls: `whoami` of the operator makes none, and
//! the typed line is read besides.

#![expect(clippy::expect_used, reason = "a bench that cannot begin ends")]

use criterion::{Criterion, criterion_group, criterion_main};
use dalston_command::{Arguments, Registry};
use dalston_model::SystemClock;
use dalston_runtime::{OpenedStores, Overrides, Runtime, Settings};
use dalston_work::MemoryWorkStore;
use serde_json::json;
use std::{hint::black_box, sync::Arc};
use tempfile::TempDir;

fn dispatch(bench: &mut Criterion) {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().display().to_string();
    let mut settings =
        Settings::read(&|name| (name == "DALSTON_DATA_DIR").then(|| data.clone())).expect("the defaults");
    let opened = OpenedStores { store: Arc::new(MemoryWorkStore::new(Arc::new(SystemClock))), limits: None };
    let runtime = tokio.block_on(Runtime::assemble(&mut settings, Overrides::default(), opened)).expect("a gateway");
    let operator = runtime.gate.operator("a bench");
    let (registry, services) = (&runtime.registry, &runtime.services);

    bench.bench_function("dispatch: whoami", |bench| {
        bench
            .to_async(&tokio)
            .iter(async || registry.invoke(services, &operator, black_box("whoami"), Arguments::new(), None).await);
    });
    // A list on an empty memory store: two arguments are read and one lock is taken.
    let arguments = Arguments::from_iter([("limit".to_owned(), json!(5)), ("include_revoked".to_owned(), json!(true))]);
    bench.bench_function("dispatch: keys.list with arguments", |bench| {
        bench
            .to_async(&tokio)
            .iter(async || registry.invoke(services, &operator, black_box("keys.list"), arguments.clone(), None).await);
    });
    bench.bench_function("read a line: keys_create", |bench| {
        bench.iter(|| {
            registry.read_line(black_box("/keys_create name=\"Read only\" scopes=jobs:read,realtime")).map(|_| ())
        });
    });
    bench.bench_function("make the registry", |bench| bench.iter(Registry::new));
}

criterion_group!(benches, dispatch);
criterion_main!(benches);

//! What clients that take nothing cost the process: a bounded amount of memory, for a bounded time.

use super::{get, request};
use futures_util::future::join_all;
use kit::{
    deaf::Deaf,
    process::{Launch, Process},
};

/// Clients of each kind.
const CLIENTS: usize = 15;
/// What all may cost together, in bytes.
const MOST: u64 = 32 * 1024 * 1024;

/// A client that pours this and reads nothing, until it is cut off.
async fn poured(gateway: &Process, piece: &str) {
    Deaf::connect(gateway.address).await.pour(piece.repeat(128 * 1024 / piece.len()).as_bytes()).await;
}

#[tokio::test]
async fn clients_that_pipeline_and_take_nothing_cost_little_and_are_cut_off() {
    let launch = Launch::new().set("DALSTON_LOG", "warn,dalston_gateway=info");
    let gateway = launch.start();
    let secret = gateway.admin().secret.unwrap();
    let pieces = [
        get("/health", None),
        "GET / HTTP/1.1\n\n".to_owned(),
        request("HEAD", "/health", None),
        get("/help", Some(&secret)),
    ];
    gateway.with(&secret).get("/help").await.expect(200);
    let before = gateway.greatest_memory();
    join_all(pieces.iter().flat_map(|piece| (0..CLIENTS).map(|_| poured(&gateway, piece)))).await;
    let cost = gateway.greatest_memory() - before;
    println!("clients that take nothing raised the memory by {} KiB", cost / 1024);
    assert!(cost <= MOST, "{cost} bytes");
    gateway.anon().get("/health").await.expect(200);
}

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

/// A client that pours this, and reads nothing.
async fn poured(gateway: &Process, piece: &str) -> Deaf {
    let mut deaf = Deaf::connect(gateway.address).await;
    deaf.pour(piece.repeat(128 * 1024 / piece.len()).as_bytes()).await;
    deaf
}

#[tokio::test]
async fn clients_that_pipeline_and_take_nothing_cost_little_and_are_cut_off() {
    let gateway = Launch::new().set("DALSTON_LOG", "warn,dalston_gateway=info").start();
    let secret = gateway.admin().secret.unwrap();
    let pieces = [
        get("/health", None),
        "GET / HTTP/1.1\n\n".to_owned(),
        request("HEAD", "/health", None),
        get("/help", Some(&secret)),
    ];
    let before = gateway.memory();
    let clients = pieces.iter().flat_map(|piece| (0..CLIENTS).map(|_| poured(&gateway, piece)));
    let deaf = join_all(clients).await;
    let cost = gateway.memory().saturating_sub(before);
    assert!(cost <= MOST, "{cost} bytes");
    join_all(deaf.into_iter().map(Deaf::aborted)).await;
    gateway.anon().get("/health").await.expect(200);
}

//! Places for connections: for one address, and in all.

use dalston_gateway::ServerLimits;
use kit::{
    app::{App, Start},
    process::eventually,
    raw::Raw,
};

async fn gateway(change: impl FnOnce(ServerLimits) -> ServerLimits) -> App {
    Start::default().limits(change).start().await
}

/// The code of an answer on a connection of its own.
async fn code(app: &App) -> u16 {
    let mut raw = Raw::connect(app.address).await;
    // Whoever has no place may find the connection at its end.
    let _ = raw.try_send(super::get("/health", None)).await;
    raw.reply().await.code
}

/// Holds so many places.
async fn held(app: &App, number: usize) -> Vec<Raw> {
    let mut held = Vec::new();
    for _ in 0..number {
        let mut raw = Raw::connect(app.address).await;
        raw.send(super::get("/health", None)).await;
        assert_eq!(raw.reply().await.code, 200);
        held.push(raw);
    }
    held
}

#[tokio::test]
async fn an_address_has_so_many_connections() {
    let app = gateway(|limits| ServerLimits { per_address: 3, proxies: Vec::new(), ..limits }).await;
    let mut kept = held(&app, 3).await;
    for _ in 0..3 {
        assert_eq!(code(&app).await, 503, "DOS-06");
    }
    for raw in &mut kept {
        raw.send(super::get("/health", None)).await;
        assert_eq!(raw.reply().await.code, 200, "who is in stays in");
    }
    drop(kept);
    eventually("the places are free again", async || code(&app).await == 200).await;
}

#[tokio::test]
async fn a_proxy_is_counted_with_all_only() {
    let app = gateway(|limits| ServerLimits { per_address: 3, connections: 5, ..limits }).await;
    let kept = held(&app, 5).await;
    assert_eq!(code(&app).await, 503, "DOS-06");
    drop(kept);
    eventually("the places are free again", async || code(&app).await == 200).await;
}

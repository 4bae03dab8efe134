use super::{SCOPES, cancelled, gateway, hook, tried};
use kit::{
    app::{App, Start},
    receiver::{Answers, Receiver},
};
use serde_json::json;

/// A gateway that delivers to public addresses and to these networks.
async fn reaching(networks: &str) -> App {
    Start::default().delivers().set("DALSTON_WEBHOOK_NETWORKS", networks).start().await
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (receiver, inner) = (Receiver::start(), Receiver::start());
    let (app, client) = gateway().await;
    let (id, _) = hook(&client, &receiver.url).await;
    receiver.answers([Answers::Redirect(inner.url.clone())]);
    cancelled(&client).await;
    let failed = tried(&app, &client, &id, 1).await;
    assert_eq!((&failed["last_status"], &failed["last_error"]), (&json!(302), &json!("answered with 302")));
    assert_eq!((receiver.heard().len(), inner.heard().len()), (1, 0), "UPL-08");
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_not_connected_to() {
    let none = Start::default().delivers().unset("DALSTON_WEBHOOK_NETWORKS").start().await;
    for (networks, app) in [("none", none), ("others", reaching("10.0.0.0/8").await)] {
        let receiver = Receiver::start();
        let client = app.key(SCOPES).await;
        let (id, _) = hook(&client, &format!("https://localhost:{}/", receiver.port)).await;
        cancelled(&client).await;
        let failed = tried(&app, &client, &id, 1).await;
        assert_eq!(failed["last_error"], "the host has no public address", "UPL-08 {networks:?}");
        assert_eq!(failed["last_status"], json!(null));
    }
}

#[tokio::test]
async fn a_name_is_spoken_to_without_tls_within_allowed_networks_only() {
    let receiver = Receiver::start();
    let url = format!("http://localhost:{}/", receiver.port);
    let app = reaching("127.0.0.0/8,::1/128").await;
    let client = app.key(SCOPES).await;
    let (id, _) = hook(&client, &url).await;
    cancelled(&client).await;
    assert_eq!(tried(&app, &client, &id, 1).await["status"], "delivered");
    assert_eq!(receiver.heard().len(), 1);

    let app = reaching("10.0.0.0/8").await;
    let client = app.key(SCOPES).await;
    let (id, _) = hook(&client, &url).await;
    cancelled(&client).await;
    assert_eq!(tried(&app, &client, &id, 1).await["last_error"], "the host has no public address");
    let refused = client.post("/v1/webhooks", json!({"url": receiver.url})).await;
    assert_eq!(refused.fields(), ["url"]);
    assert_eq!(receiver.heard().len(), 1);
}

#[tokio::test]
async fn a_target_that_is_allowed_no_longer_is_not_connected_to() {
    let receiver = Receiver::start();
    let fixture = kit::stores::memory().await;
    let other = kit::stores::shared(&fixture);
    let before = Start::default().set("DALSTON_WEBHOOK_NETWORKS", "127.0.0.0/8").on(fixture).start().await;
    let client = before.key(SCOPES).await;
    let (id, _) = hook(&client, &receiver.url).await;
    cancelled(&client).await;
    let after = Start::default().delivers().unset("DALSTON_WEBHOOK_NETWORKS").on(other).start().await;
    let failed = tried(&after, &client, &id, 1).await;
    assert_eq!(failed["last_error"], "the URL must lead to a public address");
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn nobody_who_listens_is_a_failure_that_names_no_address() {
    let receiver = Receiver::start();
    let url = receiver.url.clone();
    drop(receiver);
    let (app, client) = gateway().await;
    let (id, _) = hook(&client, &url).await;
    cancelled(&client).await;
    assert_eq!(tried(&app, &client, &id, 1).await["last_error"], "no connection, or it broke");
}

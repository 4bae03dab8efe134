//! Who calls: keys of every state, and keys with every scope but the right one.

use dalston_auth::{KeyExpiry, KeyFormat, Requirement};
use dalston_model::{OsEntropy, Scope, ScopeSet};
use kit::{app::App, client::Client};
use serde_json::json;
use std::time::Duration;

/// The scope that a route needs, and no other.
pub(super) fn right(requirement: Requirement) -> String {
    match requirement {
        Requirement::Caller => Scope::Webhooks.to_string(),
        Requirement::Scope(scope) => scope.to_string(),
    }
}

/// Every scope that does not grant this one.
pub(super) fn wrong(scope: Scope) -> String {
    let lacking = |other: &Scope| !ScopeSet::from_iter([*other]).grants(scope);
    let names: Vec<&str> = Scope::BUILT_IN.into_iter().filter(lacking).map(Scope::as_str).collect();
    names.join(",")
}

/// A secret of the right shape that no store knows.
pub(super) fn unknown() -> String {
    KeyFormat::default().mint(&OsEntropy).unwrap().expose().to_owned()
}

/// A secret whose last character is another.
pub(super) fn misspelt(secret: &str) -> String {
    let (body, last) = secret.split_at(secret.len() - 1);
    format!("{body}{}", if last == "0" { "1" } else { "0" })
}

/// Holders of keys that do not work, with the reason. They would be allowed everything.
pub(super) async fn dead_keys(app: &App) -> Vec<(&'static str, Client)> {
    let master = app.master();
    let live = app.key("platform").await;
    let path = |client: &Client| format!("/auth/keys/{}", client.id.unwrap());

    let revoked = app.key("platform").await;
    master.delete(&path(&revoked)).await.expect(200);
    let disabled = app.key("platform").await;
    master.patch(&path(&disabled), json!({"enabled": false})).await.expect(200);
    let expired = app
        .key_of("default", "platform", |mut ask| {
            ask.ends = KeyExpiry::In(Duration::from_secs(60));
            ask
        })
        .await;
    expired.get("/auth/me").await.expect(200);
    app.clock.advance(Duration::from_secs(60));
    expired.get("/auth/me").await.expect(401);
    let rotated = app.key("platform").await;
    master.post(&format!("{}/rotate", path(&rotated)), json!({})).await.expect(200).secret();

    vec![
        ("malformed", app.with("dk_invalid")),
        ("of no shape at all", app.with("x")),
        ("misspelt", app.with(&misspelt(live.secret.as_ref().unwrap()))),
        ("unknown", app.with(&unknown())),
        ("unknown in the shape of the Python gateway", app.with(&format!("dk_{}", "a-_".repeat(15).split_at(43).0))),
        ("revoked", revoked),
        ("expired", expired),
        ("disabled", disabled),
        ("rotated away", rotated),
    ]
}

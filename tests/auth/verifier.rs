//! Another service verifies keys against a gateway.

use dalston_client::{Call, Client, ClientError, Method, Verifier, VerifyError};
use dalston_model::{ErrorCode, OsEntropy};
use dalston_service::{CallerView, KeyView};
use kit::{
    app::{App, MASTER, Start},
    servers::Redis,
    stores,
};
use reqwest::StatusCode;
use serde_json::json;
use std::{sync::Arc, time::Duration};

const N: Duration = Duration::from_secs(30);
const MOMENT: Duration = Duration::from_millis(1);

fn verifier(app: &App) -> Verifier {
    let builder = Verifier::builder(&app.url).accepted_for(N);
    builder.clock_and_entropy(app.clock.clone(), Arc::new(OsEntropy)).build().unwrap()
}

fn secret(client: &kit::client::Client) -> &str {
    client.secret.as_deref().unwrap()
}

#[tokio::test]
async fn a_revoked_key_is_accepted_for_the_stated_time_at_most() {
    let app = App::start().await;
    let (verifier, admin, reader) = (verifier(&app), app.key("admin").await, app.key("jobs:read,realtime").await);
    let key = verifier.verify(secret(&reader)).await.unwrap();
    assert_eq!((Some(key.id()), key.tenant().as_str()), (reader.id, "default"));
    assert_eq!(key.scopes(), ["jobs:read", "realtime"]);
    assert_eq!(key.expires_at(), None);
    admin.delete(&format!("/auth/keys/{}", key.id())).await.expect(200);
    app.clock.advance(N.saturating_sub(MOMENT));
    assert_eq!(verifier.verify(secret(&reader)).await, Ok(key));
    app.clock.advance(MOMENT);
    assert_eq!(verifier.verify(secret(&reader)).await, Err(VerifyError::Refused));
    let nobody = dalston_auth::KeyFormat::default().mint(&OsEntropy).unwrap();
    assert_eq!(verifier.verify(nobody.expose()).await, Err(VerifyError::Refused));
    assert_eq!(verifier.verify(MASTER).await, Err(VerifyError::Refused), "the operator's secret is no key");
}

#[tokio::test]
async fn a_key_is_accepted_until_its_end_and_its_limit_counts_what_the_gateway_is_asked() {
    let app = App::start().await;
    let (verifier, admin) = (verifier(&app), app.key("admin").await);
    let ask = json!({"name": "short", "scopes": ["jobs:read"], "rate_limit": 1, "expires_in_seconds": 10});
    let short = admin.post("/auth/keys", ask).await.expect(201).secret();
    for _ in 0..3 {
        assert!(verifier.verify(&short).await.is_ok());
    }
    app.with(&short).get("/auth/me").await.expect(429);
    app.clock.advance(Duration::from_secs(10));
    assert_eq!(verifier.verify(&short).await, Err(VerifyError::Refused));

    let ask = json!({"name": "limited", "scopes": ["jobs:read"], "rate_limit": 1});
    let limited = admin.post("/auth/keys", ask).await.expect(201).secret();
    app.with(&limited).get("/auth/me").await.expect(200);
    let wait = app.with(&limited).get("/auth/me").await.expect(429).header("retry-after").parse().unwrap();
    let retry_after = Some(Duration::from_secs(wait));
    assert_eq!(verifier.verify(&limited).await, Err(VerifyError::RateLimited { retry_after }));
    app.clock.advance(Duration::from_secs(wait));
    assert!(verifier.verify(&limited).await.is_ok(), "it was not cached");
}

#[tokio::test]
async fn a_gateway_without_its_store_is_an_outage_and_no_refusal() {
    let server = Redis::start(&[]);
    let app = Start::default().on(stores::redis_at(server.url()).await).start().await;
    let (verifier, reader) = (verifier(&app), app.key("jobs:read").await);
    let other = app.key("jobs:read").await;
    assert!(verifier.verify(secret(&reader)).await.is_ok());
    server.kill();
    assert!(verifier.verify(secret(&reader)).await.is_ok(), "it is cached for the stated time");
    for secret in [secret(&other), "dk_nobody"] {
        let verified = verifier.verify(secret).await;
        let is_refused_by_shape = secret == "dk_nobody" && verified == Err(VerifyError::Refused);
        let is_outage =
            matches!(&verified, Err(VerifyError::Unavailable(outage)) if outage.code() == Some(ErrorCode::Unavailable));
        assert!(is_outage || is_refused_by_shape, "{verified:?}");
    }
    app.clock.advance(N);
    let stale = verifier.verify(secret(&reader)).await;
    assert!(matches!(stale, Err(VerifyError::Unavailable(_))), "{stale:?}");
}

#[tokio::test]
async fn outputs_of_commands_are_read_by_their_types() {
    let app = App::start().await;
    let client = Client::new(&app.url, secret(&app.key("admin").await)).unwrap();
    let me = client.call::<CallerView>(Call::new(Method::GET, "/auth/me")).await.unwrap().output;
    for name in ["one", "two"] {
        // Later ones stand before.
        app.clock.advance(MOMENT);
        let made = Call::new(Method::POST, "/auth/keys").with("name", name).with("scopes", json!(["jobs:read"]));
        assert_eq!(client.call::<KeyView>(made).await.unwrap().output.name, name);
    }
    let list = || Call::new(Method::GET, "/auth/keys").with("limit", 2);
    let page = client.call::<Vec<KeyView>>(list()).await.unwrap();
    assert_eq!(page.output.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["two", "one"]);
    let rest = client.call::<Vec<KeyView>>(list().with("cursor", page.next.unwrap())).await.unwrap();
    assert_eq!((rest.output.len(), rest.next), (1, None));
    assert_eq!(Some(&rest.output[0].id), me.id.as_ref());
    let nobody = Call::new(Method::GET, "/auth/keys/{key_id}").with("key_id", "../me?x");
    let refused = client.call::<KeyView>(nobody).await.unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::NotFound));
    // What is no gateway at all.
    let page = kit::page::Page::serve().await;
    let there = Client::new(&format!("http://127.0.0.1:{}", page.port), "dk_x").unwrap();
    let foreign = there.call::<CallerView>(Call::new(Method::GET, "/auth/me")).await.unwrap_err();
    assert_eq!(foreign, ClientError::Foreign(StatusCode::OK));
}

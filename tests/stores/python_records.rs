//! Records of the Python gateway as other tools write them: never read wider than they were meant, and never in the way.

use super::python_seed::{both, digest, secret, view};
use dalston_model::{KeyPatch, KeyState, KnownScopes, RateLimit, Scope};
use dalston_store::KeyLookup;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_limit_of_the_python_gateway_is_never_wider() {
    let (mut python, ours) = both().await;
    let limits = [
        (json!(0), None),
        (json!(60), Some(60)),
        (json!(60.0), Some(60)),
        (json!(59.5), Some(59)),
        (json!("60"), Some(60)),
        (json!(true), Some(1)),
        (json!(-5), Some(1)),
        (json!("many"), Some(1)),
        (json!(1e300), Some(RateLimit::MAX)),
    ];
    for (limit, expected) in limits {
        let (secret, id) = python.create("limited", &["jobs:read"]).await;
        let view_there = python.view(&secret).await;
        let record = view_there.as_str().unwrap().replace(r#""rate_limit":null"#, &format!(r#""rate_limit":{limit}"#));
        python.call(json!(["raw", "SET", view(&secret), record])).await;
        for _ in 0..2 {
            let found = ours.store.find_key(&digest(&secret)).await.unwrap().unwrap().key;
            assert_eq!(found.rate_limit.map(RateLimit::get), expected, "{limit}");
            // The second time it is ours.
            assert_eq!(ours.get(id).await.unwrap().rate_limit, found.rate_limit, "{limit}");
        }
    }
    assert_eq!(ours.listed(false).await.len(), 9);
}

#[tokio::test]
async fn a_record_that_is_odd_in_any_field_spoils_no_list() {
    let (mut python, ours) = both().await;
    let odd = [
        (r#""rate_limit":null"#, r#""rate_limit":NaN"#),
        (r#""rate_limit":null"#, r#""rate_limit":1e400"#),
        (r#""scopes":["jobs:read"]"#, r#""scopes":"admin""#),
        (r#""scopes":["jobs:read"]"#, r#""scopes":[1,null]"#),
        (r#""scopes":["jobs:read"]"#, r#""scopes":{"admin":true}"#),
        (r#""tenant_id":"default""#, r#""tenant_id":"Default""#),
        (r#""tenant_id":"default""#, r#""tenant_id":7"#),
        (r#""created_at":""#, r#""created_at":"0"#),
        (r#""revoked_at":null"#, r#""revoked_at":null,"expires_at":"tomorrow""#),
        (r#""revoked_at":null"#, r#""revoked_at":null,"expires_at":1999999999"#),
        (r#""revoked_at":null"#, r#""revoked_at":null,"enabled":"no""#),
        (r#""revoked_at":null"#, r#""revoked_at":null,"enabled":null"#),
        (r#""revoked_at":null"#, r#""revoked_at":null,"revoked_at":null"#),
    ];
    for (plain, odd) in odd {
        let (secret, id) = python.create("odd", &["jobs:read"]).await;
        let there = python.view(&secret).await;
        let record = there.as_str().unwrap().replace(plain, odd);
        assert_ne!(there.as_str(), Some(record.as_str()), "{plain}");
        python.call(json!(["raw", "SET", view(&secret), record])).await;
        assert_eq!(ours.state(&secret).await, None, "{odd}");
        assert_eq!(ours.get(id).await, None, "{odd}");
    }
    let (revoked, _) = python.create("revoked", &["jobs:read"]).await;
    let record = python.view(&revoked).await.as_str().unwrap().replace(r#""revoked_at":null"#, r#""revoked_at":false"#);
    python.call(json!(["raw", "SET", view(&revoked), record])).await;
    let (plain, id) = python.create("plain", &["jobs:read"]).await;
    assert_eq!(ours.state(&plain).await, Some(KeyState::Active));
    assert_eq!(ours.listed(false).await, [id.to_string()]);
    assert_ne!(ours.state(&revoked).await, Some(KeyState::Active));
}

#[tokio::test]
async fn a_scope_that_the_python_gateway_alone_knows_stays_on_its_key() {
    let (mut python, ours) = both().await;
    let given = ["jobs:read", "reports:read", "Legacy.Scope", "metrics", "platform", "no scope", "nоtes:read", "a,b"];
    let (first, id) = python.create("theirs", &given).await;
    let kept = "jobs:read,Legacy.Scope,reports:read";
    let found = ours.store.find_key(&digest(&first)).await.unwrap().unwrap().key;
    assert_eq!(found.scopes.to_string(), kept);
    let set = KnownScopes::default().set(&found.scopes);
    assert_eq!(set.iter().collect::<Vec<_>>(), [Scope::JobsRead], "they grant nothing here");
    assert!(!KnownScopes::with(["reports:read"]).unwrap().set(&found.scopes).grants(Scope::Admin));

    let patch = KeyPatch { name: Some("renamed".parse().unwrap()), ..KeyPatch::default() };
    ours.update(id, &patch).await;
    assert_eq!(ours.get(id).await.unwrap().scopes.to_string(), kept);
    let second = secret("s");
    ours.rotate(id, &second, Duration::from_hours(1)).await;
    for secret in [&first, &second] {
        assert_eq!(ours.store.find_key(&digest(secret)).await.unwrap().unwrap().key.scopes.to_string(), kept);
        assert!(python.accepts(secret).await);
        let there = python.view(secret).await;
        let there: serde_json::Value = serde_json::from_str(there.as_str().unwrap()).unwrap();
        assert_eq!(there["scopes"], json!(["jobs:read", "Legacy.Scope", "reports:read"]), "nor are they lost there");
    }
}

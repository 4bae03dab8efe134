//! The seed's *Checkpoint*.

use super::{JOBS, STREAM, create_admin, first_word, streaming};
use dalston_gateway::routes;
use kit::{
    app::{App, Start},
    client::Answer,
    servers::Redis,
    stores, wav,
};
use redis::AsyncCommands;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write;

fn sha256(secret: &str) -> String {
    Sha256::digest(secret).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

#[tokio::test]
async fn api_keys_stored_as_sha256_hashes_in_redis() {
    let server = Redis::start(&[]);
    let app = Start::default().on(stores::redis_at(server.url()).await).start().await;
    let made = app.master().post("/auth/keys", json!({"name": "Production", "rate_limit": 60})).await.expect(201);
    let (secret, id) = (made.secret(), made.json["id"].as_str().unwrap());
    let client = redis::Client::open(server.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();

    let hash = sha256(&secret);
    let record: String = redis.get(format!("dalston:apikeys:{hash}")).await.unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    for field in ["id", "prefix", "name", "tenant_id", "scopes", "rate_limit", "last_used_at", "revoked_at"] {
        assert_eq!(record[field], made.json[field], "{field}");
    }
    assert_eq!(record["key_hash"], hash);
    assert_eq!(redis.get::<_, String>(format!("dalston:apikeys:id:{id}")).await.unwrap(), hash);
    assert!(redis.sismember::<_, _, bool>("dalston:apikeys:tenant:default", id).await.unwrap());

    app.with(&secret).get("/auth/me").await.expect(200);
    app.runtime.run_upkeep_once().await;
    let names: Vec<String> = redis.keys("*").await.unwrap();
    assert!(names.len() > 5);
    for name in names {
        let kind: String = redis::cmd("TYPE").arg(&name).query_async(&mut redis).await.unwrap();
        let command = match kind.as_str() {
            "string" => redis::Cmd::get(&name),
            "hash" => redis::Cmd::hgetall(&name),
            "set" => redis::Cmd::smembers(&name),
            "zset" => redis::Cmd::zrange(&name, 0, -1),
            "list" => redis::Cmd::lrange(&name, 0, -1),
            "stream" => redis::cmd("XRANGE").arg(&[&name, "-", "+"]).clone(),
            other => panic!("{name} is a {other}"),
        };
        let held: redis::Value = command.query_async(&mut redis).await.unwrap();
        assert!(!format!("{name} {held:?}").contains(&secret[3..]), "KEY-02 {name}");
    }
}

#[tokio::test]
async fn auth_middleware_validates_all_rest_endpoints() {
    // There are more routes than attempts that may fail in a minute.
    let app = Start::default().set("DALSTON_AUTH_FAILURES_PER_MINUTE", "1000").start().await;
    let mut guarded = 0;
    for route in routes(&app.runtime.registry).iter().filter(|route| route.requirement.is_some()) {
        let path = route.pattern.replace("{key_id}", "x").replace("{job_id}", "x");
        let method: reqwest::Method = route.method.as_str().parse().unwrap();
        for (client, detail) in [(app.anon(), "Missing API key."), (app.with("dk_x"), "Invalid or revoked API key")] {
            let answer = Answer::of(client.request(method.clone(), &path)).await.expect(401);
            // Below /openai/v1 it is said in OpenAI's shape.
            let told = answer.json["detail"].as_str().or_else(|| answer.json["error"]["message"].as_str());
            assert!(told.unwrap().starts_with(detail), "F-21 {method} {path}");
        }
        guarded += 1;
    }
    assert!(guarded >= 16, "{guarded}");
    app.anon().get("/health").await.expect(200);
}

#[tokio::test]
async fn websocket_auth_via_query_parameter() {
    let (app, admin) = streaming().await;
    let secret = admin.secret.clone().unwrap();
    assert_eq!(first_word(&app, &format!("api_key={secret}")).await.unwrap()["type"], "session.begin");
    app.anon().get(&format!("{JOBS}?api_key={secret}")).await.expect(401);
    app.anon().get(&format!("{STREAM}?api_key={secret}")).await.expect(426);
}

#[tokio::test]
async fn scopes_control_access_to_specific_operations() {
    let app = App::start().await;
    let job = app.key("jobs:write").await.upload(wav::tone(1), "a.wav").await.expect(201).json;
    let job = format!("{JOBS}/{}", job["id"].as_str().unwrap());
    for (scope, read, write, stream, keys) in [
        ("jobs:read", 200, 403, 403, 403),
        ("jobs:write", 403, 201, 403, 403),
        ("realtime", 403, 403, 426, 403),
        ("webhooks", 403, 403, 403, 403),
        ("admin", 200, 201, 426, 200),
    ] {
        let client = app.key(scope).await;
        client.get(JOBS).await.expect(read);
        client.get(&job).await.expect(read);
        client.upload(wav::tone(1), "a.wav").await.expect(write);
        client.get(STREAM).await.expect(stream);
        client.get("/auth/keys").await.expect(keys);
        client.get("/auth/me").await.expect(200);
        if write == 403 {
            client.delete(&job).await.expect(403);
        }
    }
}

#[tokio::test]
async fn rate_limiting_per_api_key() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let made = admin.post("/auth/keys", json!({"name": "n", "rate_limit": 2})).await.expect(201);
        clients.push(app.with(&made.secret()));
    }
    for client in &clients {
        for _ in 0..2 {
            client.get(JOBS).await.expect(200);
        }
        let refused = client.get(JOBS).await.expect(429);
        assert_eq!(refused.json["detail"], "Rate limit exceeded (2/min)");
        assert_ne!(refused.header("retry-after"), "", "F-49");
    }
    // Refused requests do not hold the window open (F-03).
    for _ in 0..6 {
        app.clock.advance(std::time::Duration::from_secs(9));
        clients[0].get(JOBS).await.expect(429);
    }
    app.clock.advance(std::time::Duration::from_secs(7));
    clients[0].get(JOBS).await.expect(200);
    assert_eq!(admin.get(JOBS).await.expect(200).header("ratelimit"), "", "null is no limit");
}

#[tokio::test]
async fn tenant_isolation_jobs_scoped_by_tenant_id() {
    let app = App::start().await;
    let ours = app.key_of("a", "jobs:read,jobs:write", |ask| ask).await;
    let colleague = app.key_of("a", "jobs:read", |ask| ask).await;
    let theirs = app.key_of("b", "admin", |ask| ask).await;
    let job = ours.upload(wav::tone(1), "a.wav").await.expect(201).json;
    assert_eq!(job["tenant_id"], "a");
    assert_eq!(colleague.get(JOBS).await.expect(200).json, json!([job]));
    assert_eq!(theirs.get(JOBS).await.expect(200).json, json!([]));
    theirs.get(&format!("{JOBS}/{}", job["id"].as_str().unwrap())).await.expect(404);
}

#[tokio::test]
async fn key_management_endpoints_at_auth() {
    let app = App::start().await;
    let admin = app.key("admin").await;
    let made = admin.post("/auth/keys", json!({"name": "n"})).await.expect(201);
    let path = format!("/auth/keys/{}", made.json["id"].as_str().unwrap());
    let client = app.with(&made.secret());
    assert_eq!(admin.get("/auth/keys").await.expect(200).ids().len(), 2);
    assert_eq!(admin.get(&path).await.expect(200).json["name"], "n", "F-01");
    assert_eq!(client.get("/auth/me").await.expect(200).json["id"], made.json["id"]);
    admin.delete(&path).await.expect(200);
    // A revoked key can still be looked at (F-41).
    assert_ne!(admin.get(&path).await.expect(200).json["revoked_at"], json!(null));
    client.get("/auth/me").await.expect(401);
}

#[tokio::test]
async fn cli_tool_for_bootstrapping_admin_key() {
    let app = App::start().await;
    let minted = create_admin(&app).await;
    let admin = app.with(minted.secret.expose());
    let me = admin.get("/auth/me").await.expect(200);
    assert_eq!((&me.json["tenant_id"], &me.json["scopes"]), (&json!("default"), &json!(["admin"])));
    assert_eq!(me.json["created_by"], "operator", "F-36");
    // An admin of a tenant is no operator of the platform (F-28).
    admin.get("/v1/tenants").await.expect(403);
}

//! What real proxies carry, with the files of `deploy`: who the client is, streams, events, uploads, and what comes after
//! a rest.

use bytes::Bytes;
use dalston_runtime::SETTINGS;
use futures_util::stream;
use kit::{
    client::{Answer, Client},
    engine_server::{Answers, EngineServer, KEY},
    events::Events,
    process::{Launch, Process, eventually, files},
    servers::{Front, Proxy},
    wav,
};
use reqwest::{
    Body, Method,
    multipart::{Form, Part},
};
use serde_json::json;
use std::io;
use tokio::sync::mpsc;

/// Bytes of a large upload: half an hour of telephone.
const LARGE: u32 = 30_000_000;

/// A gateway behind a proxy.
struct Chain {
    launch: Launch,
    gateway: Process,
    front: Front,
    admin: Client,
}

impl Chain {
    fn start(proxy: Proxy, shape: impl FnOnce(Launch) -> Launch, changes: &[(&str, &str)]) -> Self {
        let launch = Launch::new()
            .set("DALSTON_TRUSTED_PROXIES", "127.0.0.1/32")
            .set("DALSTON_ALLOWED_HOSTS", "api.example.com");
        let launch = shape(launch);
        let gateway = launch.start();
        let front = proxy.start([gateway.address; 2], changes);
        let admin = front.client(gateway.admin().secret.as_deref(), 2);
        Self { launch, gateway, front, admin }
    }
}

async fn tells_who_the_client_is_and_how_it_came(proxy: Proxy) {
    let chain = Chain::start(proxy, |launch| launch.set("DALSTON_AUTH_FAILURES_PER_MINUTE", "2"), &[]);
    // The audit, whatever the client says itself.
    let claimed = [("x-forwarded-for", "203.0.113.6"), ("x-forwarded-proto", "http")];
    chain.admin.post_with("/auth/keys", json!({"name": "made"}), &claimed).await.expect(201);
    let record = &chain.admin.get("/v1/audit?limit=1").await.expect(200).json[0];
    assert_eq!((&record["action"], &record["address"]), (&json!("key.created"), &json!("127.0.0.2")), "{record}");
    // The log.
    chain.gateway.line("address=127.0.0.2");
    // The throttle: each address fails for itself.
    let thief = |host| chain.front.client(Some("dk_guess"), host);
    for (host, code) in [(3, 401), (3, 401), (3, 429), (4, 401)] {
        thief(host).get("/auth/me").await.expect(code);
    }
    // The links.
    let params = json!({"name": "create_api_key", "arguments": {"name": "linked", "scopes": ["jobs:read"]}});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let made = chain.admin.post_with("/mcp", body, &claimed[1..]).await.expect(200);
    let link = made.json["result"]["structuredContent"]["claim_url"].as_str().unwrap();
    let path = link.strip_prefix(&chain.front.url()).unwrap_or_else(|| panic!("{link}"));
    chain.front.client(None, 5).get(path).await.expect(200);
}

async fn passes_on_what_is_said_while_it_is_said(proxy: Proxy) {
    let engine = EngineServer::start();
    let configured = |launch: Launch| launch.set("DALSTON_ENGINE_URL", &engine.url).set("DALSTON_ENGINE_API_KEY", KEY);
    let chain = Chain::start(proxy, configured, &[]);
    // A stream.
    let mut socket = chain.front.socket("", chain.admin.secret.as_ref().unwrap()).await;
    assert_eq!(socket.hear().await["type"], "session.begin");
    socket.play(&wav::tone(1)[44..]).await;
    socket.say(r#"{"type":"end"}"#).await;
    let said = socket.until("session.end").await;
    assert_eq!(said.last().unwrap()["total_duration"], 1.0, "{said:?}");
    assert_eq!(socket.closed().await.0, 1000);
    // Events: the first ones come while the job is not done.
    engine.answers([Answers::Slowly]);
    let job = chain.admin.upload(wav::tone(1), "a.wav").await.expect(201);
    let mut events = Events::of(&chain.admin, job.header("location")).await;
    let mut event = events.next().await.unwrap();
    while event["status"] != "running" {
        event = events.next().await.unwrap();
    }
    engine.release();
    assert_eq!(events.next().await.unwrap()["status"], "completed");
    assert_eq!(events.next().await, None);
    // An upload arrives while it is sent.
    let (send, receive) = mpsc::channel::<Bytes>(1);
    let pieces = stream::unfold(receive, async |mut receive| Some((io::Result::Ok(receive.recv().await?), receive)));
    let file = Part::stream(Body::wrap_stream(pieces)).file_name("large.wav");
    let request = chain.admin.request(Method::POST, "/v1/audio/transcriptions");
    let upload = tokio::spawn(Answer::of(request.multipart(Form::new().part("file", file))));
    send.send(wav::header(LARGE).into()).await.unwrap();
    let piece = Bytes::from(vec![0; LARGE as usize / 100]);
    send.send(piece.clone()).await.unwrap();
    let incoming = chain.launch.data().join("audio/incoming");
    eventually("the upload is under way", async || files(&incoming).len() == 1).await;
    for _ in 1..100 {
        send.send(piece.clone()).await.unwrap();
    }
    drop(send);
    let job = upload.await.unwrap().expect(201).json;
    assert_eq!((&job["size_bytes"], &job["audio"]["duration_seconds"]), (&json!(LARGE + 44), &json!(937.5)), "{job}");
}

/// The time for which the file lets a connection rest is a second here; that the gateway waits for longer than the file, see
/// below.
async fn ends_a_connection_that_rests_before_the_gateway_does(proxy: Proxy) {
    let changes: &[(&str, &str)] = match proxy {
        Proxy::Nginx => &[("keepalive_timeout 60s", "keepalive_timeout 1s")],
        Proxy::HaProxy => &[("timeout http-keep-alive 60s", "timeout http-keep-alive 1s")],
        // Their probes would keep the connection.
        Proxy::Caddy => &[("keepalive 60s", "keepalive 1s"), ("health_interval 1s", "health_interval 1h")],
        Proxy::Traefik => &[("idleConnTimeout: 60s", "idleConnTimeout: 1s"), ("interval: 1s", "interval: 1h")],
    };
    let chain = Chain::start(proxy, |launch| launch, changes);
    let made = async || chain.admin.post("/auth/keys", json!({"name": "made"})).await.expect(201);
    made().await;
    let connected = async || chain.front.connections(chain.gateway.address) == 0;
    eventually("the proxy ends the connection", connected).await;
    made().await;
}

/// The time for which the files let a connection rest is shorter than the gateway's.
#[test]
fn the_files_let_connections_rest_for_less_time_than_the_gateway() {
    let kept = SETTINGS.iter().find(|setting| setting.variable() == "DALSTON_KEEP_ALIVE").unwrap();
    assert!(kept.default.parse::<u64>().unwrap() > 60);
    for (proxy, line) in [
        (Proxy::Nginx, "keepalive_timeout 60s;"),
        (Proxy::HaProxy, "timeout http-keep-alive 60s"),
        (Proxy::Caddy, "keepalive 60s"),
        (Proxy::Traefik, "idleConnTimeout: 60s"),
    ] {
        let texts = proxy.files().iter().map(|file| proxy.text(file));
        assert!(texts.into_iter().any(|text| text.contains(line)), "{proxy:?}: {line}");
    }
}

super::on_proxies! {
    tells_who_the_client_is_and_how_it_came
    passes_on_what_is_said_while_it_is_said
    ends_a_connection_that_rests_before_the_gateway_does
}

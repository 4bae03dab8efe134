//! A stop in good order: what is under way ends well, what was counted is written, streams are told.

use kit::{
    app::Start,
    client::Client,
    process::{Launch, Process, eventually, files},
    raw::Raw,
    servers::{postgres_url, redis_url},
    signal::Signal,
    socket::Socket,
    wav,
    workers::Echo,
};
use reqwest::Method;
use serde_json::json;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use tokio::task::JoinSet;

/// The bytes of an upload: the head, and the body in two halves.
fn upload(gateway: &Process, secret: &str) -> (String, Vec<u8>, Vec<u8>) {
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n".to_vec();
    body.extend_from_slice(&wav::tone(20));
    body.extend_from_slice(b"\r\n--b--\r\n");
    let head = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {secret}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n",
        gateway.address,
        body.len()
    );
    let rest = body.split_off(body.len() / 2);
    (head, body, rest)
}

#[tokio::test]
async fn an_upload_under_way_ends_well_before_the_gateway_does() {
    for signal in [Signal::TERM, Signal::INT] {
        let launch = Launch::new();
        let gateway = launch.start();
        let secret = gateway.admin().secret.unwrap();
        let (head, half, rest) = upload(&gateway, &secret);
        let mut client = Raw::connect(gateway.address).await;
        client.send(head).await;
        client.send(half).await;
        let incoming = launch.data().join("audio/incoming");
        eventually("the upload is under way", async || files(&incoming).len() == 1).await;
        gateway.signal(signal);
        gateway.line("stopping");
        client.send(rest).await;
        let reply = client.reply().await;
        assert_eq!(reply.code, 201, "{}", reply.json);
        let ended = gateway.ended();
        assert_eq!((ended.code, ended.signal), (Some(0), None), "{}", ended.text());
        assert_eq!(files(&incoming), [""; 0]);

        let gateway = launch.start();
        let path = format!("/v1/audio/transcriptions/{}", reply.json["id"].as_str().unwrap());
        gateway.with(&secret).get(&path).await.expect(200);
    }
}

#[tokio::test]
async fn what_was_counted_in_the_last_second_is_written() {
    for store in [None, Some(postgres_url().await), Some(redis_url())] {
        let launch = store.iter().fold(Launch::new(), |launch, url| launch.store(url));
        let gateway = launch.start();
        let admin = gateway.admin();
        let made = admin.post("/auth/keys", json!({"name": "counted", "rate_limit": 5})).await.expect(201);
        let path = format!("/auth/keys/{}/usage", made.json["id"].as_str().unwrap());
        let counted = gateway.with(made.json["key"].as_str().unwrap());
        for _ in 0..5 {
            counted.get("/auth/me").await.expect(200);
        }
        counted.get("/auth/me").await.expect(429);
        gateway.terminate();
        let ended = gateway.ended();
        assert_eq!(ended.code, Some(0));

        let gateway = launch.start();
        let usage = gateway.with(&admin.secret.unwrap()).get(&path).await.expect(200);
        assert_eq!(usage.json["usage_count"], 5, "{} {:#?}", usage.json, &ended.lines[ended.lines.len() - 25..]);
        assert_eq!(usage.json["refused"]["rate_limited"], 1, "{}", usage.json);
    }
}

#[tokio::test]
async fn what_the_store_refuses_at_the_stop_is_written_when_it_takes_it() {
    let launch = Launch::new();
    let gateway = launch.start();
    let admin = gateway.admin();
    let made = admin.post("/auth/keys", json!({"name": "counted"})).await.expect(201);
    let path = format!("/auth/keys/{}/usage", made.json["id"].as_str().unwrap());
    let counted = gateway.with(made.json["key"].as_str().unwrap());
    let database = SqliteConnectOptions::new().filename(launch.data().join("dalston.db"));
    let mut database = database.connect().await.unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON key_usage BEGIN SELECT RAISE(ABORT, 'not now'); END";
    sqlx::query(refuse).execute(&mut database).await.unwrap();
    for _ in 0..5 {
        counted.get("/auth/me").await.expect(200);
    }
    gateway.terminate();
    gateway.line("retrying to write usage");
    sqlx::query("DROP TRIGGER refuse").execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    let ended = gateway.ended();
    assert_eq!(ended.code, Some(0), "{}", ended.text());

    let gateway = launch.start();
    let usage = gateway.with(&admin.secret.unwrap()).get(&path).await.expect(200);
    assert_eq!(usage.json["usage_count"], 5, "{}", usage.json);
}

#[tokio::test]
async fn an_idle_gateway_stops_with_success_and_takes_no_more_connections() {
    let launch = Launch::new();
    let gateway = launch.start();
    let mut idle = Raw::connect(gateway.address).await;
    idle.send(format!("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", gateway.address)).await;
    assert_eq!(idle.reply().await.code, 200);
    let address = gateway.address;
    gateway.terminate();
    assert_eq!(gateway.ended().code, Some(0));
    idle.ended().await;
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn a_stop_tells_open_streams_that_the_gateway_goes_away() {
    let app = Start::default().worker(Echo).start().await;
    let key = app.key("realtime").await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(Socket::begun(app.address, key.secret.as_ref().unwrap()).await);
    }
    app.runtime.services.streams.stop();
    for mut socket in sockets {
        assert_eq!(socket.closed().await.0, 1001);
    }
}

/// Whoever asks without end, until nobody answers any more.
async fn busy(client: Client, upload: bool) {
    loop {
        let request =
            if upload { client.uploading(wav::tone(1), "a.wav") } else { client.request(Method::GET, "/auth/keys") };
        if request.send().await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn a_stop_under_load_ends_no_connection_before_its_users() {
    for store in [postgres_url().await, redis_url()] {
        let launch = Launch::new().store(&store);
        let gateway = launch.start();
        let admin = gateway.admin();
        let mut clients = JoinSet::new();
        for number in 0..16 {
            clients.spawn(busy(admin.clone(), number % 4 == 0));
        }
        eventually("there is work", async || {
            admin.get("/v1/audio/transcriptions?limit=100").await.json.as_array().is_some_and(|jobs| jobs.len() > 20)
        })
        .await;
        gateway.terminate();
        let ended = gateway.ended();
        clients.join_all().await;
        assert_eq!((ended.code, ended.signal), (Some(0), None), "{}", ended.text());
        let text = ended.text();
        // A call that found the machine busy is late, and no connection ended.
        let lines = text.lines().filter(|line| !line.contains("no answer"));
        for line in lines {
            for words in ["being shutdown", "could not be kept", "could not be read", "is told again", "is lost"] {
                assert!(!line.contains(words), "{store}: {line}");
            }
        }
    }
}

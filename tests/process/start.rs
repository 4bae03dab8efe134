//! A start: the first key, settings that are wrong, files that only the owner reads, a log without secrets.

use kit::{
    process::{Launch, files},
    servers::{Redis, postgres_url, redis_url},
};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_first_start_makes_one_admin_key_and_the_second_none() {
    let launch = Launch::new();
    let gateway = launch.start();
    let file = launch.data().join("admin.key");
    let secret = fs::read_to_string(&file).unwrap();
    assert_eq!(mode(&file), 0o600, "KEY-11");
    let said = gateway.line("created the first admin key");
    assert!(said.contains("admin.key") && !said.contains("dk_"), "{said}");
    let me = gateway.admin().get("/auth/me").await.expect(200);
    assert_eq!(me.json["name"], "Admin");
    assert_eq!(me.json["tenant_id"], "default");
    assert_eq!(me.json["scopes"], json!(["admin"]));
    gateway.kill();

    let gateway = launch.start();
    assert!(!gateway.lines().iter().any(|line| line.contains("admin key")), "{:?}", gateway.lines());
    assert_eq!(fs::read_to_string(&file).unwrap(), secret);
    let keys = gateway.admin().get("/auth/keys").await.expect(200);
    assert_eq!(keys.json.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_admin_key_that_was_read_and_deleted_is_not_made_again() {
    let launch = Launch::new();
    let gateway = launch.start();
    let admin = gateway.admin().secret.unwrap();
    gateway.kill();
    fs::remove_file(launch.data().join("admin.key")).unwrap();
    let gateway = launch.start();
    assert!(!launch.data().join("admin.key").exists());
    gateway.with(&admin).get("/auth/me").await.expect(200);
}

/// Several gateways on one store, each with a folder of its own.
async fn several_at_once(url: &str) {
    let launches: Vec<Launch> = (0..4).map(|_| Launch::new().store(url)).collect();
    let mut gateways: Vec<_> = launches.iter().map(Launch::spawn).collect();
    gateways.iter_mut().for_each(|gateway| gateway.listening());
    let made: Vec<_> = gateways.iter().filter(|gateway| gateway.data().join("admin.key").exists()).collect();
    assert_eq!(made.len(), 1, "one key, however many gateways");
    let admin = made[0].admin().secret.unwrap();
    for gateway in &gateways {
        let keys = gateway.with(&admin).get("/auth/keys").await.expect(200);
        assert_eq!(keys.json.as_array().unwrap().len(), 1);
        let left = files(gateway.data());
        assert!(left.iter().all(|name| name == "admin.key"), "a secret that no key has was left behind: {left:?}");
    }
}

#[tokio::test]
async fn gateways_that_start_at_once_on_one_postgres_make_one_key() {
    several_at_once(&postgres_url().await).await;
}

#[tokio::test]
async fn gateways_that_start_at_once_on_one_redis_make_one_key() {
    several_at_once(&redis_url()).await;
}

#[tokio::test]
async fn gateways_that_start_at_once_in_one_folder_make_one_key_that_works() {
    let launch = Launch::new().store(&postgres_url().await);
    let mut gateways: Vec<_> = (0..3).map(|_| launch.spawn()).collect();
    gateways.iter_mut().for_each(|gateway| gateway.listening());
    assert_eq!(files(&launch.data()), ["admin.key"]);
    for gateway in &gateways {
        let keys = gateway.admin().get("/auth/keys").await.expect(200);
        assert_eq!(keys.json.as_array().unwrap().len(), 1);
    }
}

#[test]
fn all_that_is_wrong_with_the_settings_is_said_at_once_without_a_value() {
    let wrong = [
        ("DALSTON_LISTEN", "nowhere-at-all"),
        ("DALSTON_STORE", "mysql://user:hunter2hunter2@host"),
        ("DALSTON_RATE_STORE", "memcached://hunter3hunter3"),
        ("DALSTON_MASTER_KEY", "hunter4hunter4"),
        ("DALSTON_NODES", "none-of-them"),
        ("DALSTON_MAX_UPLOAD_BYTES", "much-too-much"),
        ("DALSTON_QUERY_KEYS", "perhaps-so"),
        ("DALSTON_ALLOWED_ORIGINS", "app-example-com"),
        ("DALSTON_ALLOWED_HOSTS", "host/with/path"),
        ("DALSTON_TRUSTED_PROXIES", "ten-dot-zero"),
        ("DALSTON_AUTH_FAILURES_PER_MINUTE", "minus-seven"),
        ("DALSTON_ALLOW_VOLATILE", "if-need-be"),
        ("DALSTON_LOG_FORMAT", "papyrus"),
    ];
    let launch = wrong.iter().fold(Launch::new(), |launch, (variable, value)| launch.set(variable, value));
    let ended = launch.refused();
    assert_eq!(ended.code, Some(1));
    for (variable, value) in wrong {
        assert_eq!(ended.text().matches(variable).count(), 1, "{variable} in {}", ended.text());
        assert!(!ended.text().contains(value), "the value of {variable} in {}", ended.text());
    }
    assert!(!launch.data().exists(), "nothing was touched");
}

#[test]
fn a_start_that_fails_says_which_setting_is_to_blame_and_no_password() {
    for (variable, value, named) in [
        ("DALSTON_LOG", "no=such=filter", "DALSTON_LOG"),
        ("DALSTON_LISTEN", "192.0.2.1:1", "DALSTON_LISTEN"),
        ("DALSTON_STORE", "postgres://user:hunter2hunter2@127.0.0.1:1/db", "Postgres"),
        ("DALSTON_STORE", "redis://user:hunter2hunter2@127.0.0.1:1/0", "Redis"),
        ("DALSTON_DATA_DIR", "/proc/no/such/place", "/proc/no/such/place"),
    ] {
        let ended = Launch::new().set(variable, value).refused();
        assert_eq!(ended.code, Some(1), "{variable}");
        assert!(ended.text().contains(named), "{variable}: {}", ended.text());
        assert!(!ended.text().contains("hunter2"), "{}", ended.text());
    }
}

#[test]
fn an_address_that_is_taken_stops_the_start() {
    let first = Launch::new().start();
    let address = first.address.to_string();
    let ended = Launch::new().set("DALSTON_LISTEN", &address).refused();
    assert_eq!(ended.code, Some(1));
    assert!(ended.text().contains("DALSTON_LISTEN") && ended.text().contains(&address), "{}", ended.text());
}

#[tokio::test]
async fn a_redis_that_forgets_is_refused_unless_it_is_allowed() {
    let server = Redis::start(&["--appendonly", "no"]);
    let ended = Launch::new().store(&server.url()).refused();
    assert_eq!(ended.code, Some(1), "REV-01");
    for named in ["appendonly", "DALSTON_STORE", "DALSTON_ALLOW_VOLATILE=true"] {
        assert!(ended.text().contains(named), "{named} in {}", ended.text());
    }
    let by_variable = Launch::new().store(&server.url()).set("DALSTON_ALLOW_VOLATILE", "true");
    by_variable.start().admin().get("/auth/me").await.expect(200);
    for words in [&["--allow-volatile"][..], &["--allow-volatile", "true"], &["--allow-volatile=true"]] {
        Launch::new().store(&server.url()).words(words).start().anon().get("/health/ready").await.expect(200);
    }
}

#[tokio::test]
async fn a_flag_counts_before_a_variable() {
    let launch = Launch::new()
        .set("DALSTON_LISTEN", "wrong")
        .set("DALSTON_QUERY_KEYS", "off")
        .set("DALSTON_STORE", "mysql://wrong")
        .words(&["--listen", "127.0.0.1:0", "--query-keys=all", "--store", "memory://"]);
    let gateway = launch.start();
    assert!(gateway.line("listening").contains("memory"));
    let secret = gateway.admin().secret.unwrap();
    gateway.anon().get(&format!("/auth/me?api_key={secret}")).await.expect(200);
}

#[test]
fn a_flag_that_is_none_is_wrong_use() {
    let ended = Launch::new().words(&["--no-such-flag", "dk_hunter2"]).refused();
    assert_eq!(ended.code, Some(2));
}

#[tokio::test]
async fn the_database_and_the_audio_are_for_their_owner_only() {
    let launch = Launch::new();
    let gateway = launch.start();
    gateway.admin().upload(kit::wav::tone(1), "a.wav").await.expect(201);
    for name in files(&launch.data()) {
        assert_eq!(mode(&launch.data().join(&name)), 0o600, "{name}");
    }
    assert!(files(&launch.data()).contains(&"dalston.db".to_owned()));
    for folder in ["", "audio", "audio/incoming"] {
        assert_eq!(mode(&launch.data().join(folder)), 0o700, "{folder}");
    }
    let audio = launch.data().join("audio");
    let [file] = &files(&audio)[..] else { panic!("one upload, one file") };
    assert_eq!(mode(&audio.join(file)), 0o600);
}

#[tokio::test]
async fn a_json_log_is_json_with_patterns_and_without_queries_or_secrets() {
    let launch = Launch::new().set("DALSTON_LOG", "trace").set("DALSTON_LOG_FORMAT", "json");
    let gateway = launch.start();
    let admin = gateway.admin();
    let secret = admin.secret.clone().unwrap();
    let made = admin.post("/auth/keys", json!({"name": "somebody", "scopes": ["realtime"]})).await.expect(201);
    let made_secret = made.json["key"].as_str().unwrap();
    let id = made.json["id"].as_str().unwrap();
    gateway.with(made_secret).get(&format!("/auth/keys/{id}")).await.expect(403);
    gateway.anon().get(&format!("/auth/me?api_key={secret}")).await.expect(401);
    gateway
        .anon()
        .get(&format!("/v1/audio/transcriptions/stream?api_key={made_secret}&language=qqq"))
        .await
        .expect(426);
    gateway.anon().get("/nowhere/sentinel-path?sentinel-query=1").await.expect(401);
    gateway.with("dk_wrong").get("/auth/me").await.expect(401);
    gateway.terminate();
    let ended = gateway.ended();
    for line in &ended.lines {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    }
    let requests: Vec<Value> = ended.lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let requests: Vec<&Value> = requests.iter().filter(|line| line["message"] == "request").collect();
    assert_eq!(requests.len(), 6);
    assert!(requests.iter().all(|line| line["micros"].is_u64()), "{requests:?}");
    for pattern in ["/auth/keys", "/auth/keys/{key_id}", "/auth/me", "/v1/audio/transcriptions/stream"] {
        assert!(requests.iter().any(|line| line["route"] == pattern), "{pattern} in {requests:?}");
    }
    for (word, why) in [("api_key=", "a query"), ("qqq", "a query"), (made_secret, "a secret"), (&secret, "a secret")] {
        let guilty: Vec<&String> = ended.lines.iter().filter(|line| line.contains(word)).collect();
        assert!(guilty.is_empty(), "LOG-02 {why}: {guilty:?}");
    }
    let request_lines = format!("{requests:?}");
    assert!(!request_lines.contains("sentinel") && !request_lines.contains(id), "{request_lines}");
}

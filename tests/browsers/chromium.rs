//! Pages in a real Chromium.

use dalston_auth::NewKey;
use dalston_stream::VadWorker;
use kit::{
    app::{App, Start},
    engine_server::{EngineServer, KEY, TEXT},
    foreign::{modules, node},
    page::Page,
    patience::patiently,
    servers, wav,
};
use serde_json::{Value, json};
use std::{path::Path, process::Stdio};
use tokio::process::Command;

/// What a page does: see `chromium.mjs`.
async fn done(what: Value) -> Value {
    // It must not outlive the tests; Chromium ends with its pipe.
    let mut program = Command::new("setpriv");
    program.args(["--pdeathsig", "KILL", "--"]).arg(node());
    program.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("browsers/chromium.mjs")).arg(what.to_string());
    let home = tempfile::TempDir::new().unwrap();
    program.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", home.path());
    program.env("CLIENTS", modules()).env("CHROMIUM", servers::program("chromium", "chromium"));
    program.stdin(Stdio::null()).kill_on_drop(true);
    let ended = patiently(program.output()).await.expect("there is setpriv, of util-linux");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    serde_json::from_slice(&ended.stdout).unwrap()
}

/// A gateway whose one origin is that of a page, under the first of its names.
async fn gateway(engine: &EngineServer, page: &Page) -> App {
    let start = Start::default().worker(VadWorker).working().set("DALSTON_ENGINE_URL", &engine.url);
    let start = start.set("DALSTON_ENGINE_API_KEY", KEY);
    start.set("DALSTON_ALLOWED_ORIGINS", &format!("http://localhost:{}", page.port)).start().await
}

#[tokio::test]
async fn a_page_of_a_listed_origin_uses_every_door_and_one_of_another_origin_none() {
    let (engine, page) = (EngineServer::start(), Page::serve().await);
    let app = gateway(&engine, &page).await;
    let limited = |ask| NewKey { rate_limit: Some(1_000.try_into().unwrap()), ..ask };
    let key = app.key_of("default", "admin", limited).await;
    let pages = ["localhost", "127.0.0.1"].map(|name| format!("http://{name}:{}/", page.port));
    let given = json!({
        "mode": "api", "pages": pages, "gateway": app.url, "key": key.secret, "audio": wav::tone(1),
    });
    let used = done(given).await;
    let path = used[0]["path"].as_str().unwrap();
    assert!(path.starts_with("/auth/keys/"), "{used}");
    let wanted = json!({
        "me": {"status": 200, "name": "default admin", "exposed": ["X-Request-ID", "RateLimit", "RateLimit-Policy"]},
        "made": 201, "patched": 200, "deleted": 200, "refused": [401, "invalid_credential"], "health": 200,
        "models": "list", "openai": TEXT, "events": "completed", "ticket": 201, "stream": "session.begin", "path": path,
    });
    assert_eq!(used[0], wanted);
    let nothing = "TypeError";
    let wanted = json!({
        "me": nothing, "made": nothing, "patched": nothing, "deleted": nothing, "refused": nothing, "health": nothing,
        "models": nothing, "openai": nothing, "events": nothing, "ticket": nothing, "stream": 1006,
    });
    assert_eq!(used[1], wanted);
}

#[tokio::test]
async fn the_page_of_the_example_shows_what_is_said_into_a_microphone() {
    let (engine, page) = (EngineServer::start(), Page::serve().await);
    let app = gateway(&engine, &page).await;
    let key = app.key("jobs:read,jobs:write,realtime").await;
    let microphone = app.data.path().join("microphone.wav");
    std::fs::write(&microphone, wav::spoken().0).unwrap();
    let given = json!({
        "mode": "record", "pages": [format!("http://localhost:{}/", page.port)], "gateway": app.url, "key": key.secret,
        "microphone": microphone,
    });
    let shown = done(given).await;
    assert_eq!((&shown["text"], &shown["problems"]), (&json!(TEXT), &json!([])), "{shown}");
    let live = shown["live"].as_str().unwrap();
    for part in ["session.begin", "vad.speech_start", "vad.speech_end", "session.end", "closed 1000"] {
        assert!(live.contains(part), "{live}");
    }
    let job = &key.get("/v1/audio/transcriptions").await.expect(200).json[0];
    assert_eq!((&job["filename"], &job["content_type"]), (&json!("recording.webm"), &json!("audio/webm")), "{job}");
    assert!(job["audio"]["duration_seconds"].as_f64().unwrap() > 1.0, "{job}");
    assert_eq!(engine.last().audio[..4], [0x1a, 0x45, 0xdf, 0xa3], "a file of Matroska");
}

//! What the gateway itself costs a job: time before its engine begins, and memory after.

use super::{PATH, ended, upload, working_with};
use dalston_model::{Clock, SystemClock};
use kit::{
    app::Start,
    patience::PATIENCE,
    process::{Launch, eventually},
    scribe::Turn,
    stores, wav,
};
use std::fs;

const MEBIBYTE: u64 = 1 << 20;

/// An upload wakes its node: the queue is not asked otherwise here. How long that takes is printed, since it says as much
/// of the machine.
#[tokio::test]
async fn an_engine_begins_as_soon_as_its_upload_is_answered() {
    const UPLOADS: usize = 50;
    let start = Start::default().on(stores::sqlite().await).poll(2 * PATIENCE);
    let (_app, scribe, client) = working_with(start, &[Turn::Writes(1)]).await;
    let mut waits = Vec::new();
    for count in 1..=UPLOADS {
        let job = upload(&client).await;
        let answered = SystemClock.monotonic();
        eventually("it begins", async || scribe.count() == count).await;
        let asked = scribe.asked()[count - 1];
        waits.push(asked.saturating_sub(answered));
        // The next one finds an idle node.
        ended(&client, &job).await;
    }
    waits.sort();
    let (median, most) = (waits[UPLOADS / 2], waits[UPLOADS - 1]);
    println!("from the answer to the engine, of {UPLOADS}: median {median:?}, most {most:?}");
}

/// An engine that writes what two hours of speech would give, and twenty times as much.
const LONG: &str = r#"
import json, sys
for n in range(100_000):
    print(json.dumps({"start": n, "end": n + 0.5, "text": f"this is sentence number {n} of a long talk",
                      "words": [{"word": "this", "start": n, "end": n + 0.25}]}))
"#;

#[tokio::test]
async fn a_result_of_any_length_is_made_shown_and_exported_in_little_memory() {
    let launch = Launch::new();
    fs::create_dir_all(launch.data()).unwrap();
    let script = launch.data().join("long.py");
    fs::write(&script, LONG).unwrap();
    let command = format!("python3 {} {{audio}}", script.display());
    let path = std::env!("PATH");
    let launch = launch.set("DALSTON_ENGINE_COMMAND", &command).set("PATH", path);
    let gateway = launch.start();
    let admin = gateway.admin();
    admin.get(PATH).await.expect(200);
    let before = gateway.greatest_memory();
    let made = admin.upload(wav::tone(1), "a.wav").await.expect(201);
    let job = format!("{PATH}/{}", made.json["id"].as_str().unwrap());
    eventually("it is done", async || {
        let events = admin.get(&format!("{PATH}?limit=1")).await.expect(200);
        !events.json[0]["completed_at"].is_null()
    })
    .await;
    let shown = admin.get(&job).await.expect(200);
    assert_eq!(shown.json["status"], "completed", "{}", shown.json["error"]);
    assert_eq!(shown.json["result"]["segments"].as_array().unwrap().len(), 100_000);
    assert_eq!(shown.json["result"]["words"].as_array().unwrap().len(), 100_000);
    for format in ["srt", "vtt", "txt", "json"] {
        let exported = admin.get(&format!("{job}/export/{format}")).await.expect(200);
        assert!(exported.text.contains("number 99999 of"), "{format}");
    }
    let raised = gateway.greatest_memory() - before;
    println!("a result of {} KiB raised the memory by {} KiB", shown.text.len() / 1024, raised / 1024);
    assert!(raised < 32 * MEBIBYTE, "{} KiB", raised / 1024);
}

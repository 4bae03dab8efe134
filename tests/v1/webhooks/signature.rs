//! Verified by the libraries of other languages.

use super::{SCOPES, after, cancelled, hook, tried};
use dalston_model::{Clock, ManualClock, SystemClock};
use dalston_work::{MemoryWorkStore, contract::WorkFixture};
use kit::{
    app::{App, Start},
    client::Client,
    foreign::{modules, node, python},
    receiver::{Heard, Receiver},
};
use serde_json::{Value, json};
use std::{path::PathBuf, process::Stdio, sync::Arc};
use tokio::{io::AsyncWriteExt, process::Command};

/// On a clock that shows the time: what is signed is good for five minutes.
async fn gateway() -> (App, Client) {
    let clock = ManualClock::new(SystemClock.now());
    let store = Arc::new(MemoryWorkStore::new(clock.clone()));
    let fixture = WorkFixture { store, limits: None, clock, again: None, keep: Box::new(()) };
    let app = Start::default().delivers().on(fixture).start().await;
    let client = app.key(SCOPES).await;
    (app, client)
}

/// Whether these deliveries verify with their secrets, in Python and in Node, which must be of one mind.
async fn verified(deliveries: &[(&str, &Heard)]) -> Vec<bool> {
    let script = |name: &str| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients").join(name);
    let mut in_python = Command::new(python());
    in_python.arg(script("webhook.py"));
    let mut in_node = Command::new(node());
    in_node.arg(script("webhook.mjs")).env("CLIENTS", modules());
    let mut told = Vec::new();
    for mut client in [in_python, in_node] {
        let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = client.stdin.take().unwrap();
        for (secret, heard) in deliveries {
            let line = json!({"secret": secret, "headers": heard.headers, "body": heard.body});
            input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        }
        drop(input);
        let ended = client.wait_with_output().await.unwrap();
        assert!(ended.status.success());
        let lines = String::from_utf8(ended.stdout).unwrap();
        told.push(lines.lines().map(|line| line == "true").collect::<Vec<bool>>());
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0].len(), deliveries.len());
    told.remove(0)
}

#[tokio::test]
async fn deliveries_verify_with_the_libraries_of_other_languages() {
    let receiver = Receiver::start();
    let (_app, client) = gateway().await;
    let (_, secret) = hook(&client, &receiver.url).await;
    // Characters that another encoder of JSON would write in another way.
    let form = reqwest::multipart::Form::new()
        .text("metadata", r#"{"b": "ü 🎧 \u0001 </script>", "a": 1.0, "z": 1e30}"#)
        .part("file", reqwest::multipart::Part::bytes(kit::wav::tone(1)).file_name("a.wav"));
    let request = client.request(reqwest::Method::POST, "/v1/audio/transcriptions").multipart(form);
    let job = kit::client::Answer::of(request).await.expect(201).json["id"].as_str().unwrap().to_owned();
    client.delete(&format!("/v1/audio/transcriptions/{job}")).await.expect(200);
    let heard = receiver.sent(1).await.remove(0);
    let changed = |what: &dyn Fn(&mut Heard)| {
        let mut heard = heard.clone();
        what(&mut heard);
        heard
    };
    let reencoded = changed(&|it| {
        let body: Value = serde_json::from_str(&it.body).unwrap();
        it.body = format!("{body:#}");
    });
    let other_id = changed(&|it| drop(it.headers.insert("webhook-id".to_owned(), "msg_0".to_owned())));
    let later = changed(&|it| {
        let time: i64 = it.headers["webhook-timestamp"].parse().unwrap();
        it.headers.insert("webhook-timestamp".to_owned(), (time + 1).to_string());
    });
    let stranger = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let verdicts = verified(&[
        (&secret, &heard),
        (&secret, &reencoded),
        (&secret, &other_id),
        (&secret, &later),
        (stranger, &heard),
    ])
    .await;
    assert_eq!(verdicts, [true, false, false, false, false]);
}

#[tokio::test]
async fn while_a_rotation_overlaps_both_secrets_verify() {
    let receiver = Receiver::start();
    let (app, client) = gateway().await;
    let (id, old) = hook(&client, &receiver.url).await;
    let rotate = format!("/v1/webhooks/{id}/rotate");
    let new = client.post(&rotate, json!({"overlap_seconds": 60})).await.expect(200).secret();
    cancelled(&client).await;
    let both = receiver.sent(1).await.remove(0);
    assert_eq!(both.headers["webhook-signature"].split(' ').count(), 2);
    // What was not noted as delivered would come again.
    tried(&app, &client, &id, 1).await;
    after(&app, 60);
    cancelled(&client).await;
    let one = receiver.sent(2).await.remove(1);
    assert_eq!(one.headers["webhook-signature"].split(' ').count(), 1);
    let verdicts = verified(&[(&old, &both), (&new, &both), (&old, &one), (&new, &one)]).await;
    assert_eq!(verdicts, [true, true, false, true]);
    // A second rotation ends the overlap of the first when it is told to.
    let newer = client.post(&rotate, json!({})).await.expect(200).secret();
    let newest = client.post(&rotate, json!({"end_overlap": true})).await.expect(200).secret();
    cancelled(&client).await;
    let last = receiver.sent(3).await.remove(2);
    let verdicts = verified(&[(&new, &last), (&newer, &last), (&newest, &last)]).await;
    assert_eq!(verdicts, [false, true, true]);
}

//! `kill -9`: what was acknowledged is there afterwards, and nothing half-made can be used.

use kit::{
    client::Client,
    process::{Launch, Process, eventually, files},
    servers::{postgres_url, redis_url},
    wav,
};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};
use tokio::task::JoinSet;

/// Crashes after each kind of acknowledged change.
const ROUNDS: u32 = 20;

/// Secret and id of a key that an answer gave.
fn minted(json: &Value) -> (String, String) {
    (json["key"].as_str().unwrap().to_owned(), json["id"].as_str().unwrap().to_owned())
}

async fn list(admin: &Client, path: &str) -> Vec<Value> {
    let join = if path.contains('?') { '&' } else { '?' };
    let mut all = Vec::new();
    let mut next = format!("{path}{join}limit=100");
    loop {
        let page = admin.get(&next).await.expect(200);
        all.extend(page.json.as_array().unwrap().iter().cloned());
        let Some(link) = page.headers.get("link") else { return all };
        next = link.to_str().unwrap().trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
}

/// Waits until recovery has been: no staged file has a job any more.
async fn recovered(gateway: &Process, admin: &Client) {
    let incoming = gateway.data().join("audio/incoming");
    eventually("staged files of jobs are kept", async || {
        let jobs = list(admin, "/v1/audio/transcriptions").await;
        let staged = files(&incoming);
        !jobs.iter().any(|job| staged.contains(&job["id"].as_str().unwrap().to_owned()))
    })
    .await;
}

/// The job's audio, as it is in the data folder.
fn kept(data: &Path, job: &str) -> Vec<u8> {
    fs::read(data.join("audio").join(job)).unwrap_or_else(|error| panic!("JOB-01 the audio of {job}: {error}"))
}

async fn acknowledged_changes_survive(launch: Launch) {
    let mut gateway = launch.start();
    let admin_secret = gateway.admin().secret.unwrap();
    let (mut revoked, mut jobs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let admin = gateway.with(&admin_secret);
        let ask = json!({"name": format!("round {round}"), "scopes": ["jobs:write", "jobs:read"]});
        let (secret, id) = minted(&admin.post("/auth/keys", ask).await.expect(201).json);
        gateway.kill();
        gateway = launch.start();
        let key = gateway.with(&secret);
        assert_eq!(key.get("/auth/me").await.expect(200).json["id"], id, "KEY-04 round {round}");

        let mut audio = wav::tone(1);
        audio.extend_from_slice(format!("round {round}").as_bytes());
        let job = key.upload(audio.clone(), "a.wav").await.expect(201).json["id"].as_str().unwrap().to_owned();
        gateway.kill();
        assert_eq!(kept(&launch.data(), &job), audio, "JOB-01 round {round}");
        gateway = launch.start();
        let (admin, key) = (gateway.with(&admin_secret), gateway.with(&secret));
        let found = key.get(&format!("/v1/audio/transcriptions/{job}")).await.expect(200);
        assert_eq!(found.json["size_bytes"], audio.len());

        admin.delete(&format!("/auth/keys/{id}")).await.expect(200);
        gateway.kill();
        gateway = launch.start();
        assert_eq!(gateway.with(&secret).get("/auth/me").await.code(), 401, "REV-01 round {round}");
        revoked.push(secret);
        jobs.push((job, audio));
    }
    let admin = gateway.with(&admin_secret);
    // A failed attempt costs the address: the last few stand for all.
    for secret in revoked.iter().rev().take(5) {
        gateway.with(secret).get("/auth/me").await.expect(401);
    }
    let keys = list(&admin, "/auth/keys?include_revoked=true").await;
    assert_eq!(keys.iter().filter(|key| key["revoked_at"].is_string()).count(), revoked.len());
    let listed = list(&admin, "/v1/audio/transcriptions").await;
    assert_eq!(listed.len(), jobs.len());
    for (job, audio) in &jobs {
        assert_eq!(kept(&launch.data(), job), *audio);
    }
    assert_eq!(files(&launch.data().join("audio/incoming")), [""; 0], "nothing is left of an upload that is done");
}

/// Sends many requests at once, kills the gateway when so many are acknowledged, or none is under way any more, and gives
/// the answers that were whole.
async fn killed_amid(gateway: Process, answers: usize, requests: Vec<reqwest::RequestBuilder>) -> Vec<Value> {
    let mut running = JoinSet::new();
    for request in requests {
        running.spawn(async move {
            let response = request.send().await.ok()?;
            // On a slow machine some wait for the store in vain.
            assert!(matches!(response.status().as_u16(), 201 | 503), "{}", response.status());
            if response.status() == 503 {
                return None;
            }
            serde_json::from_slice::<Value>(&response.bytes().await.ok()?).ok()
        });
    }
    let mut whole = Vec::new();
    let mut gateway = Some(gateway);
    while let Some(answer) = running.join_next().await {
        whole.extend(answer.unwrap());
        if whole.len() >= answers
            && let Some(gateway) = gateway.take()
        {
            gateway.kill();
        }
    }
    whole
}

async fn a_crash_amid_creates_leaves_no_key_that_is_not_listed(launch: Launch) {
    let gateway = launch.start();
    let admin_secret = gateway.admin().secret.unwrap();
    drop(gateway);
    for answers in [1, 4, 9, 16] {
        let gateway = launch.start();
        let admin = gateway.with(&admin_secret);
        let path = "/auth/keys";
        let requests = (0..24).map(|n| {
            let ask = json!({"name": format!("amid {n}"), "scopes": ["realtime"]});
            admin.request(reqwest::Method::POST, path).json(&ask)
        });
        let whole = killed_amid(gateway, answers, requests.collect()).await;

        let gateway = launch.start();
        let admin = gateway.with(&admin_secret);
        let own = admin.get("/auth/me").await.expect(200).json["id"].clone();
        let listed = list(&admin, "/auth/keys").await;
        for key in &whole {
            let (secret, id) = minted(key);
            assert_eq!(gateway.with(&secret).get("/auth/me").await.expect(200).json["id"], id);
            assert!(listed.iter().any(|key| key["id"] == id), "KEY-04 {id} works and is not listed");
        }
        // Those too whose answer nobody heard.
        for key in listed.iter().filter(|key| key["id"] != own) {
            let path = format!("/auth/keys/{}", key["id"].as_str().unwrap());
            assert_eq!(admin.get(&path).await.expect(200).json["name"], key["name"]);
            assert_eq!(admin.delete(&path).await.expect(200).json["status"], "revoked");
        }
        for key in whole.iter().take(5) {
            assert_eq!(gateway.with(&minted(key).0).get("/auth/me").await.code(), 401);
        }
        assert_eq!(list(&admin, "/auth/keys").await.len(), 1);
        drop(gateway);
    }
}

async fn a_crash_amid_uploads_leaves_no_job_without_its_audio(launch: Launch) {
    let gateway = launch.start();
    let admin_secret = gateway.admin().secret.unwrap();
    drop(gateway);
    let audio = wav::tone(4);
    for answers in [1, 3, 7, 12] {
        let gateway = launch.start();
        let admin = gateway.with(&admin_secret);
        let requests = (0..16).map(|_| admin.uploading(audio.clone(), "a.wav"));
        let whole = killed_amid(gateway, answers, requests.collect()).await;

        let gateway = launch.start();
        let admin = gateway.with(&admin_secret);
        recovered(&gateway, &admin).await;
        let jobs = list(&admin, "/v1/audio/transcriptions").await;
        for job in &whole {
            assert!(jobs.iter().any(|listed| listed["id"] == job["id"]), "JOB-01 {} is lost", job["id"]);
        }
        // Those too whose answer nobody heard.
        for job in &jobs {
            assert!(kept(&launch.data(), job["id"].as_str().unwrap()) == audio, "JOB-01 {}", job["id"]);
        }
        assert_eq!(files(&launch.data().join("audio")).len(), jobs.len(), "audio without a job");
        drop(gateway);
    }
}

#[tokio::test]
async fn recovery_keeps_what_has_a_job_and_deletes_what_was_abandoned() {
    let launch = Launch::new();
    let gateway = launch.start();
    let admin_secret = gateway.admin().secret.unwrap();
    let job = gateway.admin().upload(wav::tone(1), "a.wav").await.expect(201).json["id"].as_str().unwrap().to_owned();
    gateway.kill();
    // As after a crash between the row and the name; beside it an upload that never got a row, and one under way.
    let audio = launch.data().join("audio");
    let incoming = audio.join("incoming");
    fs::rename(audio.join(&job), incoming.join(&job)).unwrap();
    let [old, young] = ["0", "1"].map(|digit| format!("job_{}", digit.repeat(32)));
    fs::write(incoming.join(&old), "old").unwrap();
    let touched = Command::new("touch").args(["-d", "2 hours ago"]).arg(incoming.join(&old)).status();
    assert!(touched.unwrap().success());
    fs::write(incoming.join(&young), "young").unwrap();

    let gateway = launch.start();
    let said = gateway.line("recovered uploads");
    assert!(said.contains("kept=1") && said.contains("deleted=1"), "{said}");
    assert_eq!(kept(&launch.data(), &job), wav::tone(1));
    assert_eq!(files(&incoming), [young]);
    gateway.with(&admin_secret).get(&format!("/v1/audio/transcriptions/{job}")).await.expect(200);
}

macro_rules! on_each_store {
    ($($test:ident: $rule:ident;)*) => {
        mod sqlite {
            use super::*;
            $(#[tokio::test]
            async fn $test() {
                $rule(Launch::new()).await;
            })*
        }
        mod postgres {
            use super::*;
            $(#[tokio::test]
            async fn $test() {
                $rule(Launch::new().store(&postgres_url().await)).await;
            })*
        }
        mod redis {
            use super::*;
            $(#[tokio::test]
            async fn $test() {
                $rule(Launch::new().store(&redis_url())).await;
            })*
        }
    };
}

on_each_store! {
    what_was_acknowledged_survives_a_crash: acknowledged_changes_survive;
    every_key_that_works_after_a_crash_can_be_revoked: a_crash_amid_creates_leaves_no_key_that_is_not_listed;
    every_job_has_its_audio_after_a_crash: a_crash_amid_uploads_leaves_no_job_without_its_audio;
}

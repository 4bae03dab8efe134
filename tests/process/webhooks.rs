//! `kill -9` while deliveries are under way: what a webhook is owed arrives, whoever died.

use kit::{patience::patiently, process::Launch, receiver::Receiver, wav};
use serde_json::json;
use std::collections::BTreeSet;

/// Crashes amid deliveries.
const ROUNDS: usize = 8;

#[tokio::test]
async fn each_event_arrives_at_least_once_after_crashes() {
    let receiver = Receiver::start();
    let launch = Launch::new().set("DALSTON_WEBHOOK_NETWORKS", "127.0.0.0/8").set("DALSTON_JOBS_PER_NODE", "0");
    let mut gateway = launch.start();
    let admin_secret = gateway.admin().secret.unwrap();
    let made = gateway.with(&admin_secret).post("/v1/webhooks", json!({"url": receiver.url})).await.expect(201);
    made.secret();
    let mut jobs = BTreeSet::new();
    for round in 0..ROUNDS {
        let before = receiver.heard().len();
        let admin = gateway.with(&admin_secret);
        for _ in 0..3 {
            let job = admin.upload(wav::tone(1), "a.wav").await.expect(201).json["id"].as_str().unwrap().to_owned();
            admin.delete(&format!("/v1/audio/transcriptions/{job}")).await.expect(200);
            jobs.insert(job);
        }
        // Some die before they take anything, some in the middle, some when all of it is done.
        receiver.sent(before + round % 4).await;
        gateway.kill();
        gateway = launch.start();
    }
    // A delivery whose node died is taken again after its lease, a minute.
    let arrived = |heard: &[kit::receiver::Heard]| -> BTreeSet<String> {
        let body = |it: &kit::receiver::Heard| serde_json::from_str::<serde_json::Value>(&it.body).unwrap();
        heard.iter().map(|it| body(it)["data"]["transcription_id"].as_str().unwrap().to_owned()).collect()
    };
    let all = async {
        let mut count = jobs.len();
        loop {
            let heard = receiver.sent(count).await;
            if arrived(&heard) == jobs {
                return heard;
            }
            count = heard.len() + 1;
        }
    };
    let heard = patiently(all).await;
    let ids: BTreeSet<&String> = heard.iter().map(|it| &it.headers["webhook-id"]).collect();
    assert_eq!(ids.len(), jobs.len(), "what comes twice is known by its id");
}

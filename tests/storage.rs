//! What stands on the disk: digests, never secrets (KEY-02).

use kit::{client::Answer, process::Launch};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn no_file_of_the_gateway_holds_a_secret() {
    let launch = Launch::new();
    let gateway = launch.start();
    let admin = gateway.admin();
    let mut secrets = Vec::new();
    for number in 0..20 {
        let made = admin.post("/auth/keys", json!({"name": format!("key {number}")})).await.expect(201);
        let rotated = admin.post(&format!("/auth/keys/{}/rotate", made.json["id"].as_str().unwrap()), json!({})).await;
        secrets.extend([made.secret(), rotated.expect(200).secret()]);
    }
    // A secret in a header that is kept: the id of a request, the key of a repeated one.
    let ask = admin.request(reqwest::Method::POST, "/auth/keys").json(&json!({"name": "x"}));
    let ask = ask.header("x-request-id", &secrets[0]).header("idempotency-key", &secrets[1]);
    secrets.push(Answer::of(ask).await.expect(201).secret());
    let mut searched = 0;
    for file in files(gateway.data()).into_iter().filter(|file| !file.ends_with("admin.key")) {
        let bytes = fs::read(&file).unwrap();
        searched += bytes.len();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret stands in {}", file.display());
        }
    }
    assert!(searched > 100_000, "the database was searched");
}

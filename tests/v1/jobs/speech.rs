//! The embedded default, as it is shipped: speech is found without any engine.

use super::{PATH, ended};
use kit::{process::Launch, wav};

#[tokio::test]
async fn speech_that_is_uploaded_comes_back_completed_with_its_segments() {
    let launch = Launch::new();
    let gateway = launch.start();
    let admin = gateway.admin();
    let made = admin.upload(wav::spoken().0, "speech.wav").await.expect(201);
    let job = format!("{PATH}/{}", made.json["id"].as_str().unwrap());
    let shown = ended(&admin, &job).await.json;
    assert_eq!(
        (shown["status"].as_str(), shown["result"]["engine"].as_str()),
        (Some("completed"), Some("vad")),
        "{shown}"
    );
    assert_eq!(shown["result"]["segments"].as_array().unwrap().len(), 2, "{shown}");
    assert_eq!(shown["result"]["text"], "");
    assert!(shown["result"]["note"].as_str().unwrap().contains("DALSTON_ENGINE_URL"), "it says that there is no text");
}

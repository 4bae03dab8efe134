//! The model as a writer of nudges.

use dalston_auth::SecretText;
use dalston_chat::LanguageModel;
use dalston_service::{MessageComposer, ServiceError};
use kit::{
    app::App,
    model_server::{KEY, MODEL, ModelServer, Says},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

fn writer(server: &ModelServer) -> LanguageModel {
    let key = SecretText::new(KEY.to_owned());
    LanguageModel::new(&server.url, MODEL.to_owned(), Some(key), Duration::from_secs(60), Arc::default()).unwrap()
}

#[tokio::test]
async fn a_message_is_written_without_tools() {
    let server = ModelServer::start();
    server.says([Says::text("  The disk is nearly full.\n")]);
    let text = writer(&server).write("disk 97 %").await.unwrap();
    assert_eq!(text, "The disk is nearly full.");
    let request = server.last();
    assert!(request.get("tools").is_none());
    assert_eq!(request["messages"][1], json!({"role": "user", "content": "disk 97 %"}));
}

#[tokio::test]
async fn a_written_message_is_no_longer_than_a_chat_takes_and_never_empty() {
    let server = ModelServer::start();
    let writer = writer(&server);
    server.says([Says::Text("é".repeat(5000)), Says::text(" \n"), Says::Raw(500, String::new())]);
    assert_eq!(writer.write("a").await.unwrap().chars().count(), 4096);
    let silent = ServiceError::Unreachable("The language model cannot be reached");
    assert_eq!(writer.write("a").await, Err(silent.clone()));
    assert_eq!(writer.write("a").await, Err(silent));
}

#[tokio::test]
async fn a_key_in_what_to_write_about_is_masked() {
    let (server, app) = (ModelServer::start(), App::start().await);
    let secret = app.key("jobs:read").await.secret.unwrap();
    server.says([Says::text("A key leaked.")]);
    writer(&server).write(&format!("{secret} leaked")).await.unwrap();
    assert!(!server.last().to_string().contains(&secret), "KEY-03");
}

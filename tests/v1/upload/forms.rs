//! The form: one file, known fields, nothing else.

use super::{PATH, assert_nothing, file, send, uploading};
use kit::{client::Answer, raw::Raw, wav};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::json;

#[tokio::test]
async fn every_field_of_the_form_is_in_the_job() {
    let (_app, client) = uploading().await;
    let form = Form::new()
        .text("model", "fast")
        .text("language", "de")
        .part("file", file(wav::tone(1)))
        .text("metadata", r#"{"order": [1, 2, {"three": null}], "text": "ü"}"#);
    let job = send(&client, form).await.expect(201);
    let id = job.json["id"].as_str().unwrap();
    assert_eq!(job.header("location"), format!("{PATH}/{id}"));
    assert!(id.len() == 36 && id.starts_with("job_"), "{id}");
    assert_eq!((&job.json["model"], &job.json["language"]), (&json!("fast"), &json!("de")));
    assert_eq!(job.json["metadata"], json!({"order": [1, 2, {"three": null}], "text": "ü"}));
    let bare = client.upload(wav::tone(1), "a.wav").await.expect(201).json;
    assert_eq!((&bare["model"], &bare["language"], &bare["metadata"]), (&json!(null), &json!(null), &json!({})));
}

#[tokio::test]
async fn an_empty_field_is_none_and_the_names_that_people_use_are_taken() {
    let (_app, client) = uploading().await;
    for (model, language) in [
        ("Systran/faster-whisper-small", "zh_CN"),
        ("ggml-large-v3:q5_0", "de-CH-1996"),
        ("0", "auto"),
        (" tiny.en ", " yue "),
        ("", " "),
    ] {
        let form = Form::new().text("model", model).text("language", language).part("file", file(wav::tone(1)));
        let job = send(&client, form).await.expect(201).json;
        let told = |name: &str| job[name].as_str().unwrap_or_default().to_owned();
        assert_eq!((told("model"), told("language")), (model.trim().to_owned(), language.trim().to_owned()));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_form_is_told_by_the_name_of_the_field() {
    let (app, client) = uploading().await;
    let whole = || Form::new().part("file", file(wav::tone(1)));
    let sentinel = "sentinel-value";
    for (form, field) in [
        (Form::new().text("model", "fast"), "file"),
        (whole().part("file", file(wav::tone(1))), "file"),
        (whole().text("tenant_id", sentinel), "tenant_id"),
        (whole().text("File", sentinel), "File"),
        (whole().text("model", format!("{sentinel} with spaces")), "model"),
        (whole().text("model", "--help"), "model"),
        (whole().text("model", "../../etc/passwd"), "model"),
        (whole().text("model", "a/../b"), "model"),
        (whole().text("model", "a b"), "model"),
        (whole().text("language", "../x"), "language"),
        (whole().text("language", "e"), "language"),
        (whole().text("language", "english"), "language"),
        (whole().text("language", "en-"), "language"),
        (whole().text("language", "de_CH.UTF-8"), "language"),
        (whole().text("model", "fast").text("model", "fast"), "model"),
        (whole().text("language", "x".repeat(65)), "language"),
        (whole().text("language", "d\u{0}e"), "language"),
        (whole().text("metadata", sentinel), "metadata"),
        (whole().text("metadata", "[1]"), "metadata"),
        (whole().text("metadata", "null"), "metadata"),
        (whole().text("metadata", r#"{"a":1,"a":2}"#), "metadata"),
        (whole().text("metadata", r#"{"a":"\u0000"}"#), "metadata"),
        (whole().text("metadata", format!(r#"{{"a":{}1{}}}"#, "[".repeat(1_000), "]".repeat(1_000))), "metadata"),
    ] {
        let answer = send(&client, form).await;
        assert_eq!((answer.code(), answer.problem()), (422, "invalid_request"), "UPL-03 {field}: {}", answer.text);
        assert_eq!(answer.json["errors"][0]["field"], field);
        assert!(!answer.text.contains(sentinel), "ERR-02 {}", answer.text);
        assert_nothing(&app, &client).await;
    }
}

#[tokio::test]
async fn a_long_text_or_a_hostile_name_of_a_field_is_refused() {
    let (app, client) = uploading().await;
    let long = Form::new().text("metadata", "x".repeat(4_097)).part("file", file(wav::tone(1)));
    let answer = send(&client, long).await;
    assert_eq!(answer.problem(), "too_large", "UPL-05 {}", answer.text);
    let named = Form::new().text("<script>alert(1)</script>", "x");
    let answer = send(&client, named).await;
    assert!(matches!(answer.code(), 400 | 422) && !answer.text.contains("script>alert"), "AUTH-05 {}", answer.text);
    let not_text = Form::new().part("model", Part::bytes(vec![0xff, 0xfe]));
    assert_eq!(send(&client, not_text).await.problem(), "invalid_request");
    assert_nothing(&app, &client).await;
}

#[tokio::test]
async fn a_body_of_another_type_or_an_encoded_one_is_refused() {
    let (app, client) = uploading().await;
    for kind in ["application/json", "audio/wav", "application/x-www-form-urlencoded", "text/plain", ""] {
        let request = client.request(Method::POST, PATH).header("content-type", kind).body(wav::tone(1));
        assert_eq!(Answer::of(request).await.expect(415).problem(), "unsupported_media", "{kind}");
    }
    assert_eq!(Answer::of(client.request(Method::POST, PATH)).await.expect(415).problem(), "unsupported_media");
    for encoding in ["gzip", "br", "deflate", "zstd", "gzip, identity"] {
        let form = Form::new().part("file", file(wav::tone(1)));
        let request = client.request(Method::POST, PATH).header("content-encoding", encoding).multipart(form);
        assert_eq!(Answer::of(request).await.expect(415).problem(), "unsupported_media", "DOS-03 {encoding}");
    }
    assert_nothing(&app, &client).await;
}

/// The answer to this body, sent as it is with this boundary.
async fn raw(app: &kit::app::App, secret: &str, boundary: &str, body: &[u8]) -> (u16, String) {
    let mut raw = Raw::connect(app.address).await;
    raw.send(format!(
        "POST {PATH} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {secret}\r\nConnection: close\r\n\
         Content-Type: multipart/form-data{boundary}\r\nContent-Length: {}\r\n\r\n",
        app.address,
        body.len()
    ))
    .await;
    let _ = raw.try_send(body).await;
    let reply = raw.reply().await;
    (reply.code, reply.json["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn an_extended_name_of_a_file_is_taken_where_there_is_no_plain_one() {
    let (app, client) = uploading().await;
    let secret = client.secret.clone().unwrap();
    for (names, shown) in [
        ("filename*=UTF-8''%e2%82%ac%20rates.wav", json!("€ rates.wav")),
        ("filename*=UTF-8''..%2f..%2fevil.wav", json!("evil.wav")),
        ("filename=\"plain.wav\"; filename*=UTF-8''other.wav", json!("plain.wav")),
        ("filename*=UTF-8''other.wav; filename=\"plain.wav\"", json!("plain.wav")),
        ("filename*=ISO-8859-1''%a3.wav", json!("£.wav")),
        ("filename*=UTF-8''%ff.wav", json!(null)),
    ] {
        let head = format!("--b\r\nContent-Disposition: form-data; name=\"file\"; {names}\r\n\r\n");
        let body = [head.as_bytes(), &wav::tone(1), b"\r\n--b--\r\n"].concat();
        // The newest is the one that is meant.
        app.clock.advance(std::time::Duration::from_millis(1));
        assert_eq!(raw(&app, &secret, "; boundary=b", &body).await.0, 201, "{names}");
        let newest = client.get(&format!("{PATH}?limit=1")).await.expect(200);
        assert_eq!(newest.json[0]["filename"], shown, "UPL-02 {names}");
    }
}

#[tokio::test]
async fn a_form_that_is_not_well_formed_is_refused() {
    let (app, client) = uploading().await;
    let secret = client.secret.clone().unwrap();
    let file = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n";
    let cut = [&file[..], &wav::tone(1)].concat();
    let nameless = [&b"--b\r\nContent-Disposition: form-data\r\n\r\n"[..], &wav::tone(1), b"\r\n--b--\r\n"].concat();
    let headless = [&b"--b\r\n\r\n"[..], &wav::tone(1), b"\r\n--b--\r\n"].concat();
    let many: Vec<u8> = (0..20)
        .flat_map(|n| format!("--b\r\nContent-Disposition: form-data; name=\"f{n}\"\r\n\r\nx\r\n").into_bytes())
        .chain(*b"--b--\r\n")
        .collect();
    let long_head = [
        format!("--b\r\nX-Long: {}\r\n", "x".repeat(100_000)).as_bytes(),
        b"Content-Disposition: form-data; name=\"file\"\r\n\r\n",
        &wav::tone(1),
        b"\r\n--b--\r\n",
    ]
    .concat();
    let long = format!("; boundary={}", "b".repeat(1_000));
    for (boundary, body, what) in [
        ("", &cut, "no boundary"),
        ("; boundary=", &cut, "an empty boundary"),
        ("; boundary=\"\"", &cut, "a quoted empty boundary"),
        (long.as_str(), &cut, "a long boundary"),
        ("; boundary=b", &cut, "no end"),
        ("; boundary=c", &cut, "another boundary"),
        ("; boundary=b", &b"garbage".repeat(1_000), "garbage"),
        ("; boundary=b", &Vec::new(), "nothing"),
        ("; boundary=b", &nameless, "no name"),
        ("; boundary=b", &headless, "no head"),
        ("; boundary=b", &many, "many parts"),
        ("; boundary=b", &long_head, "a long head of a part"),
    ] {
        let (status, code) = raw(&app, &secret, boundary, body).await;
        assert!(matches!(status, 400 | 413 | 415 | 422) && !code.is_empty(), "UPL-05 {what}: {status} {code}");
        assert_nothing(&app, &client).await;
    }
}

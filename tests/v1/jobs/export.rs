//! Transcripts as files.

use super::{ended, upload, working};
use kit::scribe::Turn;
use reqwest::multipart::{Form, Part};
use serde_json::json;

#[tokio::test]
async fn a_completed_job_is_exported_in_every_format() {
    let (_app, _, client) = working(&[Turn::Writes(2)]).await;
    let job = upload(&client).await;
    let whole = ended(&client, &job).await.json["result"].clone();
    let srt = "1\n00:00:00,000 --> 00:00:00,500\nword 0\n\n2\n00:00:01,000 --> 00:00:01,500\nword 1\n";
    let vtt = "WEBVTT\n\n00:00:00.000 --> 00:00:00.500\nword 0\n\n00:00:01.000 --> 00:00:01.500\nword 1\n";
    for (format, kind, text) in [
        ("srt", "application/x-subrip; charset=utf-8", srt),
        ("vtt", "text/vtt; charset=utf-8", vtt),
        ("txt", "text/plain; charset=utf-8", "word 0 word 1\n"),
        ("json", "application/json", &whole.to_string()),
    ] {
        let answer = client.get(&format!("{job}/export/{format}")).await.expect(200);
        assert_eq!(answer.text, text, "{format}");
        assert_eq!(answer.header("content-type"), kind);
        assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"a.{format}\""));
    }
}

#[tokio::test]
async fn the_layout_of_an_export_is_as_asked_for() {
    let (_app, _, client) = working(&[Turn::Writes(6)]).await;
    let job = upload(&client).await;
    ended(&client, &job).await;
    let text = client.get(&format!("{job}/export/txt?max_line_length=13")).await.expect(200).text;
    assert_eq!(text, "word 0 word 1\nword 2 word 3\nword 4 word 5\n");
    for (query, field) in [
        ("max_line_length=9", "max_line_length"),
        ("max_line_length=201", "max_line_length"),
        ("max_lines=0", "max_lines"),
        ("max_lines=11", "max_lines"),
        ("max_lines=%2B2", "max_lines"),
        ("max_lines=2&max_lines=2", "max_lines"),
        ("lines=2", "lines"),
    ] {
        let answer = client.get(&format!("{job}/export/srt?{query}")).await.expect(422);
        assert_eq!(answer.fields(), [field], "{query}");
    }
    client.get(&format!("{job}/export/json?max_lines=2")).await.expect(400);
}

#[tokio::test]
async fn what_is_not_completed_or_not_there_is_not_exported() {
    let (_app, _, client) = working(&[Turn::Refuses]).await;
    let job = upload(&client).await;
    ended(&client, &job).await;
    let answer = client.get(&format!("{job}/export/srt")).await.expect(409);
    assert_eq!((answer.problem(), &answer.json["detail"]), ("conflict", &json!("The job is not completed")));
    for format in ["pdf", "SRT", "srt.exe"] {
        client.get(&format!("{job}/export/{format}")).await.expect(404);
    }
}

#[tokio::test]
async fn times_of_words_and_other_wishes_reach_the_engine() {
    let (_app, scribe, client) = working(&[Turn::Writes(1)]).await;
    let file = || Part::bytes(kit::wav::tone(1)).file_name("vidéo.final.wav");
    let form = Form::new()
        .part("file", file())
        .text("timestamps", "word")
        .text("prompt", "Dalston")
        .text("temperature", "0.5");
    let asked = client.request(reqwest::Method::POST, super::PATH).multipart(form.text("language", "de"));
    let made = kit::client::Answer::of(asked).await.expect(201);
    let job = format!("{}/{}", super::PATH, made.json["id"].as_str().unwrap());
    let shown = ended(&client, &job).await.json;
    assert_eq!(shown["result"]["words"][1], json!({"word": "0", "start": 0.25, "end": 0.5, "confidence": 0.5}));
    assert_eq!(shown["result"]["language"], "de");
    let work = scribe.heard().remove(0);
    assert_eq!((work.options.words, work.options.prompt.as_deref()), (true, Some("Dalston")));
    assert_eq!(work.options.temperature, Some(0.5));
    let exported = client.get(&format!("{job}/export/srt")).await.expect(200);
    assert!(exported.header("content-disposition").contains("filename*=UTF-8''vid%C3%A9o.final.srt"));
    for (name, wrong) in [("timestamps", "both"), ("temperature", "2"), ("temperature", "NaN"), ("prompt", "a\u{7}b")] {
        let form = Form::new().part("file", file()).text(name, wrong);
        let asked = client.request(reqwest::Method::POST, super::PATH).multipart(form);
        assert_eq!(kit::client::Answer::of(asked).await.expect(422).fields(), [name], "{wrong}");
    }
}

#[tokio::test]
async fn a_long_result_is_streamed_within_its_job_and_told_in_short_at_other_doors() {
    const SEGMENTS: u32 = 5_000;
    let (_app, _, client) = working(&[Turn::Writes(SEGMENTS)]).await;
    let job = upload(&client).await;
    let shown = ended(&client, &job).await.json;
    assert_eq!(shown["result"]["segments"].as_array().unwrap().len(), SEGMENTS as usize);
    assert_eq!(shown["result"]["segments"][4_999]["text"], "word 4999");
    assert_eq!(shown["status"], "completed");
    let exported = client.get(&format!("{job}/export/json")).await.expect(200);
    assert_eq!(exported.json, shown["result"]);
    let id = job.rsplit('/').next().unwrap();
    let called = client.post("/call", json!({"command": "jobs.get", "arguments": {"job_id": id}})).await.expect(200);
    let told = &called.json["data"]["result"];
    assert_eq!((&told["segment_count"], &told["segments"]), (&json!(SEGMENTS), &json!(null)));
    assert!(told["hint"].as_str().unwrap().ends_with(&format!("{id}/export/json")));
}

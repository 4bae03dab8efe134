//! What is audio and what is not, whatever it is called.

use super::{assert_nothing, file, send, uploading};
use kit::wav;
use reqwest::multipart::Form;
use serde_json::json;
use std::fs;

const FLAC: &[u8] = include_bytes!("../../fixtures/tone.flac");
const MP3: &[u8] = include_bytes!("../../fixtures/tone.mp3");
const OGG: &[u8] = include_bytes!("../../fixtures/tone.ogg");
const AIFF: &[u8] = include_bytes!("../../fixtures/tone.aiff");

#[tokio::test]
async fn audio_is_recognised_by_its_content() {
    let (app, client) = uploading().await;
    for (bytes, format, seconds, rate, channels) in [
        (&wav::tone(2)[..], "wav", 2.0, 16_000, 1),
        (FLAC, "flac", 0.5, 16_000, 1),
        (MP3, "mp3", 0.5, 44_100, 2),
        (OGG, "ogg", 0.5, 22_050, 1),
        (AIFF, "aiff", 0.25, 8_000, 2),
    ] {
        // Neither the name nor the type that the client claims decides.
        let part = file(bytes).file_name("holiday.jpeg").mime_str("image/jpeg").unwrap();
        let job = send(&client, Form::new().part("file", part)).await.expect(201).json;
        let audio = &job["audio"];
        assert_eq!((&audio["format"], &audio["sample_rate"]), (&json!(format), &json!(rate)));
        assert_eq!(audio["channels"], channels, "{format}");
        // An encoder of MP3 pads.
        let off = (audio["duration_seconds"].as_f64().unwrap() - seconds).abs();
        assert!(off < 0.06, "{format}: {audio}");
        assert_eq!(job["size_bytes"], bytes.len());
        assert_eq!((&job["filename"], &job["content_type"]), (&json!("holiday.jpeg"), &json!("image/jpeg")));
        assert_eq!(job["status"], "pending");
        let kept = app.data.path().join("audio").join(job["id"].as_str().unwrap());
        assert!(fs::read(kept).unwrap() == bytes, "the audio of {format} byte for byte");
        assert_eq!(client.get(&format!("{}/{}", super::PATH, job["id"].as_str().unwrap())).await.expect(200).json, job);
    }
}

/// A tone with other bytes in its header.
fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut audio = wav::tone(1);
    audio[at..at + bytes.len()].copy_from_slice(bytes);
    audio
}

#[tokio::test]
async fn what_is_no_audio_is_refused_and_leaves_nothing() {
    let (app, client) = uploading().await;
    // Bytes by chance, but always the same.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut chance = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    let noise: Vec<u8> = (0..100_000).map(|_| chance()).collect();
    let jpeg = [&[0xff, 0xd8, 0xff, 0xe0, 0, 0x10][..], b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0", &noise].concat();
    let png = [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &noise].concat();
    let zip = [&b"PK\x03\x04"[..], &noise].concat();
    let playlist = b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n".to_vec();
    let concat = b"ffconcat version 1.0\nfile '/etc/passwd'\n".to_vec();
    for (bytes, what) in [
        (b"This is a text and no audio.\n".repeat(100), "a text"),
        (b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>".repeat(50), "HTML"),
        (b"%PDF-1.7\n".repeat(200), "a PDF"),
        (jpeg, "a picture"),
        (png, "another picture"),
        (zip, "an archive"),
        (playlist, "a playlist"),
        (concat, "a script of ffmpeg"),
        (vec![0; 100_000], "zeros"),
        (noise, "noise"),
        (vec![b'R'], "one byte"),
        (wav::header(32_000), "a header with nothing behind"),
        (wav::header(32_000)[..20].to_vec(), "half a header"),
        (FLAC[..60].to_vec(), "the start of a FLAC"),
        (OGG[..100].to_vec(), "the start of an Ogg"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff".to_vec(), "a chunk of 4 GiB"),
        (b"RIFF\x24\0\0\0AVI LIST".to_vec(), "a film"),
        (with(22, &[0, 0]), "no channels"),
        (with(24, &[0; 4]), "no samples a second"),
    ] {
        let answer = client.upload(bytes, "a.wav").await;
        assert_eq!((answer.code(), answer.problem()), (415, "unsupported_media"), "UPL-04 {what}: {}", answer.text);
        assert_nothing(&app, &client).await;
    }
}

#[tokio::test]
async fn an_empty_file_is_refused_by_name() {
    let (app, client) = uploading().await;
    let answer = client.upload(Vec::new(), "a.wav").await.expect(422);
    assert_eq!(answer.json["errors"][0]["field"], "file");
    assert_nothing(&app, &client).await;
}

#[tokio::test]
async fn a_name_never_leads_out_of_the_folder_nor_into_a_header() {
    let (app, client) = uploading().await;
    let data = app.data.path();
    let beside = kit::process::files(data);
    for (name, shown) in [
        ("../../../../tmp/evil.wav", "evil.wav"),
        ("/etc/cron.d/evil", "evil"),
        (r"..\..\evil.wav", "evil.wav"),
        (r"C:\Windows\evil.wav", "evil.wav"),
        ("....//evil.wav", "evil.wav"),
        ("song <b>.wav", "song <b>.wav"),
        ("Ünïcödé ✓.wav", "Ünïcödé ✓.wav"),
    ] {
        let job = client.upload(wav::tone(1), name).await.expect(201).json;
        assert_eq!(job["filename"], shown, "UPL-02 {name:?}");
    }
    for name in ["..", ".", "/", "\u{202e}gnp.exe", &"x".repeat(3_000), "%00", "a\u{0}b.wav"] {
        let answer = client.upload(wav::tone(1), name).await;
        assert!(matches!(answer.code(), 201 | 400 | 422), "UPL-02 {name:?}: {}", answer.text);
        let shown = answer.json["filename"].as_str().unwrap_or_default();
        assert!(shown.chars().count() <= 255 && !shown.contains(['/', '\\']), "{name:?} is shown as {shown:?}");
        assert!(!shown.chars().any(char::is_control) && shown != "..", "{name:?} is shown as {shown:?}");
    }
    assert_eq!(kit::process::files(data), beside, "nothing beside the folders");
    let names = kit::process::files(&data.join("audio"));
    assert!(names.iter().all(|name| name.starts_with("job_") && name.len() == 36), "{names:?}");
    assert_eq!(kit::process::files(&data.join("audio/incoming")), [""; 0]);
}

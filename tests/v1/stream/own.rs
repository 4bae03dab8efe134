//! The built-in worker: speech is found, and no text is claimed.

use dalston_stream::VadWorker;
use kit::{
    app::{App, Start},
    socket::Socket,
    wav,
};
use serde_json::{Value, json};

async fn listening() -> (App, String) {
    let app = Start::default().worker(VadWorker).start().await;
    let secret = app.key("realtime").await.secret.unwrap();
    (app, secret)
}

/// What a session said of this audio, played in pieces.
async fn heard(app: &App, secret: &str, query: &str, audio: &[u8], piece: usize) -> Vec<Value> {
    let mut socket = Socket::open(app.address, query, &[("x-api-key", secret)]).await.unwrap();
    assert_eq!(socket.hear().await["type"], "session.begin");
    for piece in audio.chunks(piece) {
        socket.play(piece).await;
    }
    socket.say(r#"{"type":"end"}"#).await;
    let said = socket.until("session.end").await;
    assert_eq!(socket.closed().await, (1000, "Session ended".to_owned()));
    said
}

fn kinds(said: &[Value]) -> Vec<&str> {
    said.iter().map(|message| message["type"].as_str().unwrap()).collect()
}

/// The segments are where the sentences are.
#[track_caller]
fn found(said: &[Value], times: &[(f64, f64)], what: &str) {
    assert_eq!(said[0]["code"], "no_transcript", "{what}");
    let end = said.last().unwrap();
    let near = |value: &Value, wanted: f64| (value.as_f64().unwrap() - wanted).abs() < 0.4;
    let segments = end["segments"].as_array().unwrap();
    assert_eq!(segments.len(), times.len(), "{what}: {end}");
    for (segment, (from, to)) in segments.iter().zip(times) {
        assert!(near(&segment["start"], *from) && near(&segment["end"], *to), "{what}: {segment}, not {from} to {to}");
        assert_eq!(segment["text"], "");
    }
    assert_eq!(end["transcript"], "");
    let turns = ["vad.speech_start", "vad.speech_end"].repeat(times.len());
    assert_eq!(kinds(said), [&["warning"][..], &turns, &["session.end"]].concat(), "{what}");
}

#[tokio::test]
async fn a_spoken_file_gives_starts_and_ends_of_speech_and_an_end_that_lists_them() {
    let (app, secret) = listening().await;
    let (wav, times) = wav::spoken();
    for piece in [441, 44_100, 60_001] {
        let said = heard(&app, &secret, "?sample_rate=22050", &wav[44..], piece).await;
        found(&said, &times, &format!("pieces of {piece}"));
        let duration = (wav.len() - 44) as f64 / 44_100.0;
        assert!((said.last().unwrap()["total_duration"].as_f64().unwrap() - duration).abs() < 0.001);
    }
}

#[tokio::test]
async fn every_encoding_is_heard() {
    let (app, secret) = listening().await;
    let (wav, times) = wav::spoken();
    let samples: Vec<i16> = wav[44..].chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect();
    let float: Vec<u8> = samples.iter().flat_map(|it| (f32::from(*it) / 32_768.0).to_le_bytes()).collect();
    let said = heard(&app, &secret, "?sample_rate=22050&encoding=pcm_f32le", &float, 50_000).await;
    found(&said, &times, "floating point");
    // Every sample as the nearest that a table has.
    for (name, table) in [("mulaw", mulaw as fn(u8) -> i32), ("alaw", alaw)] {
        let all: Vec<(i32, u8)> = (0..=255).map(|byte| (table(byte), byte)).collect();
        let nearest = |sample: i16| all.iter().min_by_key(|(value, _)| (value - i32::from(sample)).abs()).unwrap().1;
        let bytes: Vec<u8> = samples.iter().map(|sample| nearest(*sample)).collect();
        let said = heard(&app, &secret, &format!("?sample_rate=22050&encoding={name}"), &bytes, 50_000).await;
        found(&said, &times, name);
    }
}

/// G.711 as its recommendation words it: sign, segment, interval.
fn mulaw(byte: u8) -> i32 {
    let (segment, interval) = (i32::from(!byte >> 4 & 7), i32::from(!byte & 15));
    let value = (2 * interval + 33) * (1 << segment) - 33;
    4 * if byte & 0x80 == 0 { -value } else { value }
}

fn alaw(byte: u8) -> i32 {
    let byte = byte ^ 0x55;
    let (segment, interval) = (i32::from(byte >> 4 & 7), i32::from(byte & 15));
    let value = if segment == 0 { 2 * interval + 1 } else { (2 * interval + 33) << (segment - 1) };
    8 * if byte & 0x80 == 0 { -value } else { value }
}

#[tokio::test]
async fn silence_is_no_speech_and_an_end_without_audio_is_one() {
    let (app, secret) = listening().await;
    let said = heard(&app, &secret, "", &vec![0; 32_000 * 3], 3_200).await;
    assert_eq!(kinds(&said), ["warning", "session.end"]);
    assert_eq!((&said[1]["total_duration"], &said[1]["total_speech_duration"]), (&json!(3.0), &json!(0.0)));
    let said = heard(&app, &secret, "", &[], 1).await;
    assert_eq!((&said[1]["total_duration"], &said[1]["segments"]), (&json!(0.0), &json!([])));
}

#[tokio::test]
async fn a_flush_ends_speech_where_it_is_and_a_clear_forgets_it() {
    let (app, secret) = listening().await;
    let (wav, times) = wav::spoken();
    let middle = ((times[0].0 + times[0].1) / 2.0 * 22_050.0) as usize * 2;
    let mut socket = Socket::open(app.address, "?sample_rate=22050", &[("x-api-key", &secret)]).await.unwrap();
    for piece in wav[44..44 + middle].chunks(50_000) {
        socket.play(piece).await;
    }
    socket.say(r#"{"type":"config","language":"de"}"#).await;
    socket.say(r#"{"type":"flush"}"#).await;
    let said = socket.until("vad.speech_end").await;
    let at = said.last().unwrap()["timestamp"].as_f64().unwrap();
    assert!((at - middle as f64 / 44_100.0).abs() < 0.2, "{at}");

    let mut socket = Socket::open(app.address, "?sample_rate=22050", &[("x-api-key", &secret)]).await.unwrap();
    for piece in wav[44..44 + middle].chunks(50_000) {
        socket.play(piece).await;
    }
    socket.say(r#"{"type":"clear"}"#).await;
    socket.say(r#"{"type":"end"}"#).await;
    let said = socket.until("session.end").await;
    let end = said.last().unwrap();
    assert_eq!(end["segments"], json!([]), "what was cleared is not told");
    assert!((end["total_duration"].as_f64().unwrap() - middle as f64 / 44_100.0).abs() < 0.001, "time goes on");
}

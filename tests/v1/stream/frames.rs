//! Frames that no library would send: closed with the code that RFC 6455 has for them, never a panic.

use dalston_gateway::Pace;
use kit::{
    app::{App, Start},
    client::Client,
    raw::{Frame, Raw},
    socket::{REALTIME, STREAM, Socket},
    workers::Echo,
};
use std::time::Duration;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const FRAME: usize = 64 * 1024;
const MESSAGE: usize = 1024 * 1024;

async fn streaming() -> (App, String) {
    let app = Start::default().worker(Echo).start().await;
    let secret = app.key("realtime").await.secret.unwrap();
    (app, secret)
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    Frame { first, masked: true, payload }.bytes()
}

/// The code with which the stream closes after these bytes; the connection ends too, and the gateway goes on.
async fn code_after(app: &App, secret: &str, path: &str, bytes: &[u8]) -> u16 {
    let mut raw = Raw::upgrade(app.address, path, secret).await;
    // It may close before it has read all.
    let _ = raw.try_send(bytes).await;
    let code = raw.close_code().await;
    raw.ended().await;
    Socket::begun(app.address, secret).await;
    code
}

#[tokio::test]
async fn frames_against_the_protocol_close_with_1002() {
    let (app, secret) = streaming().await;
    let long = [0; 126];
    for (bytes, why) in [
        (Frame { first: BINARY, masked: false, payload: b"audio" }.bytes(), "not masked"),
        (frame(BINARY | 0x40, b"audio"), "a reserved bit"),
        (frame(0x83, b""), "an unknown opcode"),
        (frame(0x8b, b""), "an unknown control opcode"),
        (frame(0x80, b"more"), "a continuation of nothing"),
        ([frame(0x02, b"first"), frame(BINARY, b"another")].concat(), "a message within a message"),
        (frame(0x89, &long), "a long ping"),
        (frame(0x09, b"ping"), "a ping in pieces"),
        (frame(0x88, b"x"), "half a close code"),
        (frame(0x88, &[3, 0xed]), "a close code that is none"),
        ([&[TEXT, 0xfe, 0, 2], &[0; 4][..], b"{}"].concat(), "a length in two bytes that has room in one"),
        ([&[TEXT, 0xff, 0, 0, 0, 0, 0, 0, 0, 2], &[0; 4][..], b"{}"].concat(), "a length in eight bytes"),
    ] {
        assert_eq!(code_after(&app, &secret, STREAM, &bytes).await, 1002, "WS-04 {why}");
    }
}

#[tokio::test]
async fn text_that_is_not_utf_8_closes_with_1007() {
    let (app, secret) = streaming().await;
    assert_eq!(code_after(&app, &secret, STREAM, &frame(TEXT, b"\"\xff\"")).await, 1007, "WS-04");
    let pieces = [frame(0x01, b"\"\xc3"), frame(0x80, b"\"")].concat();
    assert_eq!(code_after(&app, &secret, STREAM, &pieces).await, 1007, "WS-04 in pieces");
}

#[tokio::test]
async fn a_frame_or_message_that_is_too_large_closes_with_1009() {
    let (app, secret) = streaming().await;
    assert_eq!(code_after(&app, &secret, STREAM, &frame(BINARY, &vec![0; FRAME + 1])).await, 1009, "WS-05");
    let piece = vec![0; FRAME];
    let mut message = frame(0x02, &piece);
    for _ in 0..MESSAGE / FRAME {
        message.extend(frame(0x00, &piece));
    }
    assert_eq!(code_after(&app, &secret, STREAM, &message).await, 1009, "WS-05 in pieces");
}

#[tokio::test]
async fn a_huge_frame_is_refused_by_its_head_before_it_arrives() {
    let (app, secret) = streaming().await;
    for length in [FRAME as u64 + 1, 1 << 30, 1 << 62, u64::MAX] {
        let head = [&[BINARY, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
        assert_eq!(code_after(&app, &secret, STREAM, &head).await, 1009, "WS-05 {length}");
    }
}

#[tokio::test]
async fn a_message_in_pieces_is_one_message_and_as_large_as_allowed() {
    let (app, secret) = streaming().await;
    let mut raw = Raw::upgrade(app.address, STREAM, &secret).await;
    let piece = vec![0; FRAME];
    raw.send(frame(0x02, &piece)).await;
    for _ in 1..MESSAGE / FRAME - 1 {
        raw.send(frame(0x00, &piece)).await;
        // A ping may come in between, and an empty piece.
        raw.send(frame(0x89, b"in between")).await;
        raw.send(frame(0x00, b"")).await;
    }
    raw.send(frame(0x80, &piece)).await;
    raw.send(frame(TEXT, br#"{"type":"end"}"#)).await;
    let texts = raw.texts_until_closed().await;
    assert!(texts[1].contains(&format!("\"{MESSAGE}\"")), "{texts:?}");
    assert!(texts[2].contains("session.end"), "{texts:?}");
}

#[tokio::test]
async fn a_close_of_the_client_is_answered() {
    let (app, secret) = streaming().await;
    let mut raw = Raw::upgrade(app.address, STREAM, &secret).await;
    raw.send(frame(0x88, &1000_u16.to_be_bytes())).await;
    raw.ended().await;
    Socket::begun(app.address, &secret).await;
}

/// Both routes of sockets: the stream, and OpenAI's.
const SOCKETS: [&str; 2] = [STREAM, REALTIME];

#[tokio::test]
async fn a_message_of_more_than_a_thousand_fragments_closes_with_1009() {
    let (app, secret) = streaming().await;
    for path in SOCKETS {
        for content in [&b"x"[..], b""] {
            let many = [frame(0x01, content), frame(0x00, content).repeat(1_000)].concat();
            assert_eq!(code_after(&app, &secret, path, &many).await, 1009, "WS-05 {path}");
        }
    }
}

#[tokio::test]
async fn a_message_of_a_thousand_fragments_is_one_message() {
    let (app, secret) = streaming().await;
    for (path, message, answer) in
        [(STREAM, r#"{"type":"end"}"#, "session.end"), (REALTIME, r#"{"type":"no.such.event"}"#, r#""type":"error""#)]
    {
        let mut raw = Raw::upgrade(app.address, path, &secret).await;
        let (first, last) = message.as_bytes().split_at(1);
        let fragments = [frame(0x01, first), frame(0x00, b"").repeat(998), frame(0x80, last)].concat();
        raw.send(fragments).await;
        raw.text().await;
        let text = raw.text().await;
        assert!(text.contains(answer), "{path}: {text}");
    }
}

/// A gateway whose sockets take 1,000 frames in this time, and a key.
async fn paced(frames: Duration) -> (App, Client) {
    let app = Start::default().worker(Echo).pace(Pace { frames, ..Pace::default() }).start().await;
    let client = app.key("realtime").await;
    (app, client)
}

#[tokio::test]
async fn a_flood_of_messages_waits_and_is_no_error() {
    // A second that is never over: no more than a thousand are taken.
    let (app, client) = paced(Duration::from_hours(1)).await;
    for path in SOCKETS {
        let key = app.key("realtime").await;
        let mut raw = Raw::upgrade(app.address, path, key.secret.as_ref().unwrap()).await;
        raw.send(frame(0x89, b"").repeat(1_500)).await;
        raw.pongs(1_000).await;
        // Others are served: there was time enough to take more.
        for _ in 0..50 {
            client.get("/auth/me").await.expect(200);
        }
        app.key("admin").await.delete(&format!("/auth/keys/{}", key.id.unwrap())).await.expect(200);
        assert_eq!(raw.pongs_until_closed().await, (0, 4001), "WS-06 {path}");
    }
    // A short one: those that wait are taken in the next.
    let (app, client) = paced(Duration::from_millis(1)).await;
    for path in SOCKETS {
        let mut raw = Raw::upgrade(app.address, path, client.secret.as_ref().unwrap()).await;
        raw.send(frame(0x89, b"").repeat(5_000)).await;
        raw.pongs(5_000).await;
    }
}

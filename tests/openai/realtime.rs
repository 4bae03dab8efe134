//! `GET /openai/v1/realtime?intent=transcription`: OpenAI's realtime protocol over the same streams.

use base64::{Engine, engine::general_purpose::STANDARD};
use dalston_model::{Day, TenantId};
use dalston_stream::{
    BuiltinWorker, ClientFrame, StreamConfig, VadWorker, WorkerEnd, WorkerEvent, WorkerEventKind, WorkerLink,
};
use dalston_work::{AudioAmount, QuotaOwner, SessionId, UsageAccount, UsageSource};
use kit::{
    app::{App, Start},
    log,
    process::eventually,
    socket::{REALTIME, Socket},
    stores, wav,
    worker_server::{Manners, WorkerServer},
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Takes each message of audio for the same two words, and says them again at a flush.
#[derive(Clone, Default)]
pub(super) struct Scribe(Arc<Mutex<Vec<String>>>);

impl BuiltinWorker for Scribe {
    fn serve(&self, _: SessionId, config: &StreamConfig) -> WorkerLink {
        let StreamConfig { language, model, encoding, sample_rate } = config;
        self.0.lock().unwrap().push(format!("{language} {model} {} {sample_rate}", encoding.as_str()));
        let (link, WorkerEnd { mut heard, say }) = WorkerLink::pair();
        let seen = self.0.clone();
        tokio::spawn(async move {
            while let Some(frame) = heard.recv().await {
                let said = match frame {
                    ClientFrame::Audio(_) => vec![
                        WorkerEvent::new(WorkerEventKind::SpeechStart, json!({"timestamp": 0.1})),
                        WorkerEvent::new(WorkerEventKind::Partial, json!({"text": "hello"})),
                        WorkerEvent::new(WorkerEventKind::Partial, json!({"text": "hello world"})),
                        WorkerEvent::new(WorkerEventKind::SpeechEnd, json!({"timestamp": 0.9})),
                        WorkerEvent::new(
                            WorkerEventKind::Final,
                            json!({"text": "hello world.", "start": 0.25, "end": 0.75}),
                        ),
                    ],
                    ClientFrame::Control(text) => {
                        seen.lock().unwrap().push(text.to_string());
                        match text.as_ref() {
                            r#"{"type":"end"}"# => vec![WorkerEvent::new(WorkerEventKind::End, json!({}))],
                            _ => vec![],
                        }
                    }
                };
                for said in said {
                    if say.send(said).await.is_err() {
                        return;
                    }
                }
            }
        });
        link
    }
}

/// A session of a client that sends these headers, and what it hears first. Without a query it asks for a transcription.
async fn begun(app: &App, query: &str, headers: &[(&str, &str)]) -> (Value, Socket) {
    let secret = app.key("realtime").await.secret.unwrap();
    let path = if query.is_empty() { REALTIME.to_owned() } else { format!("/openai/v1/realtime{query}") };
    let headers = [headers, &[("x-api-key", &secret)]].concat();
    let mut socket = Socket::at(app.address, &path, &headers).await.unwrap();
    (socket.hear().await, socket)
}

async fn open(worker: impl BuiltinWorker + 'static) -> (App, Socket) {
    let app = Start::default().worker(worker).start().await;
    let (created, socket) = begun(&app, "", &[]).await;
    assert_eq!(created["type"], "session.created");
    let session = &created["session"];
    assert!(session["id"].as_str().unwrap().starts_with("sess_"), "{session}");
    assert_eq!(
        (&session["type"], &session["object"]),
        (&json!("transcription"), &json!("realtime.transcription_session"))
    );
    let input = &session["audio"]["input"];
    assert_eq!(input["format"], json!({"type": "audio/pcm", "rate": 24_000}));
    assert_eq!(input["turn_detection"]["type"], "server_vad");
    (app, socket)
}

fn append(audio: &[u8]) -> String {
    json!({"type": "input_audio_buffer.append", "audio": STANDARD.encode(audio)}).to_string()
}

/// What was heard, without the ids of events, and items by the order in which they were named.
async fn hear(socket: &mut Socket, count: usize) -> Vec<Value> {
    let (mut heard, mut items, mut events): (_, Vec<String>, Vec<String>) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..count {
        let mut event = socket.hear().await;
        let id = event.as_object_mut().unwrap().shift_remove("event_id").unwrap().as_str().unwrap().to_owned();
        assert!(id.starts_with("event_") && !events.contains(&id), "{id}");
        events.push(id);
        for name in ["/item_id", "/previous_item_id", "/item/id"] {
            if let Some(value) = event.pointer_mut(name)
                && let Some(id) = value.as_str().map(str::to_owned)
            {
                assert!(id.starts_with("item_"), "{id}");
                if !items.contains(&id) {
                    items.push(id.clone());
                }
                *value = items.iter().position(|it| *it == id).into();
            }
        }
        heard.push(event);
    }
    heard
}

const DELTA: &str = "conversation.item.input_audio_transcription.delta";
const COMPLETED: &str = "conversation.item.input_audio_transcription.completed";
const FAILED: &str = "conversation.item.input_audio_transcription.failed";

/// The events of an item that was made, with these words of the protocol.
fn item(id: usize, previous: &Value, kinds: &[&str]) -> Vec<Value> {
    let committed = json!({"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": id});
    let content = json!([{"type": "input_audio", "transcript": null}]);
    let made = kinds.iter().map(|kind| {
        json!({"type": kind, "previous_item_id": previous, "item": {
            "id": id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user",
            "content": content,
        }})
    });
    [committed].into_iter().chain(made).collect()
}

const BETA: (&str, &str) = ("openai-beta", "realtime=v1");

fn of_item(kind: &str, id: usize, name: &str, text: &str) -> Value {
    json!({"type": kind, "item_id": id, "content_index": 0, name: text})
}

#[tokio::test]
async fn speech_makes_items_with_deltas_and_a_transcript_each() {
    let (app, current) = open(Scribe::default()).await;
    let (_, beta) = begun(&app, "", &[BETA]).await;
    for (mut socket, kinds) in
        [(current, &["conversation.item.added", "conversation.item.done"][..]), (beta, &["conversation.item.created"])]
    {
        for _ in 0..2 {
            socket.say(&append(&[0; 4_800])).await;
        }
        let mut wanted = Vec::new();
        for (id, previous) in [(0, Value::Null), (1, json!(0))] {
            let mut completed = of_item(COMPLETED, id, "transcript", "hello world.");
            completed["usage"] = json!({"type": "duration", "seconds": 0.5});
            wanted.extend([
                json!({"type": "input_audio_buffer.speech_started", "audio_start_ms": 100, "item_id": id}),
                of_item(DELTA, id, "delta", "hello"),
                of_item(DELTA, id, "delta", " world"),
                json!({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900, "item_id": id}),
            ]);
            wanted.extend(item(id, &previous, kinds));
            wanted.extend([of_item(DELTA, id, "delta", "."), completed]);
        }
        assert_eq!(hear(&mut socket, wanted.len()).await, wanted);
    }
}

#[tokio::test]
async fn the_names_of_the_beta_are_for_who_says_so() {
    let (app, _) = open(Scribe::default()).await;
    let protocols = ("sec-websocket-protocol", "realtime, openai-beta.realtime-v1");
    for (headers, is_beta) in [
        (&[][..], false),
        (&[("openai-beta", "assistants=v2")], false),
        (&[("openai-beta", "realtime=v2")], false),
        (&[("sec-websocket-protocol", "realtime")], false),
        (&[BETA], true),
        (&[("openai-beta", "assistants=v2, Realtime=V1")], true),
        (&[("openai-beta", "assistants=v2"), BETA], true),
        (&[protocols], true),
    ] {
        let (created, mut socket) = begun(&app, "", headers).await;
        let (kind, session) = (&created["type"], &created["session"]);
        if is_beta {
            assert_eq!(kind, "transcription_session.created", "{headers:?}");
            assert_eq!((&session["input_audio_format"], &session["type"]), (&json!("pcm16"), &Value::Null));
        } else {
            assert_eq!(kind, "session.created", "{headers:?}");
            assert_eq!(session["type"], "transcription");
        }
        // An update without a type is the beta's, in the names that the client knows.
        socket.say(r#"{"type":"session.update","session":{"turn_detection":null}}"#).await;
        let updated = socket.hear().await;
        assert_eq!(updated["type"], "session.updated");
        assert_eq!(updated["session"]["audio"].is_null(), is_beta, "{updated}");
    }
}

#[tokio::test]
async fn a_model_in_the_url_is_the_one_that_transcribes() {
    let scribe = Scribe::default();
    let (app, _) = open(scribe.clone()).await;
    for (query, model) in [
        ("?model=gpt-realtime", "fast"),
        ("?model=gpt-4o-transcribe&intent=transcription", "fast"),
        ("?model=whisper-1", "fast"),
        ("?model=exact", "exact"),
        ("?intent=transcription&model=", "fast"),
        ("?", "fast"),
        ("//?intent=transcription", "fast"),
    ] {
        let (created, _socket) = begun(&app, query, &[]).await;
        assert_eq!(created["type"], "session.created", "{query}");
        let wanted = format!("auto {model} pcm_s16le 24000");
        let seen = scribe.0.lock().unwrap();
        assert_eq!(seen.iter().rfind(|it| it.starts_with("auto ")), Some(&wanted), "{query}");
    }
}

#[tokio::test]
async fn a_client_that_commits_itself_gets_what_stands_by_then() {
    let scribe = Scribe::default();
    let (_app, mut socket) = open(scribe.clone()).await;
    let update = json!({"type": "transcription_session.update", "session": {"turn_detection": null}});
    socket.say(&update.to_string()).await;
    let updated = socket.hear().await;
    assert_eq!(
        (&updated["type"], &updated["session"]["turn_detection"]),
        (&json!("transcription_session.updated"), &json!(null))
    );
    let commit = r#"{"type":"input_audio_buffer.commit"}"#;
    socket.say(&append(&[0; 4_800])).await;
    socket.say(commit).await;
    let heard = socket.until(COMPLETED).await;
    let kinds: Vec<&str> = heard.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..2], ["input_audio_buffer.committed", "conversation.item.added"], "no event of voice");
    let deltas: String = heard.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!((deltas.as_str(), &heard.last().unwrap()["transcript"]), ("hello world.", &json!("hello world.")));
    socket.say(&append(&[0; 4_800])).await;
    socket.say(r#"{"type":"input_audio_buffer.clear"}"#).await;
    assert_eq!(socket.hear().await["type"], "input_audio_buffer.cleared");
    let empty = r#"{"type":"input_audio_buffer.commit","event_id":"mine_1"}"#;
    socket.say(empty).await;
    let refused = socket.hear().await;
    assert_eq!(
        (&refused["error"]["code"], &refused["error"]["event_id"]),
        (&json!("input_audio_buffer_commit_empty"), &json!("mine_1"))
    );
    let seen = ["auto fast pcm_s16le 24000", r#"{"type":"flush"}"#, r#"{"type":"clear"}"#];
    assert_eq!(*scribe.0.lock().unwrap(), seen);
}

#[tokio::test]
async fn a_session_is_updated_in_either_names_and_before_audio_the_format_too() {
    let scribe = Scribe::default();
    let (app, mut socket) = open(scribe.clone()).await;
    let newer = json!({"type": "session.update", "session": {"type": "transcription", "audio": {"input": {
        "format": {"type": "audio/pcmu"},
        "transcription": {"model": "gpt-4o-mini-transcribe", "language": "de"},
    }}}});
    socket.say(&newer.to_string()).await;
    let updated = socket.hear().await;
    assert_eq!(updated["type"], "session.updated");
    let session = &updated["session"];
    assert_eq!(
        (&session["type"], &session["audio"]["input"]["format"]["type"]),
        (&json!("transcription"), &json!("audio/pcmu"))
    );
    assert_eq!(session["audio"]["input"]["transcription"]["model"], "gpt-4o-mini-transcribe");
    socket.say(&append(&[0xff; 800])).await;
    socket.until(COMPLETED).await;
    let older = |session: Value| json!({"type": "transcription_session.update", "session": session}).to_string();
    socket.say(&older(json!({"input_audio_format": "pcm16"}))).await;
    assert_eq!(socket.hear().await["error"]["param"], "session.input_audio_format", "audio was sent");
    socket.say(&older(json!({"input_audio_transcription": {"model": "exact", "language": "fr"}}))).await;
    assert_eq!(socket.hear().await["session"]["input_audio_transcription"]["language"], "fr");
    socket.say(&append(&[0xff; 800])).await;
    socket.until(COMPLETED).await;
    let seen = scribe.0.lock().unwrap().clone();
    let wanted = [
        "auto fast pcm_s16le 24000",
        r#"{"type":"end"}"#,
        "de fast mulaw 8000",
        r#"{"type":"config","language":"fr","model":"exact"}"#,
    ];
    // The first worker hears of its end by its link, or not at all: it has heard nothing yet.
    assert_eq!(
        seen.into_iter().filter(|it| !it.contains("end")).collect::<Vec<_>>(),
        [wanted[0], wanted[2], wanted[3]]
    );
    assert_eq!(app.runtime.services.streams.count(&"default".parse().unwrap()), 1);
}

#[tokio::test]
async fn the_built_in_worker_finds_speech_and_says_that_no_transcript_comes() {
    let (_app, mut socket) = open(VadWorker).await;
    let (wav, times) = wav::spoken();
    // 22,050 samples a second, taken for 24,000: a little faster and higher.
    for piece in wav[44..].chunks(9_600) {
        socket.say(&append(piece)).await;
    }
    let heard = hear(&mut socket, 12).await;
    let kinds: Vec<&str> = heard.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let once = [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        FAILED,
    ];
    assert_eq!(kinds, once.repeat(2));
    assert_eq!(heard[5]["error"]["code"], "no_transcript");
    assert!(heard[5]["error"]["message"].as_str().unwrap().contains("PUT /v1/workers/"), "{}", heard[5]);
    let start = heard[0]["audio_start_ms"].as_f64().unwrap() / 1_000.0 * 24_000.0 / 22_050.0;
    assert!((start - times[0].0).abs() < 0.4, "{start}");
}

#[tokio::test]
async fn what_is_no_event_is_refused_and_the_session_goes_on() {
    let (_app, mut socket) = open(Scribe::default()).await;
    for (wrong, code, param) in [
        ("nonsense", "invalid_event", "type"),
        (r#"{"type":"response.create"}"#, "invalid_event", "type"),
        (r#"{"type":"conversation.item.create"}"#, "invalid_event", "type"),
        (r#"{"type":"session.update","session":{"type":"realtime"}}"#, "invalid_value", "session.type"),
        (r#"{"type":"session.update","session":{"type":"translation"}}"#, "invalid_value", "session.type"),
        (r#"{"type":"session.update","session":{"type":5}}"#, "invalid_value", "session.type"),
        (
            r#"{"type":"session.update","session":{"type":"transcription","audio":{"input":{"format":{"type":"audio/opus"}}}}}"#,
            "invalid_value",
            "session.audio.input.format",
        ),
        (
            r#"{"type":"transcription_session.update","session":{"input_audio_format":"opus"}}"#,
            "invalid_value",
            "session.input_audio_format",
        ),
        (r#"{"type":"input_audio_buffer.append","audio":"***"}"#, "invalid_value", "audio"),
        (r#"{"type":"input_audio_buffer.append"}"#, "invalid_value", "audio"),
    ] {
        socket.say(wrong).await;
        let error = socket.hear().await;
        assert_eq!((&error["type"], &error["error"]["type"]), (&json!("error"), &json!("invalid_request_error")));
        assert_eq!((&error["error"]["code"], &error["error"]["param"]), (&json!(code), &json!(param)), "{wrong}");
        let is_told = error["error"]["message"].as_str().unwrap().contains("session.type must be transcription");
        let of_conversations = ["response.", "conversation.", "\"realtime\"", "\"translation\"", ":5}"];
        assert_eq!(is_told, of_conversations.iter().any(|it| wrong.contains(it)), "{wrong}");
    }
    socket.play(&[0; 10]).await;
    assert_eq!(socket.hear().await["error"]["code"], "invalid_event");
    socket.say(&append(&[0; 4_800])).await;
    assert_eq!(socket.hear().await["type"], "input_audio_buffer.speech_started");
}

#[tokio::test]
async fn keys_and_tickets_come_in_the_subprotocol_as_clients_in_browsers_send_them() {
    let app = Start::default().worker(Scribe::default()).start().await;
    let key = app.key("realtime").await;
    let ask = json!({"path": "/openai/v1/realtime"});
    let ticket = key.post("/auth/tickets", ask).await.expect(201).json["ticket"].as_str().unwrap().to_owned();
    log::guard(&ticket);
    for secret in [key.secret.as_ref().unwrap(), &ticket] {
        let offer = format!("realtime, openai-insecure-api-key.{secret}, openai-beta.realtime-v1");
        let mut socket = Socket::at(app.address, REALTIME, &[("sec-websocket-protocol", &offer)]).await.unwrap();
        assert_eq!(socket.protocol, "realtime");
        assert_eq!(socket.hear().await["type"], "transcription_session.created");
    }
    let mut none = Socket::at(app.address, REALTIME, &[("sec-websocket-protocol", "realtime")]).await.unwrap();
    assert_eq!(none.closed().await, (4001, "Invalid API key".to_owned()));
}

#[tokio::test]
async fn a_session_ends_with_its_key_and_only_transcription_is_served() {
    let (app, mut socket) = open(Scribe::default()).await;
    let key = app.key("admin").await;
    let keys = key.get("/auth/keys").await.expect(200).json;
    let realtime = keys.as_array().unwrap().iter().find(|key| key["scopes"] == json!(["realtime"])).unwrap();
    key.delete(&format!("/auth/keys/{}", realtime["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(socket.closed().await, (4001, "Invalid API key".to_owned()));
    let secret = app.key("realtime").await.secret.unwrap();
    let intent = "intent must be transcription: no other can be served";
    let other = "intent or model is not well-formed";
    for (query, wanted) in [
        ("intent=conversation", intent),
        ("intent=Transcription", intent),
        ("model=a%20b", other),
        ("intent=transcription&intent=transcription", other),
    ] {
        let path = format!("/openai/v1/realtime?{query}");
        let mut socket = Socket::at(app.address, &path, &[("x-api-key", &secret)]).await.unwrap();
        let error = socket.hear().await["error"].clone();
        assert_eq!((&error["code"], &error["message"]), (&json!("invalid_parameters"), &json!(wanted)), "{query}");
        assert_eq!(socket.closed().await, (1008, wanted.to_owned()), "who sends at once sees the close alone");
    }
}

#[tokio::test]
async fn a_session_that_no_worker_can_change_to_is_settled_once() {
    let fixture = stores::memory().await;
    let store = fixture.store.clone();
    let worker = WorkerServer::start(Manners::Good).await;
    let app = Start::default().on(fixture).start().await;
    let client = app.key("realtime,worker").await;
    let about = json!({"url": worker.url, "capacity": 4, "models": ["fast"]});
    client.put("/v1/workers/only", about).await.expect(200);
    let (tenant, day) = (TenantId::default(), Day::of(app.clock_now()));
    let account = UsageAccount { tenant: tenant.clone(), key: client.id, day, of: UsageSource::Streams };
    store.reserve_audio(&account, AudioAmount::Whole(20_000)).await.unwrap();

    let bearer = format!("Bearer {}", client.secret.as_ref().unwrap());
    let mut socket = Socket::at(app.address, REALTIME, &[("authorization", &bearer)]).await.unwrap();
    assert_eq!(socket.hear().await["type"], "session.created");
    let other =
        json!({"type": "transcription_session.update", "session": {"input_audio_transcription": {"model": "other"}}});
    socket.say(&other.to_string()).await;
    socket.until("error").await;
    assert_eq!(socket.closed().await.0, 1013);
    eventually("it is over", async || app.runtime.services.streams.count(&tenant) == 0).await;
    app.runtime.run_upkeep_once().await;
    let metered = store.metered(&QuotaOwner::Tenant(tenant.clone()), day).await.unwrap();
    assert_eq!(metered[0].streams_ms, 20_000, "what was reserved for it is given back once");
}

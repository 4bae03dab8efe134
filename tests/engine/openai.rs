//! An OpenAI-compatible server as the engine.

use super::{Desk, Kept};
use dalston_engine::{Engine, EngineError, OpenAi};
use dalston_model::{Clock, ManualClock, SystemClock, Timestamp};
use kit::{
    engine_server::{Answers, EngineServer, KEY, MODELS, TEXT},
    wav,
};
use serde_json::json;
use std::{net::TcpListener, sync::Arc, time::Duration};
use tokio::sync::watch;

fn engine(server: &EngineServer, model: Option<&str>) -> OpenAi {
    OpenAi::new(&server.url, model, Some(KEY), Arc::new(SystemClock)).unwrap()
}

#[tokio::test]
async fn the_file_and_the_options_reach_the_server_and_segments_and_words_come_back() {
    let server = EngineServer::start();
    let audio = wav::tone(2);
    let desk = Desk::new(&audio);
    let mut work = desk.work();
    (work.filename, work.language) = (Some("talk".to_owned()), Some("en".to_owned()));
    work.options.words = true;
    work.options.prompt = Some("Dalston".to_owned());
    work.options.temperature = Some(0.25);
    let (summary, kept) = desk.transcribe(&engine(&server, None), &work).await;
    let summary = summary.unwrap();
    let heard = server.last();
    assert_eq!(heard.audio, audio);
    assert_eq!((heard.filename.as_str(), heard.task.as_str()), ("talk.wav", "transcriptions"));
    assert_eq!(heard.authorization, format!("Bearer {KEY}"));
    assert_eq!(heard.all("timestamp_granularities[]"), ["segment", "word"]);
    for (field, value) in [("model", "whisper-1"), ("language", "en"), ("prompt", "Dalston"), ("temperature", "0.25")] {
        assert_eq!(heard.all(field), [value]);
    }
    assert_eq!(kept.texts(), ["Good morning.", "Nobody knows <what> happens & why."]);
    assert_eq!(kept.times(), [(1.0005, 2.25), (3.5, 5.0)]);
    let words: Vec<Vec<&str>> =
        kept.segments.iter().map(|segment| segment.words.iter().map(|word| word.word.as_str()).collect()).collect();
    assert_eq!(words, [["Good", "morning"], ["Nobody", "knows"]]);
    assert!((kept.segments[0].confidence.unwrap() - (-0.25_f64).exp()).abs() < 1e-9);
    assert_eq!((summary.engine.as_str(), summary.segments, summary.duration), ("openai", 2, Some(2.0)));
    assert_eq!((summary.language.as_deref(), summary.model.as_deref()), (Some("english"), Some("whisper-1")));
}

#[tokio::test]
async fn the_server_is_given_the_ending_and_the_type_of_what_the_file_is() {
    let server = EngineServer::start();
    let desk = Desk::new(&wav::tone(1));
    for (name, format, right, media_type) in [
        (Some("PTT-1.opus"), "ogg", "PTT-1.ogg", Some("audio/ogg")),
        (Some("a.wav"), "webm", "a.webm", Some("audio/webm")),
        (Some("audio.m4a.tmp"), "mp4", "audio.m4a.mp4", Some("audio/mp4")),
        (Some("rec."), "mp3", "rec.mp3", Some("audio/mpeg")),
        (Some("clip.qt"), "mp4", "clip.mp4", Some("audio/mp4")),
        (Some("گفتگو.WAV"), "amr", "گفتگو.amr", Some("audio/amr")),
        (None, "flac", "audio.flac", Some("audio/flac")),
        (Some("a.wav"), "of old", "a.wav", None),
    ] {
        let mut work = desk.work();
        (work.filename, work.about.format) = (name.map(str::to_owned), format.to_owned());
        desk.transcribe(&engine(&server, None), &work).await.0.unwrap();
        let heard = server.last();
        assert_eq!((heard.filename.as_str(), heard.media_type.as_deref()), (right, media_type), "{name:?}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_segments_in_either_way_is_asked_for_the_text() {
    let server = EngineServer::start();
    let desk = Desk::new(&wav::tone(1));
    for status in [400, 422] {
        server.answers([Answers::Raw(status, "{}".to_owned())]);
        let (summary, kept) = desk.transcribe(&engine(&server, None), &desk.work()).await;
        summary.unwrap();
        assert!(!kept.texts().is_empty(), "{status}");
        assert_eq!(server.last().all("response_format"), ["json"], "{status}");
    }
}

#[tokio::test]
async fn a_translation_has_no_language_and_a_server_without_segments_gives_the_text() {
    let server = EngineServer::start();
    server.forget_verbose();
    let desk = Desk::new(&wav::tone(2));
    let mut work = desk.work();
    work.language = Some("de".to_owned());
    work.options.translate = true;
    let (summary, kept) = desk.transcribe(&engine(&server, Some("large")), &work).await;
    assert_eq!(kept.texts(), [TEXT]);
    assert_eq!(kept.times(), [(0.0, 2.0)]);
    assert_eq!(summary.unwrap().duration, Some(2.0));
    let heard = server.heard();
    assert_eq!(heard.len(), 2);
    for request in &heard {
        assert_eq!((request.task.as_str(), request.all("model")), ("translations", vec!["large"]));
        assert!(request.all("language").is_empty());
    }
    assert_eq!(heard[1].all("response_format"), ["json"]);
}

#[tokio::test]
async fn a_model_of_the_client_is_asked_for_where_the_server_has_it() {
    let server = EngineServer::start();
    let desk = Desk::new(&wav::tone(1));
    for (setting, wanted, asked) in [
        (Some("large"), Some(MODELS[1]), MODELS[1]),
        (Some("large"), Some("gpt-4o-transcribe"), "large"),
        (None, Some("gpt-4o-transcribe"), "gpt-4o-transcribe"),
        (Some("large"), None, "large"),
    ] {
        let mut work = desk.work();
        work.model = wanted.map(str::to_owned);
        desk.transcribe(&engine(&server, setting), &work).await.0.unwrap();
        assert_eq!(server.last().all("model"), [asked], "{setting:?}, {wanted:?}");
    }
    assert_eq!(engine(&server, None).models().await, MODELS);
}

#[tokio::test]
async fn the_list_of_models_is_cached_for_a_minute() {
    const MINUTE: Duration = Duration::from_mins(1);
    const MOMENT: Duration = Duration::from_micros(1);
    let server = EngineServer::start();
    let clock = ManualClock::new(Timestamp::from_secs(0));
    let engine = OpenAi::new(&server.url, None, Some(KEY), clock.clone()).unwrap();
    for (passes, lists) in [(Duration::ZERO, 1), (MINUTE - MOMENT, 1), (MOMENT, 2), (MINUTE - MOMENT, 2), (MINUTE, 3)] {
        clock.advance(passes);
        assert_eq!(engine.models().await, MODELS);
        assert_eq!(server.lists(), lists, "after {:?}", clock.monotonic());
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_will_not_is_refused_without_a_word_of_the_server() {
    let server = EngineServer::start();
    let desk = Desk::new(&wav::tone(1));
    let engine = engine(&server, None);
    for status in [301, 307, 401, 403, 404, 408, 429, 500, 502, 503] {
        server.answers([Answers::Raw(status, "secret".to_owned())]);
        let (summary, _) = desk.transcribe(&engine, &desk.work()).await;
        assert!(matches!(summary, Err(EngineError::Unavailable(_))), "{status}: {summary:?}");
    }
    for status in [413, 415] {
        server.answers([Answers::Raw(status, "secret".to_owned())]);
        let Err(EngineError::Rejected(said, _)) = desk.transcribe(&engine, &desk.work()).await.0 else {
            panic!("{status}")
        };
        assert!(!said.contains("secret"));
    }
    let mut work = desk.work();
    work.model = Some("gpt-9".to_owned());
    for (body, again) in [("The model `gpt-9` does not exist", false), ("no such page", true)] {
        server.answers([Answers::Raw(404, body.to_owned())]);
        let (summary, _) = desk.transcribe(&engine, &work).await;
        assert_eq!(matches!(summary, Err(EngineError::Unavailable(_))), again, "{body}: {summary:?}");
    }
    for body in ["", "no JSON", "{}", "{\"segments\": [{\"start\": \"x\"}]}", "{\"segments\": ["] {
        server.answers([Answers::Raw(200, body.to_owned())]);
        let (summary, _) = desk.transcribe(&engine, &desk.work()).await;
        assert!(matches!(summary, Err(EngineError::Rejected(..))), "{body}: {summary:?}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = OpenAi::new(&format!("http://{nobody}/v1"), None, None, Arc::new(SystemClock)).unwrap();
    let (summary, _) = desk.transcribe(&away, &desk.work()).await;
    assert!(matches!(summary, Err(EngineError::Unavailable(_))), "{summary:?}");
    assert!(away.models().await.is_empty());
}

#[tokio::test]
async fn it_stops_while_the_server_thinks() {
    let server = EngineServer::start();
    server.answers([Answers::Slowly]);
    let desk = Desk::new(&wav::tone(1));
    let (stop, told) = watch::channel(false);
    let (engine, work, mut kept) = (engine(&server, None), desk.work(), Kept::default());
    let (stopped, ()) = tokio::join!(engine.transcribe(&work, &mut kept, told), async {
        server.asked(1).await;
        stop.send_replace(true);
    });
    assert!(matches!(stopped, Err(EngineError::Stopped)), "{stopped:?}");
}

#[tokio::test]
async fn what_the_server_says_instead_of_a_transcript_is_no_transcript() {
    let server = EngineServer::start();
    let desk = Desk::new(&wav::tone(1));
    let engine = engine(&server, None);
    for (body, said) in [
        (include_str!("../fixtures/engine-200-error.json"), "The engine gave an error instead of a transcript"),
        (r#"{"detail": "Model is loading"}"#, "The engine gave an error instead of a transcript"),
        ("{}", "The engine gave no transcript"),
        ("", "The engine gave no transcript"),
    ] {
        server.answers([Answers::Raw(200, body.to_owned())]);
        let Err(EngineError::Rejected(text, _)) = desk.transcribe(&engine, &desk.work()).await.0 else {
            panic!("{body}")
        };
        assert_eq!(text, said, "{body}");
    }
    for empty in [r#"{"text": ""}"#, r#"{"segments": []}"#, "[]"] {
        server.answers([Answers::Raw(200, empty.to_owned())]);
        let (summary, kept) = desk.transcribe(&engine, &desk.work()).await;
        assert_eq!((summary.unwrap().segments, kept.texts()), (0, vec![]), "{empty}");
    }
    server.answers([Answers::Raw(200, include_str!("../fixtures/engine-nan.json").to_owned())]);
    assert_eq!(desk.transcribe(&engine, &desk.work()).await.1.texts(), ["go"]);
}

#[tokio::test]
async fn the_length_is_what_was_counted_and_the_engines_only_where_it_can_be() {
    let server = EngineServer::start();
    let engine = engine(&server, None);
    let spoken = |duration: f64| {
        let body = json!({"text": "a", "duration": duration, "segments": [{"start": 0, "end": 3, "text": "a"}]});
        Answers::Raw(200, body.to_string())
    };
    let desk = Desk::new(&wav::tone(2));
    let mut unknown = desk.work();
    unknown.about.duration_seconds = None;
    unknown.most.seconds = 10.0;
    for (work, said, length) in [
        (&desk.work(), 2_678_400.0, 2.0),
        (&unknown, 3.5, 3.5),
        (&unknown, 2_678_400.0, 3.0),
        (&unknown, 0.5, 3.0),
        (&unknown, -1.0, 3.0),
    ] {
        server.answers([spoken(said)]);
        assert_eq!(desk.transcribe(&engine, work).await.0.unwrap().duration, Some(length), "{said}");
    }
    server.answers([Answers::Raw(200, r#"{"text": "a"}"#.to_owned())]);
    assert_eq!(desk.transcribe(&engine, &unknown).await.0.unwrap().duration, None);
}

//! Answers of every kind, read as a file and as standard output.

use super::*;
use crate::{Sink, relay::relay};
use proptest::prelude::*;
use serde_json::json;
use std::io::{self, Write};
use tokio::sync::watch;

#[derive(Default)]
struct Kept(Vec<Segment>);

impl Sink for Kept {
    fn segment(&mut self, segment: &Segment) -> io::Result<()> {
        self.0.push(segment.clone());
        Ok(())
    }

    fn progress(&mut self, _: u16) {}
}

type Reader = fn(&mut File, &Path, Option<f64>, &mut FindingSink) -> Result<TranscriptHead, EngineError>;

const PATHS: [(&str, Reader); 2] = [("file", document), ("standard output", output)];

/// Reads an answer for ten seconds of audio.
fn read(reader: Reader, answer: &[u8]) -> Result<(TranscriptHead, Vec<Segment>), EngineError> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(answer).unwrap();
    let work_dir = tempfile::tempdir().unwrap();
    let (_go, stop) = watch::channel(false);
    let mut kept = Kept::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let path = work_dir.path().to_owned();
    let work = move |relay: &mut FindingSink| reader(&mut file, &path, Some(10.0), relay);
    let (head, _) = runtime.block_on(relay(&mut kept, stop, work))?;
    Ok((head, kept.0))
}

fn texts(segments: &[Segment]) -> Vec<&str> {
    segments.iter().map(|segment| segment.text.as_str()).collect()
}

fn words(segments: &[Segment]) -> Vec<Vec<&str>> {
    segments.iter().map(|segment| segment.words.iter().map(|word| word.word.as_str()).collect()).collect()
}

/// Returns the error message for the client of an invalid answer.
fn refusal(reader: Reader, answer: &str) -> &'static str {
    match read(reader, answer.as_bytes()) {
        Err(EngineError::Rejected(said, _)) => said,
        other => panic!("{answer}: {other:?}"),
    }
}

#[test]
fn an_answer_without_a_transcript_is_refused() {
    for (path, reader) in PATHS {
        for nothing in [
            "",
            " \n\n",
            "{}",
            "[{}]",
            r#"{"object": "list", "data": []}"#,
            r#"{"text": null}"#,
            r#"{"text": 5, "segments": 12}"#,
            r#"{"segments": [{"id": 0}, null]}"#,
            r#"{"progress": 0.5}"#,
            "{\"progress\": 0.5}\n{\"progress\": 1}\n",
            r#"{"language": "en", "duration": 3}"#,
            r#"{"words": []}"#,
        ] {
            assert_eq!(refusal(reader, nothing), NOTHING, "{path}: {nothing}");
        }
        for error in [
            r#"{"error": {"message": "Invalid or unsupported audio file.", "code": 400}}"#,
            r#"{"error": "out of memory", "text": ""}"#,
            r#"{"text": "", "segments": [], "error": true}"#,
            r#"{"detail": "Not Found"}"#,
            r#"{"detail": [{"loc": ["body", "file"], "msg": "field required"}]}"#,
            r#"{"text": "", "detail": "no model"}"#,
            r#"{"object": "error", "message": "busy", "code": 40303}"#,
            r#"{"status": "error", "text": ""}"#,
            r#"[{"error": "out of memory"}]"#,
            "{\"progress\": 0.5}\n{\"error\": \"out of memory\"}",
            "{\"start\": 0, \"end\": 1, \"text\": \"a\"}\n{\"error\": \"out of memory\"}\n",
            "loading\n{\"error\": \"out of memory\"}\n",
        ] {
            assert_eq!(refusal(reader, error), ERROR, "{path}: {error}");
        }
        for cut in
            ["{", "{\"text\": \"a", "{\"text\": \"a\"}\n{\"text\": ", "[{\"text\": \"a\"}", "{\"segments\": [{]}"]
        {
            assert!(matches!(read(reader, cut.as_bytes()), Err(EngineError::Rejected(..))), "{path}: {cut}");
        }
    }
    assert_eq!(refusal(document, "no JSON"), NOTHING);
    assert_eq!(refusal(output, "null\n"), NOTHING);
}

#[test]
fn only_what_is_there_and_empty_is_an_empty_transcript() {
    for (path, reader) in PATHS {
        for empty in [
            r#"{"text": ""}"#,
            r#"{"text": " \n"}"#,
            r#"{"segments": []}"#,
            r#"{"transcription": [], "result": {"language": "en"}}"#,
            r#"{"text": "", "segments": [], "error": null, "detail": []}"#,
            "[]",
            " [ ]\n",
            "{\"progress\": 0.5}\n{\"text\": \"\"}\n",
        ] {
            let (_, segments) = read(reader, empty.as_bytes()).unwrap_or_else(|it| panic!("{path}: {empty}: {it}"));
            assert_eq!(segments, [], "{path}: {empty}");
        }
    }
    assert_eq!(read(output, b"\"\"\n").unwrap().1, [], "jq .text");
}

#[test]
fn bytes_that_are_no_characters_lose_nothing_else() {
    let cut = include_bytes!("../../../../tests/fixtures/engine-whispercpp-cut-utf8.json");
    for (path, reader) in PATHS {
        let (head, segments) = read(reader, cut).unwrap();
        assert_eq!((texts(&segments), head.language.as_deref()), (vec!["你\u{fffd}"], Some("zh")), "{path}");
        for (answer, said) in [
            (&b"{\"text\": \"a\xffb\xe4\xbd\"}"[..], "a\u{fffd}b\u{fffd}"),
            (b"\xef\xbb\xbf{\"text\": \"bom\"}", "bom"),
            (b"\xff\xfe{\0\"\0t\0e\0x\0t\0\"\0:\0\"\0h\0i\0\"\0}\0", "hi"),
            (br#"{"text": "\ud83d, \ude00, \ud83d\ude00"}"#, "\u{fffd}, \u{fffd}, \u{1f600}"),
            (b"{\"text\": \"two\nlines\"}", "two lines"),
        ] {
            assert_eq!(texts(&read(reader, answer).unwrap().1), [said], "{path}");
        }
    }
    assert_eq!(texts(&read(output, b"\xef\xbb\xbfplain \xe4\xbd").unwrap().1), ["plain \u{fffd}"]);
}

#[test]
fn numbers_that_are_none_and_numbers_in_texts_are_read() {
    let nan = include_bytes!("../../../../tests/fixtures/engine-nan.json");
    for (path, reader) in PATHS {
        let (_, segments) = read(reader, nan).unwrap();
        assert_eq!((texts(&segments), segments[0].confidence), (vec!["go"], None), "{path}");
        let odd =
            br#"{"duration": "9.5", "segments": [{"start": "0.5", "end": " 2 ", "text": "a", "avg_logprob": -Infinity,
            "words": [{"word": "a", "start": "0.5", "end": NaN, "probability": nan}, "b", null, 7]},
            {"start": true, "end": [2], "text": "b", "offsets": 5}]}"#;
        let (head, segments) = read(reader, odd).unwrap();
        assert_eq!(head.duration, Some(9.5), "{path}");
        let times: Vec<_> = segments.iter().map(|segment| (segment.start, segment.end)).collect();
        assert_eq!((times, texts(&segments)), (vec![(0.5, 2.0), (0.5, 0.5)], vec!["a", "b"]), "{path}");
        assert_eq!(words(&segments)[0], ["a", "b", "", ""], "{path}");
    }
}

#[test]
fn every_shape_of_a_transcript_is_read() {
    let a = json!({"start": 0.0, "end": 1.5, "text": "a"});
    let b = json!({"offsets": {"from": 1500, "to": "2500"}, "text": "b"});
    let both = vec![(0.0, 1.5, "a"), (1.5, 2.5, "b")];
    for (path, reader) in PATHS {
        for (answer, read_as) in [
            (json!({"segments": [a, b]}).to_string(), both.clone()),
            (json!({"text": "a b", "transcription": [a, b]}).to_string(), both.clone()),
            (json!([a, b]).to_string(), both.clone()),
            (format!("{a}{b}"), both.clone()),
            (format!("{a}\n\n{b}\n"), both.clone()),
            (format!("{{\"progress\":0.5}}\n{{\"text\":\"\"}}\n{a}\n{{\"progress\":1}}\n{b}\n"), both.clone()),
            (format!("Loading [tiny]\n 50%\r100%\r\n[00:00 --> 00:01] {{\n{a}\n{b}\nDone.\n"), both.clone()),
            (format!("{{\"language\":\"en\"}}\n{}", json!({"segments": [a, b]})), both.clone()),
            (serde_json::to_string_pretty(&json!({"segments": [a, b]})).unwrap(), both.clone()),
            (json!({"segments": ["a", "b"]}).to_string(), vec![(0.0, 0.0, "a"), (0.0, 0.0, "b")]),
            (json!({"text": "a", "segments": []}).to_string(), vec![(0.0, 10.0, "a")]),
            (json!({"text": "a", "segments": [{"start": 0, "end": 1}]}).to_string(), vec![(0.0, 10.0, "a")]),
            (json!({"segments": [{"start": 0, "end": 1}]}).to_string(), vec![(0.0, 1.0, "")]),
            ("{\"progress\":0.5}\n{\"text\":\"a\"}".to_owned(), vec![(0.0, 10.0, "a")]),
            ("{\"text\":\"a\"}\n{\"text\":\"b\"}".to_owned(), vec![(0.0, 10.0, "a"), (0.0, 10.0, "b")]),
            (json!({"text": "a", "error": null, "detail": "high"}).to_string(), vec![(0.0, 10.0, "a")]),
        ] {
            let (_, segments) = read(reader, answer.as_bytes()).unwrap_or_else(|it| panic!("{path}: {answer}: {it}"));
            let said: Vec<_> =
                segments.iter().map(|segment| (segment.start, segment.end, segment.text.as_str())).collect();
            if answer.contains("}\n{\"text\":\"b\"}") {
                assert_eq!(texts(&segments), ["a", "b"], "{path}");
            } else {
                assert_eq!(said, read_as, "{path}: {answer}");
            }
        }
    }
    for (plain, said) in [
        (
            "[music] hello\n[00:00:00.500 --> 00:00:01.000]  there\n",
            "[music] hello [00:00:00.500 --> 00:00:01.000]  there",
        ),
        ("[] a box\n", "[] a box"),
        ("\"quoted\"", "quoted"),
        ("\"Quoted\", she said", "\"Quoted\", she said"),
    ] {
        assert_eq!(texts(&read(output, plain.as_bytes()).unwrap().1), [said]);
    }
}

#[test]
fn a_second_transcript_is_never_dropped() {
    let whole = json!({"segments": [{"start": 0, "end": 1, "text": "a"}]});
    let line = json!({"start": 1, "end": 2, "text": "b"});
    for (path, reader) in PATHS {
        for answer in [format!("{whole}{whole}"), format!("{whole}\n{line}"), format!("{line}\n[{line}]")] {
            assert_eq!(refusal(reader, &answer), SEVERAL, "{path}: {answer}");
        }
    }
}

#[test]
fn words_without_times_stay_between_their_neighbours() {
    let answer = json!({
        "words": [{"word": "the"}, {"word": "year", "start": 0.2, "end": 0.6}, {"word": "1984", "start": null},
            {"word": "was", "start": 1.2, "end": 1.4}, "long", {"word": "gone", "end": 1.9}],
        "segments": [{"start": 0, "end": 1, "text": "the year 1984"}, {"start": 1, "end": 2, "text": "was long gone"}],
    });
    for (path, reader) in PATHS {
        let (_, segments) = read(reader, answer.to_string().as_bytes()).unwrap();
        assert_eq!(words(&segments), [["the", "year", "1984"], ["was", "long", "gone"]], "{path}");
        assert!(segments.iter().flat_map(|it| &it.words).is_sorted_by(|one, other| one.start <= other.start));
    }
}

#[test]
fn lists_without_end_take_no_memory() {
    let many = "{},".repeat(200_000);
    let answer = format!(
        r#"{{"language": [{many}0], "model": {{"a": [{many}0]}}, "segments": [{{"text": "a", "words": [{many}0]}}]}}"#
    );
    for (path, reader) in PATHS {
        let (head, segments) = read(reader, answer.as_bytes()).unwrap();
        assert_eq!((head.language, head.model), (None, None), "{path}");
        assert_eq!((texts(&segments), segments[0].words.len()), (vec!["a"], raw::MOST_WORDS), "{path}");
    }
    let deep = format!("{{\"text\": {}", "[".repeat(100_000));
    assert!(matches!(read(document, deep.as_bytes()), Err(EngineError::Rejected(..))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_said_is_a_transcript_or_a_refusal(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for (_, reader) in PATHS {
            prop_assert!(matches!(read(reader, &bytes), Ok(_) | Err(EngineError::Rejected(..))));
            let within = [b"{\"text\": \"a", &bytes[..], b"\", \"segments\": [", &bytes[..], b"]}"].concat();
            prop_assert!(matches!(read(reader, &within), Ok(_) | Err(EngineError::Rejected(..))));
        }
    }

    #[test]
    fn a_text_is_read_wherever_the_pieces_end(at in 16_300_usize..16_420, text in "[a-zé你😀]{1,20}") {
        let answer = json!({"pad": "x".repeat(at), "text": text, "after": 1}).to_string();
        for (_, reader) in PATHS {
            let (_, segments) = read(reader, answer.as_bytes()).unwrap();
            prop_assert_eq!(texts(&segments), [text.as_str()]);
        }
    }
}

#[test]
fn lines_that_begin_with_their_times_are_segments() {
    for stamped in [
        "\n[00:00:00.500 --> 00:00:02.000]   Hello there.\n[00:00:02.000 --> 00:01:03.250]   Who\nare you?\n\n",
        "[00:00.500 --> 00:02.000] Hello there.\r\n[00:02.000 --> 01:03.250] Who\r\nare you?\r\n",
        "[0.50s -> 2.00s] Hello there.\n[2.00s -> 63.25s]  Who are you?",
        "[0:00:00,500 --> 0:00:02,000]Hello there.\n[0:00:02,000 --> 0:01:03,250]Who are you?",
    ] {
        let (_, segments) = read(output, stamped.as_bytes()).unwrap();
        assert_eq!(texts(&segments), ["Hello there.", "Who are you?"], "{stamped}");
        let times: Vec<(f64, f64)> = segments.iter().map(|segment| (segment.start, segment.end)).collect();
        assert_eq!(times, [(0.5, 2.0), (2.0, 63.25)], "{stamped}");
    }
    // What only looks like a timestamp is text, and nothing of it is dropped.
    for text in [
        "Hello.\n[00:00:00.500 --> 00:00:02.000] there",
        "[laughter] Hello.",
        "[a --> b] c",
        "[ --> ] c",
        "[1 - 2] c",
        "[1:2:x --> 3] c",
        "[00:00.500 --> 00:02.000 no end",
    ] {
        let (_, segments) = read(output, text.as_bytes()).unwrap();
        assert_eq!(texts(&segments), [text.replace('\n', " ")], "{text}");
    }
}

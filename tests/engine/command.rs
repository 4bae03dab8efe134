//! A command as the engine.

use super::{Desk, Kept};
use dalston_engine::{Engine, EngineCommand, EngineError};
use kit::{engine_server::transcript, process::eventually, wav};
use serde_json::json;
use std::{fs, path::Path};
use tokio::sync::watch;

fn command(words: &[&str], memory: Option<u64>) -> EngineCommand {
    let environment = [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/"), ("DALSTON_MASTER_KEY", "secret")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    EngineCommand::new(words.iter().map(|word| (*word).to_owned()).collect(), memory, environment.into())
}

/// A shell script, which only a test would do.
fn script(script: &str) -> EngineCommand {
    command(&["sh", "-c", script, "sh", "{audio}", "{output}", "{language}", "{model}", "{prompt}", "{task}"], None)
}

#[tokio::test]
async fn the_placeholders_are_filled_and_the_environment_is_bare() {
    let desk = Desk::new(&wav::tone(1));
    let mut work = desk.work();
    work.language = Some("de".to_owned());
    work.model = Some("large-v3".to_owned());
    work.options.prompt = Some("--help $HOME {audio} `id`".to_owned());
    work.options.translate = true;
    let said = r#"cmp "$1" "$1" && printf '{"text": "%s|%s|%s|%s|%s"}' "$3" "$4" "$5" "$6" "$(env | cut -d= -f1 | sort | tr '\n' ' ')" > "$2.json""#;
    let (summary, kept) = desk.transcribe(&script(said), &work).await;
    assert_eq!(summary.unwrap().language.as_deref(), Some("de"));
    assert_eq!(kept.texts(), ["de|large-v3| --help $HOME {audio} `id`|translate|HOME PATH PWD"]);
}

#[tokio::test]
async fn the_file_has_the_ending_of_what_it_is() {
    let desk = Desk::new(&wav::tone(1));
    let said = r#"printf '{"text": "%s %s"}' "${1##*/}" "$(head -c 4 "$1")" > "$2.json""#;
    for (format, right) in [("wav", "audio.wav RIFF"), ("mpegts", "audio.ts RIFF"), ("of old", "audio RIFF")] {
        let mut work = desk.work();
        work.about.format = format.to_owned();
        let (summary, kept) = desk.transcribe(&script(said), &work).await;
        summary.unwrap();
        assert_eq!(kept.texts(), [right]);
    }
}

#[tokio::test]
async fn every_shape_of_transcript_is_read() {
    let desk = Desk::new(&wav::tone(6));
    let whisper = json!({"result": {"language": "en"}, "model": {"type": "tiny"}, "transcription": [
        {"timestamps": {"from": "00:00:00,000", "to": "00:00:01,500"}, "offsets": {"from": 0, "to": 1500}, "text": " Hello."},
        {"timestamps": {}, "offsets": {"from": 1500, "to": 2500}, "text": " World."},
    ]});
    let ours = [
        json!({"start": 0.0, "end": 1.5, "text": "Hello."}),
        json!({"start": 1.5, "end": 2.5, "text": "World.", "words": [{"word": "World", "start": 1.5, "end": 2.0}]}),
    ];
    let lines = format!("{}\n\n{}\n", ours[0], ours[1]);
    let two = vec![(0.0, 1.5), (1.5, 2.5)];
    for (name, text, times) in [
        ("whisper.cpp", whisper.to_string(), two.clone()),
        ("verbose_json", transcript(true).to_string(), vec![(1.0005, 2.25), (3.5, 5.0)]),
        ("our segments", json!({ "segments": ours }).to_string(), two.clone()),
        ("over several lines", serde_json::to_string_pretty(&json!({ "segments": ours })).unwrap(), two.clone()),
        ("lines", lines, two),
        ("a text", "Hello.\nWorld.\n".to_owned(), vec![(0.0, 6.0)]),
        ("a list", json!(ours).to_string(), vec![(0.0, 1.5), (1.5, 2.5)]),
        ("a line of progress first", "{\"progress\":0.5}\n{\"text\":\"Hello.\"}".to_owned(), vec![(0.0, 6.0)]),
        ("an empty text", "{\"text\":\"\"}".to_owned(), vec![]),
    ] {
        fs::write(desk.path().join("said"), &text).unwrap();
        let cat = command(&["cat", desk.path().join("said").to_str().unwrap()], None);
        let (summary, kept) = desk.transcribe(&cat, &desk.work()).await;
        assert!(summary.is_ok(), "{name}: {summary:?}");
        assert_eq!(kept.times(), times, "{name}");
        assert!(!kept.segments.iter().any(|segment| segment.text.starts_with(' ')), "{name}");
    }
}

#[tokio::test]
async fn how_it_ends_tells_whether_to_try_again() {
    let desk = Desk::new(&wav::tone(1));
    let (never, again, died) = ("never", "again", "died");
    for (name, engine, meant) in [
        ("an exit code", script("echo 'no such model' >&2; exit 3"), never),
        ("no transcript", script("exit 0"), never),
        ("an error", script("echo '{\"error\": \"no model\"}' > \"$2.json\""), never),
        ("nothing printed", command(&["true"], None), never),
        ("an error printed", command(&["echo", "{\"error\": \"no model\"}"], None), never),
        ("progress alone", command(&["echo", "{\"progress\": 1}"], None), never),
        ("a link", script("ln -s /etc/passwd \"$2.json\""), never),
        ("no JSON", script("echo hello > \"$2.json\""), never),
        ("a signal", script("kill -SEGV $$"), died),
        ("a signal that a shell tells of", script("sh -c 'kill -KILL $$'; exit $?"), died),
        ("a code beyond all signals", script("exit 255"), never),
        ("the first code beyond all signals", script("exit 193"), never),
        ("no such program", command(&["/no/such/program", "{audio}"], None), again),
        ("too much to print", command(&["sh", "-c", "yes"], None), never),
    ] {
        let (summary, _) = desk.transcribe(&engine, &desk.work()).await;
        match summary {
            Err(EngineError::Unavailable(_)) => assert_eq!(meant, again, "{name}"),
            Err(EngineError::Died(..)) => assert_eq!(meant, died, "{name}"),
            Err(EngineError::Rejected(said, _)) => assert!(meant == never && !said.contains("model"), "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn names_that_are_none_never_reach_it() {
    let desk = Desk::new(&wav::tone(1));
    let touch = script("touch reached; exit 9");
    for (model, language) in
        [("../../etc", "en"), ("-m", "en"), ("a b", "en"), ("large", "--x"), ("large", "e/n"), ("/x", "en")]
    {
        let mut work = desk.work();
        (work.model, work.language) = (Some(model.to_owned()), Some(language.to_owned()));
        let Err(EngineError::Rejected(said, _)) = desk.transcribe(&touch, &work).await.0 else { panic!("{model}") };
        assert!(said.contains("command"), "{said}");
    }
}

#[tokio::test]
async fn names_that_it_does_not_take_are_not_looked_at() {
    let desk = Desk::new(&wav::tone(1));
    let mut work = desk.work();
    (work.model, work.language) = (Some("../../etc".to_owned()), Some("--x".to_owned()));
    let (summary, kept) = desk.transcribe(&command(&["echo", "said"], None), &work).await;
    assert!(summary.is_ok(), "{summary:?}");
    assert_eq!(kept.texts(), ["said"]);
    (work.model, work.language) = (Some("Systran/faster-whisper-small".to_owned()), Some("zh_CN".to_owned()));
    let (_, kept) = desk.transcribe(&command(&["echo", "{model} {language}"], None), &work).await;
    assert_eq!(kept.texts(), ["Systran/faster-whisper-small zh_CN"]);
}

#[tokio::test]
async fn its_memory_is_limited() {
    let desk = Desk::new(&wav::tone(1));
    let hungry = ["python3", "-c", "print(len(bytes(512 * 1024 * 1024)))"];
    let (summary, _) = desk.transcribe(&command(&hungry, Some(256 * 1024 * 1024)), &desk.work()).await;
    assert!(matches!(summary, Err(EngineError::Rejected(..))), "{summary:?}");
    let (summary, kept) = desk.transcribe(&command(&hungry, None), &desk.work()).await;
    assert!(summary.is_ok());
    assert_eq!(kept.texts(), ["536870912"]);
}

#[tokio::test]
async fn it_is_killed_with_all_that_it_started() {
    let desk = Desk::new(&wav::tone(1));
    let pids = desk.path().join("pids");
    let line = format!("sleep 1000 & echo $! > {0}; echo $$ >> {0}; wait", pids.display());
    let (stop, told) = watch::channel(false);
    let (engine, work, mut kept) = (script(&line), desk.work(), Kept::default());
    let (stopped, processes) = tokio::join!(engine.transcribe(&work, &mut kept, told), async {
        let read = || fs::read_to_string(&pids).unwrap_or_default();
        eventually("both run", async || read().lines().count() == 2).await;
        stop.send_replace(true);
        read()
    });
    assert!(matches!(stopped, Err(EngineError::Stopped)), "{stopped:?}");
    for process in processes.lines() {
        eventually("it is gone", async || !runs(process)).await;
    }
}

#[tokio::test]
async fn what_it_leaves_running_does_not_keep_it() {
    let desk = Desk::new(&wav::tone(1));
    let (summary, kept) = desk.transcribe(&command(&["sh", "-c", "sleep 1000 & echo said"], None), &desk.work()).await;
    assert!(summary.is_ok());
    assert_eq!(kept.texts(), ["said"]);
}

/// Whether a process runs, and is more than a name in the table.
fn runs(process: &str) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(process).join("stat")).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

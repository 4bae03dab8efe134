//! Decoders: processes that are confined, and that nobody waits for in vain.

use super::{Desk, decoders, vad};
use dalston_engine::{DecoderProgram, Decoders, EngineError, Vad};
use kit::{
    bomb,
    hanging::{Hanging, runs},
    patience::eventually,
    program::{program, script},
    signal::{self, Signal},
    wav,
};
use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::task::JoinSet;

const HOUR: Duration = Duration::from_hours(1);

/// Decoders whose program never ends.
fn hanging(program: &Hanging) -> Arc<Decoders> {
    Arc::new(Decoders::new(Some(program.program.clone()), HOUR))
}

#[tokio::test]
async fn the_kernel_holds_a_decoder_to_its_limits() {
    let home = tempfile::tempdir().unwrap();
    // Long enough to be looked at: an hour of silence.
    let path = home.path().join("audio");
    let audio = wav::header(3_600 * 32_000);
    let file = File::create_new(&path).unwrap();
    std::io::Write::write_all(&mut &file, &audio).unwrap();
    file.set_len(3_600 * 32_000 + 44).unwrap();
    let mut child = Command::new(program("dalston-gateway"))
        .args(["decode", "listen", "90", "86400"])
        .env_clear()
        .stdin(Stdio::from(File::open(&path).unwrap()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let about = Path::new("/proc").join(child.id().to_string());
    let read = |name: &str| fs::read_to_string(about.join(name)).unwrap();
    eventually("it is confined", async || read("status").contains("Seccomp:\t2")).await;
    let (limits, status) = (read("limits"), read("status"));
    for (name, most) in [
        ("Max address space", "268435456"),
        ("Max cpu time", "90"),
        ("Max file size", "0"),
        ("Max core file size", "0"),
        ("Max open files", "0"),
        ("Max processes", "0"),
    ] {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{limits}"));
        let held: Vec<&str> = line.split_whitespace().take(2).collect();
        assert_eq!(held, [most, most], "{name}");
    }
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn what_hangs_is_ended_with_whoever_asked() {
    let program = Hanging::default();
    let decoders = hanging(&program);
    let probing = tokio::spawn({
        let (decoders, file) = (decoders.clone(), File::open("/dev/null").unwrap());
        async move { decoders.probe("a", file).await }
    });
    eventually("it runs", async || program.running() == 1).await;
    probing.abort();
    eventually("it is gone", async || program.running() == 0).await;
}

#[tokio::test]
async fn a_probe_that_hangs_is_ended_by_the_clock() {
    let program = Hanging::default();
    let decoders = Decoders::new(Some(program.program.clone()), HOUR).probing_for(Duration::from_millis(100));
    // On a slow machine it may be over before the program has begun.
    while program.processes().is_empty() {
        let ended = decoders.probe("a", File::open("/dev/null").unwrap()).await;
        assert!(matches!(ended, Err(EngineError::Died(..))), "{ended:?}");
    }
    eventually("it is gone", async || program.running() == 0).await;
}

#[tokio::test]
async fn a_decoder_has_no_variable_of_the_gateway() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("environment");
    // As the kernel handed it over: a shell adds variables of its own.
    let said = format!("cat /proc/$$/environ > {}\necho '{{\"found\":null}}'", path.display());
    let program = script(&home.path().join("program"), &said);
    let probed = Decoders::new(Some(program), HOUR).probe("a", File::open("/dev/null").unwrap()).await;
    assert!(matches!(probed, Ok(None)), "{probed:?}");
    assert!(!fs::read("/proc/self/environ").unwrap().is_empty(), "the one that starts it has some");
    // Its values are nobody's business, also where this fails.
    assert_eq!(fs::read(path).unwrap().len(), 0);
}

/// Says this over and over, and notes its process.
fn repeating(home: &TempDir, line: &str) -> DecoderProgram {
    let pid = home.path().join("pid");
    script(&home.path().join("program"), &format!("echo $$ > {}\nexec yes '{line}'", pid.display()))
}

#[tokio::test]
async fn a_decoder_that_says_too_much_is_ended() {
    // A message after the other, all of them together more than is read; and a line that is longer than a message.
    let (space, line) = (" ".repeat(4_000), "x".repeat(5_000));
    for said in [format!("{{\"progress\":1{space}}}"), line] {
        let home = tempfile::tempdir().unwrap();
        let decoders = Arc::new(Decoders::new(Some(repeating(&home, &said)), HOUR));
        let desk = Desk::new(&wav::tone(1));
        let (heard, _) = desk.transcribe(&Vad::new(decoders), &desk.work()).await;
        assert!(matches!(heard, Err(EngineError::Died(..))), "{heard:?}");
        let pid = fs::read_to_string(home.path().join("pid")).unwrap();
        eventually("it is gone", async || !runs(pid.trim())).await;
    }
}

#[tokio::test]
async fn a_few_probe_at_once_and_never_one_holder_alone() {
    let program = Hanging::default();
    let decoders = hanging(&program);
    let mut probing = JoinSet::new();
    let ask = |holder: &'static str, probing: &mut JoinSet<_>| {
        let (decoders, file) = (decoders.clone(), File::open("/dev/null").unwrap());
        probing.spawn(async move { decoders.probe(holder, file).await.is_ok() });
    };
    for _ in 0..6 {
        ask("a", &mut probing);
    }
    eventually("three of one", async || program.processes().len() == 3).await;
    ask("b", &mut probing);
    eventually("one of another beside", async || program.processes().len() == 4).await;
    for _ in 0..6 {
        ask("b", &mut probing);
    }
    // The next comes when one has gone, and not before.
    let first = program.processes()[0].clone();
    assert_eq!(program.processes().len(), 4);
    assert!(signal::send(Signal::KILL, first.parse().unwrap()));
    eventually("the next", async || program.processes().len() == 5).await;
    assert_eq!(program.running(), 4);
    assert!(!probing.join_next().await.unwrap().unwrap());
}

#[tokio::test]
async fn how_a_decoder_ends_tells_a_death_from_an_outage() {
    let home = tempfile::tempdir().unwrap();
    let mut number = 0;
    let mut says = |text: &str| {
        number += 1;
        script(&home.path().join(number.to_string()), text)
    };
    let (away, died) = ("away", "died");
    for (name, program, meant) in [
        ("no program", None, away),
        ("no such program", Some(DecoderProgram::at("/no/such/program")), away),
        ("what cannot begin", Some(says("echo '{\"unable\":\"it cannot\"}'")), away),
        ("a signal", Some(says("kill -SEGV $$")), died),
        ("an exit code", Some(says("echo oh no >&2; exit 101")), died),
        ("an end without a word", Some(says("exit 0")), died),
        ("babble", Some(DecoderProgram::at("/usr/bin/yes")), died),
        ("a line without an end", Some(says("exec tr '\\0' x < /dev/zero")), died),
        ("another message", Some(says("echo '{\"heard\":1.0}'")), died),
    ] {
        let decoders = Decoders::new(program, HOUR);
        match decoders.probe("a", File::open("/dev/null").unwrap()).await {
            Err(EngineError::Unavailable(_)) => assert_eq!(meant, away, "{name}"),
            Err(EngineError::Died(..)) => assert_eq!(meant, died, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn every_bomb_is_refused_or_survived_by_probe_and_engine() {
    let decoders = decoders();
    for bomb in bomb::found().into_iter().chain(bomb::others()) {
        let desk = Desk::new(&bomb.bytes);
        let probed = decoders.probe("a", File::open(desk.work().audio).unwrap()).await;
        println!("{}, {} bytes: {probed:?}", bomb.name, bomb.bytes.len());
        assert!(matches!(probed, Ok(_) | Err(EngineError::Died(..))), "{}: {probed:?}", bomb.name);
        let (heard, _) = desk.transcribe(&vad(), &desk.work()).await;
        println!("    {heard:?}");
        assert!(matches!(heard, Ok(_) | Err(EngineError::Rejected(..) | EngineError::Died(..))), "{}", bomb.name);
    }
}

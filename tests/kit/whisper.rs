//! A real Whisper: the programs of `examples/engines/faster_whisper`, with the Python that `tests/run` installs for them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    sync::{Semaphore, SemaphorePermit},
};

/// A model takes some 400 MiB and all cores: one is in memory at a time, whichever tests run.
static PLACE: Semaphore = Semaphore::const_new(1);

/// The place in memory. It is free again when this is dropped.
pub async fn place() -> SemaphorePermit<'static> {
    PLACE.acquire().await.expect("it is never closed")
}

/// The command that transcribes jobs, for `DALSTON_ENGINE_COMMAND`. Whoever runs it has the place.
pub fn command() -> String {
    let words = "{audio} --language {language} --task {task} --prompt={prompt}";
    format!("{} -B {} {words}", python().display(), script("transcribe.py").display())
}

/// A program that runs: the server, or the worker of streams. It is killed when this is dropped.
pub struct Whisper {
    /// Where it listens, as it says itself.
    pub url: String,
    _child: Child,
    _place: SemaphorePermit<'static>,
}

impl Whisper {
    /// Starts a program with these words, on a port of its own, and waits until it listens. `key` is its key for a gateway.
    pub async fn start(name: &str, words: &[&str], key: &str) -> Self {
        let place = place().await;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(python()).arg("-B").arg(script(name));
        command.args(["--port", "0"]).args(words).env_clear().env("DALSTON_API_KEY", key);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("there is setpriv, of util-linux");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).await.expect("it can be read");
        let Some(url) = line.trim_end().strip_prefix("listening on ") else {
            let mut why = String::new();
            let read = child.stderr.take().expect("it is piped").read_to_string(&mut why).await;
            panic!("{name} does not listen: {line} {why} {read:?}");
        };
        Self { url: url.to_owned(), _child: child, _place: place }
    }
}

/// Where the programs are.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/engines/faster_whisper").join(name)
}

/// The Python that has faster-whisper and the model.
fn python() -> PathBuf {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/whisper");
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    let (wanted, there) = (read(script("requirements.txt")), read(place.join("requirements.txt")));
    assert_eq!(wanted, there, "faster-whisper is missing: bash tests/run installs it");
    place.join("bin/python")
}

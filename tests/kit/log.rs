//! The log of all tests, at `trace`, and whatever was sent to a chat or a language model: searched for every secret.

use std::{
    io::{self, Write},
    sync::{Mutex, MutexGuard, Once, PoisonError},
};
use tracing_subscriber::EnvFilter;

static SECRETS: Mutex<Vec<String>> = Mutex::new(Vec::new());
static LEAKS: Mutex<Vec<String>> = Mutex::new(Vec::new());
static TRANSCRIPTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Starts the log. Again is the same.
pub fn start() {
    static START: Once = Once::new();
    START.call_once(|| {
        let filter = EnvFilter::new("trace,sqlx=debug,mio=info,want=info,hyper_util=debug");
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| Search).init();
    });
}

/// From now on no line may hold this. What is too short to be a secret is passed over.
pub fn guard(secret: &str) {
    let mut secrets = lock(&SECRETS);
    if secret.len() >= 20 && !secrets.iter().any(|known| known == secret) {
        secrets.push(secret.to_owned());
        let transcripts = lock(&TRANSCRIPTS);
        let told = transcripts.iter().filter(|text| text.contains(secret));
        lock(&LEAKS).extend(told.cloned());
    }
}

/// Keeps what was sent to a chat or a language model. It may hold no secret, not even of those that a test learns later.
pub fn transcript(text: &str) {
    let secrets = lock(&SECRETS);
    if secrets.iter().any(|secret| text.contains(secret.as_str())) {
        lock(&LEAKS).push(text.to_owned());
    }
    lock(&TRANSCRIPTS).push(text.to_owned());
}

/// The lines that held a secret, so far.
pub fn leaks() -> Vec<String> {
    lock(&LEAKS).clone()
}

/// The lines of a text that hold a secret.
pub fn searched(text: &str) -> Vec<String> {
    let secrets = lock(&SECRETS);
    text.lines().filter(|line| secrets.iter().any(|secret| line.contains(secret.as_str()))).map(str::to_owned).collect()
}

/// Searches lines, and keeps the guilty ones only.
struct Search;

impl Write for Search {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        if lock(&SECRETS).iter().any(|secret| text.contains(secret.as_str())) {
            lock(&LEAKS).push(text.into_owned());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

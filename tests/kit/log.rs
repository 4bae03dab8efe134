//! The log of all tests, at `trace`, and whatever was sent to a chat or a language model: searched for every secret.

use std::{
    collections::HashMap,
    io::{self, Write},
    sync::{Mutex, MutexGuard, Once, PoisonError},
};
use tracing_subscriber::EnvFilter;

static SECRETS: Mutex<Secrets> = Mutex::new(Secrets::none());
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
    if secret.len() >= 20 && secrets.add(secret) {
        let transcripts = lock(&TRANSCRIPTS);
        let told = transcripts.iter().filter(|text| text.contains(secret));
        lock(&LEAKS).extend(told.cloned());
    }
}

/// Keeps what was sent to a chat or a language model. It may hold no secret, not even of those that a test learns later.
pub fn transcript(text: &str) {
    let secrets = lock(&SECRETS);
    if secrets.are_in(text.as_bytes()) {
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
    text.lines().filter(|line| secrets.are_in(line.as_bytes())).map(str::to_owned).collect()
}

/// Thousands of secrets, and a search that does not take longer with their number: there are millions of lines.
struct Secrets {
    by_ending: Option<HashMap<Ending, Vec<String>>>,
    /// Whether an ending of this place is known: a map of its own is slow to ask for each byte.
    places: Vec<bool>,
}

/// The last bytes of a secret.
type Ending = [u8; 8];

impl Secrets {
    const fn none() -> Self {
        Self { by_ending: None, places: Vec::new() }
    }

    /// Whether it was not known.
    fn add(&mut self, secret: &str) -> bool {
        let Some(ending) = secret.as_bytes().last_chunk::<8>() else { return false };
        self.places.resize(1 << 20, false);
        self.places[place(*ending)] = true;
        let same = self.by_ending.get_or_insert_default().entry(*ending).or_default();
        let new = !same.iter().any(|known| known == secret);
        if new {
            same.push(secret.to_owned());
        }
        new
    }

    /// Whether the text holds any of them.
    fn are_in(&self, text: &[u8]) -> bool {
        let Some(by_ending) = &self.by_ending else { return false };
        let mut last: u64 = 0;
        for (at, byte) in text.iter().enumerate() {
            last = last << 8 | u64::from(*byte);
            let ending = last.to_be_bytes();
            let found = || {
                by_ending.get(&ending).is_some_and(|same| same.iter().any(|one| text[..=at].ends_with(one.as_bytes())))
            };
            if self.places[place(ending)] && found() {
                return true;
            }
        }
        false
    }
}

fn place(ending: Ending) -> usize {
    usize::try_from(u64::from_be_bytes(ending).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44).unwrap()
}

/// Searches lines, and keeps the guilty ones only.
struct Search;

impl Write for Search {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if lock(&SECRETS).are_in(line) {
            lock(&LEAKS).push(String::from_utf8_lossy(line).into_owned());
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

//! An engine that does what the test says, turn by turn.

use async_trait::async_trait;
use dalston_engine::{Engine, EngineError, Segment, Sink, StopFlag, Summary, TranscriptionTask, Word};
use dalston_model::{Clock, SystemClock};
use std::{
    collections::VecDeque,
    fs,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

/// What the engine does with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It writes so many segments of a second each.
    Writes(u32),
    /// It comes half the way, and then waits until it is let go on or told to stop. Then it writes two segments.
    Holds,
    /// It waits until it is let go on, whatever it is told, and then writes two segments.
    Insists,
    /// It cannot do it now.
    IsAway,
    /// Its process dies.
    Dies,
    /// It will never do it.
    Refuses,
    /// It panics.
    Panics,
}

/// The engine.
pub struct Scribe {
    turns: Mutex<VecDeque<Turn>>,
    always: Turn,
    heard: Mutex<Vec<TranscriptionTask>>,
    asked: Mutex<Vec<Duration>>,
    stopped: AtomicUsize,
    go_on: Semaphore,
}

impl Scribe {
    /// One that does these turns, and then always the last of them.
    pub fn new(turns: &[Turn]) -> Arc<Self> {
        Arc::new(Self {
            turns: Mutex::new(turns.iter().copied().collect()),
            always: turns.last().copied().unwrap_or(Turn::Writes(2)),
            heard: Mutex::default(),
            asked: Mutex::default(),
            stopped: AtomicUsize::new(0),
            go_on: Semaphore::new(0),
        })
    }

    /// What it was asked to do so far, in order.
    pub fn heard(&self) -> Vec<TranscriptionTask> {
        self.heards().clone()
    }

    /// When it was asked, in order, by the monotonic clock of the machine.
    pub fn asked(&self) -> Vec<Duration> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often it was asked.
    pub fn count(&self) -> usize {
        self.heards().len()
    }

    /// How often it was stopped.
    pub fn stopped(&self) -> usize {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Lets so many attempts that wait go on.
    pub fn let_go_on(&self, attempts: usize) {
        self.go_on.add_permits(attempts);
    }

    fn heards(&self) -> MutexGuard<'_, Vec<TranscriptionTask>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn go_on(&self) {
        self.go_on.acquire().await.unwrap().forget();
    }
}

#[async_trait]
impl Engine for Scribe {
    fn kind(&self) -> &'static str {
        "scribe"
    }

    async fn models(&self) -> Vec<String> {
        vec!["scribe-1".to_owned()]
    }

    async fn transcribe(
        &self,
        work: &TranscriptionTask,
        sink: &mut dyn Sink,
        mut stop: StopFlag,
    ) -> Result<Summary, EngineError> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(SystemClock.monotonic());
        assert!(fs::metadata(&work.audio)?.len() > 44, "there is no audio");
        self.heards().push(work.clone());
        let turn = self.turns.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or(self.always);
        let segments = match turn {
            Turn::Writes(segments) => segments,
            Turn::Holds => {
                sink.progress(500);
                tokio::select! {
                    () = self.go_on() => 2,
                    _ = stop.wait_for(|stop| *stop) => {
                        self.stopped.fetch_add(1, Ordering::SeqCst);
                        return Err(EngineError::Stopped);
                    }
                }
            }
            Turn::Insists => {
                self.go_on().await;
                2
            }
            Turn::IsAway => return Err(EngineError::Unavailable("it is away".to_owned())),
            Turn::Dies => return Err(EngineError::Died("The engine died", "as it was told".to_owned())),
            Turn::Refuses => {
                return Err(EngineError::Rejected("The engine does not take this audio", "why".to_owned()));
            }
            Turn::Panics => panic!("as it was told"),
        };
        for number in 0..segments {
            sink.segment(&segment(number, work.options.words))?;
        }
        sink.progress(1_000);
        Ok(Summary {
            engine: "scribe".to_owned(),
            model: work.model.clone().or_else(|| Some("scribe-1".to_owned())),
            language: Some(work.language.clone().unwrap_or_else(|| "en".to_owned())),
            duration: Some(f64::from(segments)),
            ..Summary::default()
        })
    }
}

/// The segment of this number: from its second to half of it.
pub fn segment(number: u32, words: bool) -> Segment {
    let start = f64::from(number);
    let word = |word: &str, from: f64| Word {
        word: word.to_owned(),
        start: start + from,
        end: start + from + 0.25,
        confidence: Some(0.5),
    };
    Segment {
        start,
        end: start + 0.5,
        text: format!("word {number}"),
        confidence: Some(0.75),
        words: if words { vec![word("word", 0.0), word(&number.to_string(), 0.25)] } else { Vec::new() },
    }
}

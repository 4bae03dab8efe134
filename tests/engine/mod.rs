//! Engines on their own, without a gateway.

mod command;
mod hostile;
mod openai;
mod subtitle;
mod vad;

use dalston_engine::{Engine, EngineError, Segment, Sink, Summary, Work};
use dalston_model::JobOptions;
use std::{fs, io, path::Path};
use tempfile::TempDir;
use tokio::sync::watch;

/// Keeps what an engine finds.
#[derive(Default)]
struct Kept {
    segments: Vec<Segment>,
    progress: Vec<u16>,
}

impl Sink for Kept {
    fn segment(&mut self, segment: &Segment) -> io::Result<()> {
        self.segments.push(segment.clone());
        Ok(())
    }

    fn progress(&mut self, thousandths: u16) {
        self.progress.push(thousandths);
    }
}

impl Kept {
    fn texts(&self) -> Vec<&str> {
        self.segments.iter().map(|segment| segment.text.as_str()).collect()
    }

    fn times(&self) -> Vec<(f64, f64)> {
        self.segments.iter().map(|segment| (segment.start, segment.end)).collect()
    }
}

/// A folder with audio in it.
struct Desk {
    home: TempDir,
}

impl Desk {
    fn new(audio: &[u8]) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("audio"), audio).unwrap();
        fs::create_dir(home.path().join("desk")).unwrap();
        Self { home }
    }

    fn path(&self) -> &Path {
        self.home.path()
    }

    fn work(&self) -> Work {
        Work {
            audio: self.path().join("audio"),
            desk: self.path().join("desk"),
            filename: None,
            model: None,
            language: None,
            options: JobOptions::default(),
        }
    }

    /// What an engine makes of it, and that it leaves nothing behind.
    async fn transcribe(&self, engine: &dyn Engine, work: &Work) -> (Result<Summary, EngineError>, Kept) {
        let mut kept = Kept::default();
        let (_go, stop) = watch::channel(false);
        let summary = engine.transcribe(work, &mut kept, stop).await;
        let left: Vec<_> = fs::read_dir(&work.desk).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        (summary, kept)
    }
}

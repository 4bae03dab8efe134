//! Engines on their own, without a gateway.

mod command;
mod decoder;
mod hostile;
mod openai;
mod subtitle;
mod vad;

use dalston_engine::{
    AudioBound, DecoderProgram, Decoders, Engine, EngineError, Segment, Sink, Summary, TOO_LONG, TranscriptionTask, Vad,
};
use dalston_work::{Audio, JobOptions};
use kit::program::program;
use std::{fs, io, path::Path, sync::Arc, time::Duration};
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

/// Decoders that run the program of the gateway.
fn decoders() -> Arc<Decoders> {
    Arc::new(Decoders::new(Some(DecoderProgram::at(program("dalston-gateway"))), Duration::from_hours(1)))
}

/// The built-in engine.
fn vad() -> Vad {
    Vad::new(decoders())
}

/// What a file is, as far as it is one of the kit's.
fn about(audio: &[u8]) -> Audio {
    if !audio.starts_with(b"RIFF") {
        return Audio::default();
    }
    let rate = u32::from_le_bytes([audio[28], audio[29], audio[30], audio[31]]);
    let seconds = (audio.len() - 44) as f64 / f64::from(rate);
    Audio { format: "wav".to_owned(), duration_seconds: Some(seconds), ..Audio::default() }
}

/// A folder with audio in it.
struct Desk {
    home: TempDir,
    about: Audio,
}

impl Desk {
    fn new(audio: &[u8]) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("audio"), audio).unwrap();
        fs::create_dir(home.path().join("desk")).unwrap();
        Self { home, about: about(audio) }
    }

    fn path(&self) -> &Path {
        self.home.path()
    }

    fn work(&self) -> TranscriptionTask {
        TranscriptionTask {
            audio: self.path().join("audio"),
            work_dir: self.path().join("desk"),
            filename: None,
            about: self.about.clone(),
            most: AudioBound { seconds: 86_400.0, exceeded: TOO_LONG },
            model: None,
            language: None,
            options: JobOptions::default(),
        }
    }

    /// What an engine makes of it, and that it leaves nothing behind.
    async fn transcribe(&self, engine: &dyn Engine, work: &TranscriptionTask) -> (Result<Summary, EngineError>, Kept) {
        let mut kept = Kept::default();
        let (_go, stop) = watch::channel(false);
        let summary = engine.transcribe(work, &mut kept, stop).await;
        let left: Vec<_> = fs::read_dir(&work.work_dir).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        (summary, kept)
    }
}

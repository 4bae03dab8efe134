//! Writes a transcript to a file: one line of JSON per segment.

use crate::job_notifier::RunningJob;
use dalston_engine::{Segment, Sink, Summary};
use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

/// The file, and the running job whose progress is updated.
pub(super) struct TranscriptWriter {
    file: BufWriter<File>,
    run: Arc<RunningJob>,
    segments: u64,
    words: u64,
    speech: f64,
}

impl TranscriptWriter {
    /// Creates the file with mode 0600. Fails when it exists. Blocks.
    pub(super) fn create(path: &Path, run: Arc<RunningJob>) -> io::Result<Self> {
        let file = BufWriter::new(OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?);
        Ok(Self { file, run, segments: 0, words: 0, speech: 0.0 })
    }

    /// Flushes the file, and returns the summary with the counts of what was written. Blocks.
    pub(super) fn finish(mut self, summary: Summary) -> io::Result<Summary> {
        self.file.flush()?;
        let Self { segments, words, speech, .. } = self;
        Ok(Summary { segments, words, speech_duration: speech, ..summary })
    }
}

impl Sink for TranscriptWriter {
    fn segment(&mut self, segment: &Segment) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, segment)?;
        self.file.write_all(b"\n")?;
        self.segments += 1;
        self.words += segment.words.len() as u64;
        self.speech += (segment.end - segment.start).max(0.0);
        Ok(())
    }

    fn progress(&mut self, thousandths: u16) {
        self.run.advance(thousandths);
    }
}

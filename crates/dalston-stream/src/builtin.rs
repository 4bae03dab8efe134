//! The built-in worker: detects speech without transcribing it, and says so in a warning.

use crate::{ClientFrame, StreamConfig, WorkerEnd, WorkerEvent, WorkerEventKind, WorkerLink, samples::Samples};
use dalston_engine::{Resampler, SpeechEvent, SpeechFinder};
use dalston_work::SessionId;
use serde_json::{Value, json};
use tokio::{sync::mpsc::error::SendError, task::yield_now};

/// Bytes that are processed before the task yields to others: well under a millisecond's work.
const PIECE: usize = 8 * 1024;
/// Maximum number of segments in `session.end`, which lists the first ones. A day's talk has fewer, and the message
/// stays below 1 MiB.
const SEGMENTS: usize = 10_000;

/// A worker that runs in this process.
pub trait BuiltinWorker: Send + Sync {
    /// Starts a session.
    fn serve(&self, session: SessionId, config: &StreamConfig) -> WorkerLink;
}

/// Voice activity detection.
///
/// Runs as a cooperative task of the caller's runtime. Audio is read only as fast as the events are received.
pub struct VadWorker;

impl BuiltinWorker for VadWorker {
    fn serve(&self, session: SessionId, config: &StreamConfig) -> WorkerLink {
        let (link, end) = WorkerLink::pair();
        if let Some(ear) = VadSession::new(session, config) {
            // The task ends at the latest when the other end of its link is dropped.
            tokio::spawn(ear.serve(end));
        }
        link
    }
}

/// The state of a session.
struct VadSession {
    session: SessionId,
    rate: u32,
    samples: Samples,
    resampler: Resampler,
    finder: SpeechFinder,
    /// Offset of the finder's time in seconds: the audio before the last `clear`.
    before: f64,
    /// Samples since the last `clear`.
    heard: u64,
    began: Option<f64>,
    segments: Vec<(f64, f64)>,
    spoken: f64,
}

impl VadSession {
    fn new(session: SessionId, config: &StreamConfig) -> Option<Self> {
        Some(Self {
            session,
            rate: config.sample_rate,
            samples: Samples::new(config.encoding),
            resampler: Resampler::new(config.sample_rate, 1)?,
            finder: SpeechFinder::new(),
            before: 0.0,
            heard: 0,
            began: None,
            segments: Vec::new(),
            spoken: 0.0,
        })
    }

    /// Processes the client's frames until the end of the session, or until the receiver is gone.
    async fn serve(mut self, mut end: WorkerEnd) {
        let said: Result<(), SendError<WorkerEvent>> = async {
            let message = "The built-in worker finds speech and transcribes none: no transcript will come. \
                For text register a worker: PUT /v1/workers/{worker_id}";
            end.say
                .send(WorkerEvent::new(WorkerEventKind::Warning, json!({"code": "no_transcript", "message": message})))
                .await?;
            while let Some(frame) = end.heard.recv().await {
                match frame {
                    ClientFrame::Audio(audio) => {
                        for piece in audio.chunks(PIECE) {
                            for said in self.hear(piece) {
                                end.say.send(said).await?;
                            }
                            if audio.len() > PIECE {
                                yield_now().await;
                            }
                        }
                    }
                    ClientFrame::Control(text) => match order(&text) {
                        WorkerCommand::Flush => {
                            if let Some(said) = self.flush() {
                                end.say.send(said).await?;
                            }
                        }
                        WorkerCommand::Clear => self.clear(),
                        WorkerCommand::End => {
                            if let Some(said) = self.flush() {
                                end.say.send(said).await?;
                            }
                            return end.say.send(self.ended()).await;
                        }
                        WorkerCommand::Other => {}
                    },
                }
            }
            Ok(())
        }
        .await;
        if said.is_err() {
            tracing::debug!(
                event = "builtin_worker.receiver_gone",
                session = %self.session,
                "stopped the built-in worker"
            );
        }
    }

    fn hear(&mut self, bytes: &[u8]) -> Vec<WorkerEvent> {
        let samples = self.samples.read(bytes);
        self.heard += samples.len() as u64;
        let events = self.finder.push(self.resampler.push(samples));
        events.into_iter().map(|event| self.tell(event)).collect()
    }

    /// Ends the current utterance: speech in progress ends here.
    fn flush(&mut self) -> Option<WorkerEvent> {
        self.finder.finish().map(|event| self.tell(event))
    }

    /// Discards audio that has not led to an event yet. The time continues.
    fn clear(&mut self) {
        self.before = self.seconds();
        self.heard = 0;
        self.samples.clear();
        self.resampler.reset();
        self.finder = SpeechFinder::new();
        self.began = None;
    }

    fn tell(&mut self, event: SpeechEvent) -> WorkerEvent {
        let (kind, at) = match event {
            SpeechEvent::Start { at } => (WorkerEventKind::SpeechStart, self.before + at),
            SpeechEvent::End { at } => (WorkerEventKind::SpeechEnd, self.before + at),
        };
        match (kind, self.began.take()) {
            (WorkerEventKind::SpeechStart, _) => self.began = Some(at),
            (_, Some(began)) => {
                self.spoken += at - began;
                if self.segments.len() < SEGMENTS {
                    self.segments.push((began, at));
                }
            }
            _ => {}
        }
        WorkerEvent::new(kind, json!({"timestamp": millis(at)}))
    }

    fn ended(&self) -> WorkerEvent {
        let segment = |(start, end): &(f64, f64)| json!({"start": millis(*start), "end": millis(*end), "text": ""});
        WorkerEvent::new(
            WorkerEventKind::End,
            json!({
                "session_id": self.session.to_string(),
                "total_duration": millis(self.seconds()),
                "total_speech_duration": millis(self.spoken),
                "transcript": "",
                "segments": self.segments.iter().map(segment).collect::<Vec<_>>(),
            }),
        )
    }

    /// Returns the seconds of audio since the session began.
    fn seconds(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "2^53 samples are thousands of years")]
        let heard = self.heard as f64;
        self.before + heard / f64::from(self.rate)
    }
}

/// A command of the client to a worker.
enum WorkerCommand {
    Flush,
    Clear,
    End,
    /// Not a command of this worker. Ignored.
    Other,
}

fn order(text: &str) -> WorkerCommand {
    let message = serde_json::from_str::<Value>(text).unwrap_or_default();
    match message["type"].as_str() {
        Some("flush") => WorkerCommand::Flush,
        Some("clear") => WorkerCommand::Clear,
        Some("end") => WorkerCommand::End,
        _ => WorkerCommand::Other,
    }
}

/// Rounds seconds to three decimals.
fn millis(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}

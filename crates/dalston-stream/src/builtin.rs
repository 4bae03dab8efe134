//! The built-in worker: it finds speech and writes nothing down, and says so.

use crate::{ClientFrame, StreamConfig, WorkerEnd, WorkerEvent, WorkerEventKind, WorkerLink, samples::Samples};
use dalston_engine::{Resampler, SpeechEvent, SpeechFinder};
use dalston_work::SessionId;
use serde_json::{Value, json};
use tokio::{sync::mpsc::error::SendError, task::yield_now};

/// Bytes that are heard at once before others have their turn: well under a millisecond's work.
const PIECE: usize = 8 * 1024;
/// Segments that `session.end` lists at most, the first: a day's talk has fewer, and its message stays below 1 MiB.
const SEGMENTS: usize = 10_000;

/// A worker within the process.
pub trait BuiltinWorker: Send + Sync {
    /// Begins a session.
    fn serve(&self, session: SessionId, config: &StreamConfig) -> WorkerLink;
}

/// Voice activity detection. It works in turn with whatever else its thread does, and hears no faster than what it
/// says is taken.
pub struct VadWorker;

impl BuiltinWorker for VadWorker {
    fn serve(&self, session: SessionId, config: &StreamConfig) -> WorkerLink {
        let (link, end) = WorkerLink::pair();
        if let Some(ear) = VadSession::new(session, config) {
            // It ends when the other end of its link is dropped, at the latest.
            tokio::spawn(ear.serve(end));
        }
        link
    }
}

/// What a session has heard.
struct VadSession {
    session: SessionId,
    rate: u32,
    samples: Samples,
    resampler: Resampler,
    finder: SpeechFinder,
    /// What the finder's time begins with: what was before the last `clear`.
    before: f64,
    /// Samples since then.
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

    /// Hears until the end; when nobody listens any more it is over too.
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

    /// What was heard until now is over: speech that is on ends here.
    fn flush(&mut self) -> Option<WorkerEvent> {
        self.finder.finish().map(|event| self.tell(event))
    }

    /// What was heard and not told yet is forgotten; time goes on.
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

    /// Seconds of audio since the session began.
    fn seconds(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "2^53 samples are thousands of years")]
        let heard = self.heard as f64;
        self.before + heard / f64::from(self.rate)
    }
}

/// What a message of the client tells a worker to do.
enum WorkerCommand {
    Flush,
    Clear,
    End,
    /// Nothing that it could follow.
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

/// Seconds with three digits.
fn millis(seconds: f64) -> f64 {
    (seconds * 1_000.0).round() / 1_000.0
}

//! Workers of streams that hear and answer, so that a stream can be open.

use dalston_stream::{BuiltinWorker, ClientFrame, StreamConfig, WorkerEnd, WorkerEvent, WorkerEventKind, WorkerLink};
use dalston_work::SessionId;
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Always has room; answers each frame of audio with its length, and `end` with `session.end`.
pub struct Echo;

impl BuiltinWorker for Echo {
    fn serve(&self, session: SessionId, _: &StreamConfig) -> WorkerLink {
        let (link, WorkerEnd { mut heard, say }) = WorkerLink::pair();
        tokio::spawn(async move {
            while let Some(frame) = heard.recv().await {
                let (answer, ends) = match frame {
                    ClientFrame::Audio(audio) => {
                        (WorkerEvent::new(WorkerEventKind::Partial, json!({"text": audio.len().to_string()})), false)
                    }
                    ClientFrame::Control(text) => (
                        WorkerEvent::new(WorkerEventKind::End, json!({"session_id": session.to_string()})),
                        text.contains("end"),
                    ),
                };
                if say.send(answer).await.is_err() || ends {
                    break;
                }
            }
        });
        link
    }
}

/// Always has room; hears nothing, and says long messages for as long as somebody takes them.
#[derive(Default)]
pub struct Flood {
    /// How many it has said.
    pub said: Arc<AtomicU64>,
}

impl BuiltinWorker for Flood {
    fn serve(&self, _: SessionId, _: &StreamConfig) -> WorkerLink {
        let (link, WorkerEnd { heard, say }) = WorkerLink::pair();
        let said = self.said.clone();
        tokio::spawn(async move {
            let message = WorkerEvent::new(WorkerEventKind::Partial, json!({"text": "x".repeat(64 * 1024)}));
            while say.send(message.clone()).await.is_ok() {
                said.fetch_add(1, Ordering::Relaxed);
            }
            drop(heard);
        });
        link
    }
}

//! Workers of streams that hear and answer, so that a stream can be open.

use async_trait::async_trait;
use dalston_model::{SessionId, TenantId};
use dalston_service::{ClientFrame, StreamConfig, WorkerLink, Workers};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::mpsc;

/// Always has room; answers each frame of audio with its length, and `end` with `session.end`.
pub struct Echo;

#[async_trait]
impl Workers for Echo {
    async fn acquire(&self, _: &TenantId, session: SessionId, _: &StreamConfig) -> Option<WorkerLink> {
        let (to, mut heard) = mpsc::channel(4);
        let (say, from) = mpsc::channel(4);
        tokio::spawn(async move {
            while let Some(frame) = heard.recv().await {
                let (answer, ends) = match frame {
                    ClientFrame::Audio(audio) => {
                        (json!({"type": "transcript.partial", "text": audio.len().to_string()}), false)
                    }
                    ClientFrame::Control(text) => {
                        (json!({"type": "session.end", "session_id": session.to_string()}), text.contains("end"))
                    }
                };
                if say.send(answer.to_string()).await.is_err() || ends {
                    break;
                }
            }
        });
        Some(WorkerLink { to, from })
    }
}

/// Always has room; hears nothing, and says long messages for as long as somebody takes them.
#[derive(Default)]
pub struct Flood {
    /// How many it has said.
    pub said: Arc<AtomicU64>,
}

#[async_trait]
impl Workers for Flood {
    async fn acquire(&self, _: &TenantId, _: SessionId, _: &StreamConfig) -> Option<WorkerLink> {
        let (to, heard) = mpsc::channel(4);
        let (say, from) = mpsc::channel(4);
        let said = self.said.clone();
        tokio::spawn(async move {
            let message = json!({"type": "transcript.partial", "text": "x".repeat(64 * 1024)}).to_string();
            while say.send(message.clone()).await.is_ok() {
                said.fetch_add(1, Ordering::Relaxed);
            }
            drop(heard);
        });
        Some(WorkerLink { to, from })
    }
}

use crate::{Command, CommandAnswer, CommandContext, Effect, HttpRoute, Method};
use dalston_auth::{FieldError, rights};
use dalston_service::{ServiceError, ServiceResult, WorkerRegistration, WorkerView};
use schemars::JsonSchema;
use serde::Deserialize;

/// Maximum number of concurrent sessions, maximum number of words in a list, and maximum length of a URL in characters.
const MOST: u32 = 10_000;
const WORDS: usize = 64;
const LONGEST: usize = 1_000;

/// Register a stream worker, or renew its registration.
///
/// A registration expires after 30 seconds: renew it every 10 seconds.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Register {
    /// Name of the worker: letters, digits, _, . and -, 1 to 63 characters; the first a letter or digit.
    worker_id: String,
    /// URL of its WebSocket: ws:// or wss://, at most 1000 characters.
    #[schemars(length(max = 1000))]
    url: String,
    /// Maximum number of concurrent sessions, 1 to 10000.
    #[schemars(range(min = 1, max = 10_000))]
    capacity: u32,
    /// Models that it offers, at most 64; an empty list, the default, for any.
    #[serde(default)]
    #[schemars(length(max = 64))]
    models: Vec<String>,
    /// Languages that it supports, at most 64; an empty list, the default, for any.
    #[serde(default)]
    #[schemars(length(max = 64))]
    languages: Vec<String>,
    /// Whether it serves all tenants, which requires the scope platform; false by default.
    #[serde(default)]
    shared: bool,
}

impl Command for Register {
    type Right = rights::Worker;
    type Output = WorkerView;

    const NAME: &'static str = "workers.register";
    const TOOL: &'static str = "register_worker";
    const EFFECT: Effect = Effect::Write;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Put, "/v1/workers/{worker_id}");
    const EXAMPLE: &'static str = "worker_id=gpu-1 url=ws://gpu-1:9000/session capacity=4";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let mut wrong = Vec::new();
        let id = self.worker_id.parse();
        if id.is_err() {
            let detail = "must begin with a letter or digit and hold only letters, digits, _, . and -, at most 63";
            wrong.push(FieldError::new("worker_id", detail));
        }
        if !is_url(&self.url) {
            wrong.push(FieldError::new("url", "must be a URL like ws://host:port/session or wss://…"));
        }
        if !(1..=MOST).contains(&self.capacity) {
            wrong.push(FieldError::new("capacity", "must be an integer from 1 to 10000"));
        }
        for (field, words) in [("models", &self.models), ("languages", &self.languages)] {
            if words.len() > WORDS || !words.iter().all(|word| is_word(word)) {
                wrong.push(FieldError::new(field, "must be at most 64 words of 1 to 64 visible ASCII characters"));
            }
        }
        let (Ok(id), []) = (id, wrong.as_slice()) else { return Err(ServiceError::Invalid(wrong)) };
        let ask = WorkerRegistration {
            id,
            url: self.url,
            capacity: self.capacity,
            models: self.models,
            languages: self.languages,
            shared: self.shared,
        };
        let load = context.services.workers.register(&context.permit, ask).await?;
        Ok(CommandAnswer::new(WorkerView::new(&load, &context.permit)))
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("ws://").or_else(|| text.strip_prefix("wss://"));
    let has_host = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', ':', '@']));
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'"' | b'<' | b'>' | b'\\');
    has_host && text.len() <= LONGEST && text.bytes().all(plain)
}

fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_of_websockets_are_taken() {
        for right in ["ws://gpu-1:9000/session", "wss://[::1]/s?k=v", "ws://h"] {
            assert!(is_url(right), "{right}");
        }
        for wrong in ["", "http://h", "ws://", "ws:///s", "ws://h s", "ws://h#4", "WS://h", "ws://:80", "ws://hé"] {
            assert!(!is_url(wrong), "{wrong}");
        }
    }
}

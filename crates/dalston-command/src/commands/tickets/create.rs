use crate::{Command, CommandAnswer, CommandContext, DATA_ROUTES, Effect, Handler, HttpRoute};
use dalston_auth::{FieldError, rights};
use dalston_service::{ServiceError, ServiceResult, TicketRequest, TicketView};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

/// Default lifetime of a ticket in seconds, and the maximum duration of a stream in seconds: a day.
const USUAL: u32 = 30;
const LONGEST: u32 = 86_400;
/// Maximum length of an origin in characters.
const ORIGIN: usize = 255;

/// Create a ticket: a one-time credential that opens one stream.
///
/// For browsers, which cannot send an authentication header when they open a stream.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Create {
    /// Path of the stream that the ticket opens.
    #[schemars(length(max = 255))]
    path: String,
    /// Only origin that may use the ticket, such as `https://app.example.com`; any by default.
    #[schemars(length(max = 255))]
    origin: Option<String>,
    /// Lifetime of the ticket in seconds, 5 to 300; 30 by default.
    #[serde(default = "usual")]
    #[schemars(range(min = 5, max = 300))]
    ttl_seconds: u32,
    /// Maximum duration of the stream in seconds, 1 to 86400; until the key expires by default.
    #[schemars(range(min = 1, max = 86_400))]
    max_session_seconds: Option<u32>,
}

impl Command for Create {
    type Right = rights::Realtime;
    type Output = TicketView;

    const NAME: &'static str = "tickets.create";
    const TOOL: &'static str = "create_ticket";
    const EFFECT: Effect = Effect::Write;
    const ROUTE: HttpRoute = HttpRoute::creating("/auth/tickets");
    const EXAMPLE: &'static str = "path=/v1/audio/transcriptions/stream origin=https://app.example.com";

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let mut wrong = Vec::new();
        if !DATA_ROUTES.iter().any(|route| is_stream(route.handler) && route.pattern == self.path) {
            wrong.push(FieldError::new("path", "must be the path of a stream: /v1/audio/transcriptions/stream"));
        }
        if self.origin.as_deref().is_some_and(|origin| !is_origin(origin)) {
            wrong.push(FieldError::new("origin", "must be an origin like https://app.example.com"));
        }
        if !(5..=300).contains(&self.ttl_seconds) {
            wrong.push(FieldError::new("ttl_seconds", "must be an integer from 5 to 300"));
        }
        if self.max_session_seconds.is_some_and(|seconds| !(1..=LONGEST).contains(&seconds)) {
            wrong.push(FieldError::new("max_session_seconds", "must be an integer from 1 to 86400"));
        }
        if !wrong.is_empty() {
            return Err(ServiceError::Invalid(wrong));
        }
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let ask = TicketRequest {
            path: self.path,
            origin: self.origin,
            ttl: seconds(self.ttl_seconds),
            session_limit: self.max_session_seconds.map(seconds),
        };
        let (secret, expires_at) = context.services.tickets.create(&context.permit, ask).await?;
        Ok(CommandAnswer { secret: Some(secret), ..CommandAnswer::new(TicketView { expires_at }) })
    }
}

/// Returns whether a ticket can open a route with this handler.
const fn is_stream(handler: Handler) -> bool {
    matches!(handler, Handler::Stream | Handler::Realtime)
}

/// Returns whether a text is an origin as browsers send it (RFC 6454 §6.2).
fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']' | b'_');
    text.len() <= ORIGIN && rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain))
}

const fn usual() -> u32 {
    USUAL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_are_taken() {
        for right in ["https://app.example.com", "http://localhost:3000", "http://[::1]:80"] {
            assert!(is_origin(right), "{right}");
        }
        for wrong in ["", "null", "https://", "https://a/", "https://a?b", "ftp://a", "app.example.com", "https://a b"]
        {
            assert!(!is_origin(wrong), "{wrong}");
        }
    }
}

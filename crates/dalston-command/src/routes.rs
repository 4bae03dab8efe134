//! Table of HTTP routes that are not commands: health and the data plane. Policy, registration and help derive from it.

use crate::Method;
use dalston_auth::Requirement;
use dalston_model::Scope;

/// The handler of a route; the gateway has a function for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    /// Liveness check.
    Health,
    /// Readiness check: whether a new connection to the store works.
    Ready,
    /// Runs a command, a message to the language model, or a confirmation.
    Call,
    /// Upload of audio.
    Upload,
    /// Export of a transcript as a file.
    Export,
    /// Server-sent events of a job's progress.
    Events,
    /// Transcription with the OpenAI API.
    OpenAiTranscribe,
    /// Translation into English with the OpenAI API.
    OpenAiTranslate,
    /// List of models with the OpenAI API.
    OpenAiModels,
    /// A single model with the OpenAI API.
    OpenAiModel,
    /// WebSocket of a transcription stream.
    Stream,
    /// WebSocket of OpenAI's realtime protocol.
    Realtime,
    /// Webhook of the Telegram bot.
    Telegram,
    /// Model Context Protocol (MCP).
    Mcp,
    /// Page of a claim link.
    Claim,
    /// Delivery of the secret behind a claim link.
    OpenClaim,
}

/// A route of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataRoute {
    /// Handler.
    pub handler: Handler,
    /// Method.
    pub method: Method,
    /// Path pattern.
    pub pattern: &'static str,
    /// The required permission; `None`: the route needs no authentication.
    pub requirement: Option<Requirement>,
    /// Description.
    pub summary: &'static str,
    /// Example call.
    pub example: &'static str,
}

/// All routes that are not commands.
pub const DATA_ROUTES: &[DataRoute] = &[
    DataRoute {
        handler: Handler::Health,
        method: Method::Get,
        pattern: "/health",
        requirement: None,
        summary: "Check that the process is alive.",
        example: "curl http://localhost:8000/health",
    },
    DataRoute {
        handler: Handler::Ready,
        method: Method::Get,
        pattern: "/health/ready",
        requirement: None,
        summary: "Check that the store accepts writes, on a new connection.",
        example: "curl http://localhost:8000/health/ready",
    },
    DataRoute {
        handler: Handler::Call,
        method: Method::Post,
        pattern: "/call",
        requirement: Some(Requirement::Caller),
        summary: "Run a command, talk to the language model, or confirm: JSON with command, message or confirm.",
        example: "curl -H \"Authorization: Bearer $DALSTON_API_KEY\" --json '{\"command\": \"/status\"}' http://localhost:8000/call",
    },
    DataRoute {
        handler: Handler::Upload,
        method: Method::Post,
        pattern: "/v1/audio/transcriptions",
        requirement: Some(Requirement::Scope(Scope::JobsWrite)),
        summary: "Create a transcription job: multipart with exactly one file; model, language, prompt, temperature, timestamps, metadata are optional; wait in the query.",
        example: "curl -H \"Authorization: Bearer $DALSTON_API_KEY\" -F file=@audio.wav http://localhost:8000/v1/audio/transcriptions",
    },
    DataRoute {
        handler: Handler::Export,
        method: Method::Get,
        pattern: "/v1/audio/transcriptions/{job_id}/export/{format}",
        requirement: Some(Requirement::Scope(Scope::JobsRead)),
        summary: "Export the transcript of a completed job as srt, vtt, txt or json; max_line_length, max_lines in the query.",
        example: "curl -OJ -H \"Authorization: Bearer $DALSTON_API_KEY\" http://localhost:8000/v1/audio/transcriptions/job_0192f0c12b7a7c3e9d415f6e7a8b9c0d/export/srt",
    },
    DataRoute {
        handler: Handler::Events,
        method: Method::Get,
        pattern: "/v1/audio/transcriptions/{job_id}/events",
        requirement: Some(Requirement::Scope(Scope::JobsRead)),
        summary: "Stream the events of a job: server-sent events with the job whenever its status or progress changes, until it has ended.",
        example: "curl -N -H \"Authorization: Bearer $DALSTON_API_KEY\" http://localhost:8000/v1/audio/transcriptions/job_0192f0c12b7a7c3e9d415f6e7a8b9c0d/events",
    },
    DataRoute {
        handler: Handler::OpenAiTranscribe,
        method: Method::Post,
        pattern: "/openai/v1/audio/transcriptions",
        requirement: Some(Requirement::Scope(Scope::JobsWrite)),
        summary: "Transcribe audio as OpenAI does, for its clients: json, text, srt, verbose_json or vtt; it waits for the transcript.",
        example: "OPENAI_BASE_URL=http://localhost:8000/openai/v1 OPENAI_API_KEY=$DALSTON_API_KEY openai api audio.transcriptions.create -m whisper-1 -f audio.wav",
    },
    DataRoute {
        handler: Handler::OpenAiTranslate,
        method: Method::Post,
        pattern: "/openai/v1/audio/translations",
        requirement: Some(Requirement::Scope(Scope::JobsWrite)),
        summary: "Translate audio into English as OpenAI does, for its clients.",
        example: "curl -H \"Authorization: Bearer $DALSTON_API_KEY\" -F file=@audio.wav -F model=whisper-1 http://localhost:8000/openai/v1/audio/translations",
    },
    DataRoute {
        handler: Handler::OpenAiModels,
        method: Method::Get,
        pattern: "/openai/v1/models",
        requirement: Some(Requirement::Scope(Scope::JobsRead)),
        summary: "List the models of the engine as OpenAI does.",
        example: "curl -H \"Authorization: Bearer $DALSTON_API_KEY\" http://localhost:8000/openai/v1/models",
    },
    DataRoute {
        handler: Handler::OpenAiModel,
        method: Method::Get,
        pattern: "/openai/v1/models/{model}",
        requirement: Some(Requirement::Scope(Scope::JobsRead)),
        summary: "Show a model of the engine as OpenAI does.",
        example: "curl -H \"Authorization: Bearer $DALSTON_API_KEY\" http://localhost:8000/openai/v1/models/whisper-1",
    },
    DataRoute {
        handler: Handler::OpenAiModels,
        method: Method::Get,
        pattern: "/v1/models",
        requirement: Some(Requirement::Scope(Scope::JobsRead)),
        summary: "List the models of the engine as OpenAI does, for clients whose base URL ends with /v1.",
        example: "curl -H \"Authorization: Bearer $DALSTON_API_KEY\" http://localhost:8000/v1/models",
    },
    DataRoute {
        handler: Handler::OpenAiModel,
        method: Method::Get,
        pattern: "/v1/models/{model}",
        requirement: Some(Requirement::Scope(Scope::JobsRead)),
        summary: "Show a model of the engine as OpenAI does, for clients whose base URL ends with /v1.",
        example: "curl -H \"Authorization: Bearer $DALSTON_API_KEY\" http://localhost:8000/v1/models/whisper-1",
    },
    DataRoute {
        handler: Handler::Stream,
        method: Method::Get,
        pattern: "/v1/audio/transcriptions/stream",
        requirement: Some(Requirement::Scope(Scope::Realtime)),
        summary: "Open a transcription stream: a WebSocket; language, model, encoding, sample_rate in the query.",
        example: "websocat \"ws://localhost:8000/v1/audio/transcriptions/stream?api_key=$DALSTON_API_KEY&language=en\"",
    },
    DataRoute {
        handler: Handler::Realtime,
        method: Method::Get,
        pattern: "/openai/v1/realtime",
        requirement: Some(Requirement::Scope(Scope::Realtime)),
        summary: "Open a transcription stream as with OpenAI: a WebSocket; intent=transcription in the query.",
        example: "websocat -H \"Authorization: Bearer $DALSTON_API_KEY\" \"ws://localhost:8000/openai/v1/realtime?intent=transcription\"",
    },
    DataRoute {
        handler: Handler::Telegram,
        method: Method::Post,
        pattern: "/telegram",
        requirement: None,
        summary: "Receive updates of the Telegram bot in webhook mode: with the secret registered with Telegram, else 401.",
        example: "curl -H \"X-Telegram-Bot-Api-Secret-Token: …\" -d '{\"update_id\": 1}' http://localhost:8000/telegram",
    },
    DataRoute {
        handler: Handler::Mcp,
        method: Method::Post,
        pattern: "/mcp",
        requirement: Some(Requirement::Caller),
        summary: "Speak the Model Context Protocol over streamable HTTP: your commands are its tools.",
        example: "curl -H \"Authorization: Bearer $DALSTON_API_KEY\" --json '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}' http://localhost:8000/mcp",
    },
    DataRoute {
        handler: Handler::Claim,
        method: Method::Get,
        pattern: "/auth/claims/{token}",
        requirement: None,
        summary: "Show the page of a claim link, with a button that retrieves the secret. Does not retrieve it.",
        example: "xdg-open http://localhost:8000/auth/claims/TOKEN",
    },
    DataRoute {
        handler: Handler::OpenClaim,
        method: Method::Post,
        pattern: "/auth/claims/{token}",
        requirement: None,
        summary: "Retrieve the secret of a claim link, once, within five minutes.",
        example: "curl -X POST http://localhost:8000/auth/claims/TOKEN",
    },
];

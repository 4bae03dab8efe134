use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What came of a nudge that reached somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct NudgeOutcome {
    /// Whom it reached.
    pub result: NudgeResult,
    /// Whether it did not reach everybody.
    pub partial: bool,
}

/// What came of a nudge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NudgeView {
    /// `success`, or `partial` when it did not reach everybody.
    pub status: String,
    /// Whom it reached.
    pub result: NudgeResult,
}

/// Whom a nudge reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NudgeResult {
    /// Who worded it: `direct` or `llm`.
    pub mode: String,
    /// How many got it.
    pub sent_count: u32,
    /// How many did not.
    pub failed_count: u32,
    /// Each of them.
    pub results: Vec<SentView>,
}

/// What came of a nudge to one administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SentView {
    /// The chat id of the administrator.
    pub user_id: i64,
    /// `sent` or `failed`.
    pub status: String,
    /// The message in the chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64")]
    pub message_id: Option<i64>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub error: Option<String>,
}

impl NudgeView {
    const SUCCESS: &str = "success";

    /// Whether it reached everybody.
    pub fn is_success(&self) -> bool {
        self.status == Self::SUCCESS
    }
}

impl From<NudgeOutcome> for NudgeView {
    fn from(nudged: NudgeOutcome) -> Self {
        Self { status: if nudged.partial { "partial" } else { Self::SUCCESS }.to_owned(), result: nudged.result }
    }
}

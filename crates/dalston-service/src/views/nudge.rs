use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The result of a nudge that reached at least one administrator.
#[derive(Debug, Clone, PartialEq)]
pub struct NudgeOutcome {
    /// The recipients.
    pub result: NudgeResult,
    /// Whether some administrators were not reached.
    pub partial: bool,
}

/// The result of a nudge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NudgeView {
    /// `success`, or `partial` when some administrators were not reached.
    pub status: String,
    /// The recipients.
    pub result: NudgeResult,
}

/// The recipients of a nudge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NudgeResult {
    /// Who composed the message: `direct` or `llm`.
    pub mode: String,
    /// Number of administrators that received the message.
    pub sent_count: u32,
    /// Number of administrators that did not.
    pub failed_count: u32,
    /// The result for each administrator.
    pub results: Vec<SentView>,
}

/// The result of a nudge for one administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SentView {
    /// The administrator's chat id.
    pub user_id: i64,
    /// `sent` or `failed`.
    pub status: String,
    /// The id of the message in the chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64")]
    pub message_id: Option<i64>,
    /// Why sending failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub error: Option<String>,
}

impl NudgeView {
    const SUCCESS: &str = "success";

    /// Whether all administrators were reached.
    pub fn is_success(&self) -> bool {
        self.status == Self::SUCCESS
    }
}

impl From<NudgeOutcome> for NudgeView {
    fn from(nudged: NudgeOutcome) -> Self {
        Self { status: if nudged.partial { "partial" } else { Self::SUCCESS }.to_owned(), result: nudged.result }
    }
}

//! Wire types of the OpenAI chat completions API. Compatible servers omit fields, add fields and send null.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The request body.
#[derive(Serialize)]
pub(super) struct ModelRequest<'a> {
    pub(super) model: &'a str,
    pub(super) messages: &'a [ModelMessage],
    #[serde(skip_serializing_if = "<[Value]>::is_empty")]
    pub(super) tools: &'a [Value],
}

/// A message of the conversation.
#[derive(Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
pub(super) enum ModelMessage {
    /// The system prompt.
    System { content: String },
    /// From the caller.
    User { content: String },
    /// From the model.
    Assistant { content: Option<String>, tool_calls: Vec<ToolCall> },
    /// The result of a tool that the model called.
    Tool { tool_call_id: String, content: String },
}

/// A tool call requested by the model.
#[derive(Serialize, Deserialize)]
pub(super) struct ToolCall {
    #[serde(default, deserialize_with = "text")]
    pub(super) id: String,
    #[serde(rename = "type", skip_deserializing, default = "function")]
    kind: &'static str,
    pub(super) function: ToolFunction,
}

/// The name of a tool, and its arguments as JSON in a string.
#[derive(Serialize, Deserialize)]
pub(super) struct ToolFunction {
    #[serde(default, deserialize_with = "text")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "text")]
    pub(super) arguments: String,
}

/// The response body.
#[derive(Deserialize)]
pub(super) struct ModelResponse {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: WrittenMessage,
}

#[derive(Deserialize)]
struct WrittenMessage {
    #[serde(default)]
    content: Value,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<ToolCall>>,
}

/// One turn of the model: text, or tool calls.
pub(super) struct ModelTurn {
    pub(super) text: String,
    pub(super) calls: Vec<ToolCall>,
}

impl ModelResponse {
    /// Returns the first choice as a turn; `None` if the response has none.
    pub(super) fn turn(self) -> Option<ModelTurn> {
        let WrittenMessage { content, refusal, tool_calls } = self.choices.into_iter().next()?.message;
        let text = match content {
            Value::String(text) => text,
            // Content given as an array of text parts.
            Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
            _ => refusal.unwrap_or_default(),
        };
        let mut calls = tool_calls.unwrap_or_default();
        for (number, call) in calls.iter_mut().enumerate().filter(|(_, call)| call.id.is_empty()) {
            call.id = format!("call_{number}");
        }
        Some(ModelTurn { text, calls })
    }
}

impl From<ModelTurn> for ModelMessage {
    fn from(turn: ModelTurn) -> Self {
        Self::Assistant { content: (!turn.text.is_empty()).then_some(turn.text), tool_calls: turn.calls }
    }
}

const fn function() -> &'static str {
    "function"
}

/// Reads a string: empty for null, and the JSON text for any other type.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn turn(message: &Value) -> ModelTurn {
        let answered = json!({"choices": [{"message": message, "logprobs": null}], "new": 1});
        serde_json::from_value::<ModelResponse>(answered).unwrap().turn().unwrap()
    }

    #[test]
    fn servers_that_leave_out_or_add_fields_are_understood() {
        assert_eq!(turn(&json!({"content": "a"})).text, "a");
        assert_eq!(turn(&json!({"content": [{"type": "text", "text": "a"}, {"text": "b"}]})).text, "ab");
        assert_eq!(turn(&json!({"content": null, "refusal": "no", "tool_calls": null})).text, "no");
        let asked = turn(&json!({"tool_calls": [
            {"function": {"name": "help", "arguments": {"a": 1}}},
            {"id": "x", "type": "function", "index": 0, "function": {"name": "status", "arguments": "{}"}},
            {"id": null, "function": {"name": "whoami", "arguments": null}},
        ]}));
        let wanted = json!([
            {"id": "call_0", "type": "function", "function": {"name": "help", "arguments": "{\"a\":1}"}},
            {"id": "x", "type": "function", "function": {"name": "status", "arguments": "{}"}},
            {"id": "call_2", "type": "function", "function": {"name": "whoami", "arguments": ""}},
        ]);
        assert_eq!(json!(asked.calls), wanted);
    }
}

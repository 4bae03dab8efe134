//! Problem details of a refused call (RFC 9457).

use dalston_model::ErrorCode;
use serde::Deserialize;
use std::{fmt, time::Duration};

/// The problem details that a gateway returned: a refusal, or a fault of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedProblem {
    /// The HTTP status.
    pub status: u16,
    /// The stable error code.
    pub code: ErrorCode,
    /// The explanation for people.
    pub detail: String,
    /// The invalid fields.
    pub errors: Vec<FieldProblem>,
    /// The request id, for finding the request in the gateway's log.
    pub request_id: Option<String>,
    /// How long to wait before the next request, from `Retry-After` in seconds.
    pub retry_after: Option<Duration>,
}

/// An invalid field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FieldProblem {
    /// The name of the field.
    pub field: String,
    /// What the field must be.
    pub detail: String,
}

/// The JSON of a problem. Unknown members are ignored.
#[derive(Deserialize)]
struct WireProblem {
    code: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<FieldProblem>,
    request_id: Option<String>,
}

impl ReceivedProblem {
    /// Parses the body of a problem. Returns `None` if it is not a gateway's.
    pub(crate) fn read(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Option<Self> {
        let WireProblem { code, detail, errors, request_id } = serde_json::from_slice(body).ok()?;
        Some(Self { status, code: code.parse().ok()?, detail, errors, request_id, retry_after })
    }
}

/// The invalid fields in one line, or the detail if there are none.
impl fmt::Display for ReceivedProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.errors.is_empty() {
            return f.write_str(&self.detail);
        }
        for (at, FieldProblem { field, detail }) in self.errors.iter().enumerate() {
            write!(f, "{}{field} {detail}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

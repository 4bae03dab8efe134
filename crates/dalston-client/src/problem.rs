//! What a gateway refuses, as it says it (RFC 9457).

use dalston_model::ErrorCode;
use serde::Deserialize;
use std::{fmt, time::Duration};

/// A refusal or a fault of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedProblem {
    /// The status.
    pub status: u16,
    /// The stable code.
    pub code: ErrorCode,
    /// What is wrong, for people.
    pub detail: String,
    /// The fields that are not acceptable.
    pub errors: Vec<FieldProblem>,
    /// The id of the request, for whoever looks into the gateway's log.
    pub request_id: Option<String>,
    /// When to ask again, from `Retry-After` in seconds.
    pub retry_after: Option<Duration>,
}

/// A field that is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FieldProblem {
    /// Its name.
    pub field: String,
    /// What it must be.
    pub detail: String,
}

/// A problem on the wire. Other members are passed over.
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
    /// Reads the body of a refusal. `None`: it is not one of a gateway's.
    pub(crate) fn read(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Option<Self> {
        let WireProblem { code, detail, errors, request_id } = serde_json::from_slice(body).ok()?;
        Some(Self { status, code: code.parse().ok()?, detail, errors, request_id, retry_after })
    }
}

/// The fields in a line, else the detail.
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

use dalston_model::Timestamp;
use dalston_work::Delivery;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A delivery of a webhook: its subject and state, without the full body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryView {
    /// The delivery's permanent id.
    pub id: String,
    /// The webhook that the delivery belongs to.
    pub webhook_id: String,
    /// The type of the event.
    #[serde(rename = "type")]
    pub kind: String,
    /// The job that the event is about.
    pub transcription_id: Option<String>,
    /// The state of the delivery.
    pub status: String,
    /// Number of attempts so far.
    pub attempts: u32,
    /// When the event happened.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// When the next attempt is due; null once the delivery has ended.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub next_at: Option<Timestamp>,
    /// When the last attempt was made.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_at: Option<Timestamp>,
    /// The HTTP status of the endpoint's last response.
    pub last_status: Option<u16>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// The part of the event's body that names the job.
#[derive(Deserialize)]
struct EventBody {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    transcription_id: Option<String>,
}

impl From<&Delivery> for DeliveryView {
    fn from(delivery: &Delivery) -> Self {
        let body = serde_json::from_str::<EventBody>(&delivery.body);
        Self {
            id: delivery.id.to_string(),
            webhook_id: delivery.webhook.to_string(),
            kind: delivery.kind.as_str().to_owned(),
            transcription_id: body.ok().and_then(|body| body.data.transcription_id),
            status: delivery.status.as_str().to_owned(),
            attempts: delivery.attempts,
            created_at: delivery.created_at,
            next_at: delivery.next_at,
            last_at: delivery.last_at,
            last_status: delivery.last_status,
            last_error: delivery.last_error.clone(),
        }
    }
}

//! Identifiers of jobs, sessions, webhooks and deliveries.

use dalston_model::id_type;

id_type! {
    /// Id of a transcription job: `job_` and 32 hex digits.
    JobId, "job_", simple
}
id_type! {
    /// Id of a transcription stream: `sess_` and 32 hex digits.
    SessionId, "sess_", simple
}
id_type! {
    /// Id of a webhook: `wh_` and 32 hex digits.
    WebhookId, "wh_", simple
}
id_type! {
    /// Id of the delivery of an event to a webhook: `msg_` and 32 hex digits.
    DeliveryId, "msg_", simple
}

#[cfg(test)]
mod tests {
    use super::*;
    use dalston_model::{IdError, SeededEntropy, Timestamp};

    #[test]
    fn an_id_is_read_in_its_canonical_form_in_any_case() {
        let id = JobId::new(Timestamp::from_millis(1_700_000_000_000), &SeededEntropy::new(1)).unwrap();
        assert_eq!(id.to_string().len(), 36);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        for wrong in [id.as_uuid().to_string(), format!("job_{}", id.as_uuid()), format!(" {id}")] {
            assert_eq!(wrong.parse::<JobId>(), Err(IdError), "{wrong}");
        }
    }
}

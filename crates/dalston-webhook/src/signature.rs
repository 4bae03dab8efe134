//! Signatures of Standard Webhooks (standardwebhooks.com): HMAC-SHA-256 over the id, the time and the bytes that are
//! sent.

use crate::DeliveryError;
use dalston_model::Timestamp;
use dalston_work::{DeliveryId, WebhookSecret};
use standardwebhooks::Webhook;

/// Returns the value of the header `webhook-signature`: one signature per secret, separated by spaces.
///
/// Receivers accept any that matches, so a secret can be rotated without losing a delivery. Fails with
/// [`DeliveryError::Unsigned`] when there is no secret, or one is invalid.
pub fn signatures(
    id: DeliveryId,
    at: Timestamp,
    body: &str,
    secrets: &[WebhookSecret],
) -> Result<String, DeliveryError> {
    let sign = |secret: &WebhookSecret| {
        let signer = Webhook::new(secret.expose()).map_err(|_| DeliveryError::Unsigned)?;
        signer.sign(&id.to_string(), at.as_secs(), body.as_bytes()).map_err(|_| DeliveryError::Unsigned)
    };
    let signatures: Vec<String> = secrets.iter().map(sign).collect::<Result<_, _>>()?;
    if signatures.is_empty() { Err(DeliveryError::Unsigned) } else { Ok(signatures.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_secret_signs_the_exact_bytes() {
        let id: DeliveryId = "msg_0192f0c12b7a8c3e9d415f6e7a8b9c0d".parse().unwrap();
        let at = Timestamp::from_secs(1_767_225_600);
        let secrets = ["whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAA"];
        let secrets = secrets.map(|text| WebhookSecret::new(text.to_owned()));
        // Calculated with an HMAC-SHA-256 implementation of another language.
        let signed = signatures(id, at, "{\"a\": 1}", &secrets).unwrap();
        let [one, other] = signed.split(' ').collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(one, "v1,IEMyhNepcKyTs+UubJwMQocu8e7bJTTd9XPNhfPDrhw=");
        assert_eq!(other, "v1,hHuIwaTXSu3hKHTuFqCTfwe4gox3Tyow3tnggDmCWKE=");
        assert_ne!(signatures(id, at, "{\"a\":1}", &secrets).unwrap(), signed);
        assert_eq!(signatures(id, at, "", &[WebhookSecret::new("whsec_***".to_owned())]), Err(DeliveryError::Unsigned));
        assert_eq!(signatures(id, at, "", &[]), Err(DeliveryError::Unsigned));
    }
}

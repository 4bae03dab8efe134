//! Sends deliveries.

use crate::{DeliveryError, Networks, resolver::Resolver, signature::signatures};
use dalston_model::Timestamp;
use dalston_work::{DeliveryId, WebhookSecret};
use reqwest::{Client, header, redirect};
use std::{net::IpAddr, time::Duration};

/// A part of the patience: a connection is there in this time.
const CONNECT: u32 = 3;
/// So much of an answer is read, and thrown away: a connection whose answer was read can be used again.
const ANSWER: usize = 16 * 1024;
/// An idle connection is kept for so long: less than the 5 seconds after which many servers close theirs. A delivery on a
/// connection that is closed at that moment fails.
const IDLE: Duration = Duration::from_secs(2);

/// A delivery as it is sent.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingDelivery<'a> {
    /// Its id: the same for each attempt, so that receivers know it again.
    pub id: DeliveryId,
    /// The time of the attempt.
    pub at: Timestamp,
    /// Where it goes.
    pub url: &'a str,
    /// The JSON, to the byte.
    pub body: &'a str,
    /// The secrets that sign it.
    pub secrets: &'a [WebhookSecret],
}

/// Sends deliveries to addresses that may be reached.
pub struct Sender {
    networks: Networks,
    /// With TLS, to public addresses and to allowed ones.
    encrypted: Client,
    /// Without, to allowed ones only.
    plain: Client,
}

impl Sender {
    /// To public addresses, and to these networks. A delivery is given up when it is not answered within `patience`. Fails
    /// where no TLS can be set up.
    pub fn new(networks: Networks, patience: Duration) -> Result<Self, reqwest::Error> {
        dalston_tls::install_provider();
        let encrypted = client(&networks, Networks::is_allowed, patience)?;
        let plain = client(&networks, Networks::contains, patience)?;
        Ok(Self { networks, encrypted, plain })
    }

    /// Sends a delivery once. Gives what the endpoint answered when that is success: 200 to 299.
    pub async fn send(&self, letter: &OutgoingDelivery<'_>) -> Result<u16, DeliveryError> {
        let url = self.networks.target(letter.url)?;
        let signature = signatures(letter.id, letter.at, letter.body, letter.secrets)?;
        let client = if url.scheme() == "https" { &self.encrypted } else { &self.plain };
        let request = client
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", letter.id.to_string())
            .header("webhook-timestamp", letter.at.as_secs().to_string())
            .header("webhook-signature", signature)
            .body(letter.body.to_owned());
        let mut response = request.send().await.map_err(|error| {
            let fault = DeliveryError::unanswered(&error);
            // The URL may hold a token of the receiver's.
            tracing::debug!(
                event = "delivery.unanswered",
                delivery = %letter.id,
                error = ?error.without_url(),
                "could not send a delivery"
            );
            fault
        })?;
        let status = response.status();
        let mut read = 0;
        // What it says is nothing to us: it has answered.
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read >= ANSWER {
                break;
            }
        }
        if status.is_success() { Ok(status.as_u16()) } else { Err(DeliveryError::Answered(status.as_u16())) }
    }
}

/// No proxy of the environment, which would connect for us to wherever it likes; no redirect.
fn client(
    networks: &Networks,
    admits: fn(&Networks, IpAddr) -> bool,
    patience: Duration,
) -> Result<Client, reqwest::Error> {
    Client::builder()
        .user_agent(concat!("Dalston/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Resolver { networks: networks.clone(), admits })
        .no_proxy()
        .referer(false)
        .redirect(redirect::Policy::none())
        .connect_timeout(patience / CONNECT)
        .timeout(patience)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(2)
        .build()
}

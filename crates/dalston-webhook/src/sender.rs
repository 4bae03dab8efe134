//! Sends deliveries.

use crate::{DeliveryError, Networks, resolver::Resolver, signature::signatures};
use dalston_model::Timestamp;
use dalston_work::{DeliveryId, WebhookSecret};
use reqwest::{Client, header, redirect};
use std::{net::IpAddr, time::Duration};

/// The connection must be established within this fraction (1/3) of the time limit.
const CONNECT: u32 = 3;
/// Number of bytes of a response that are read and discarded. A connection can be reused once its response has been
/// read.
const ANSWER: usize = 16 * 1024;
/// How long an idle connection is kept. It is below the 5 seconds after which many servers close theirs: a delivery on
/// a connection that is closed at that moment fails.
const IDLE: Duration = Duration::from_secs(2);

/// A delivery to send.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingDelivery<'a> {
    /// The delivery's id. It is the same for each attempt, so that receivers can deduplicate.
    pub id: DeliveryId,
    /// The time of the attempt.
    pub at: Timestamp,
    /// The endpoint's URL.
    pub url: &'a str,
    /// The JSON body, byte for byte.
    pub body: &'a str,
    /// The secrets that sign the delivery.
    pub secrets: &'a [WebhookSecret],
}

/// Sends deliveries to permitted addresses.
pub struct Sender {
    networks: Networks,
    /// For HTTPS: to public addresses and to allowed networks.
    encrypted: Client,
    /// For HTTP: to allowed networks only.
    plain: Client,
}

impl Sender {
    /// Creates a sender to public addresses and to these networks.
    ///
    /// A delivery fails when it is not answered within `patience`. Returns an error when TLS cannot be set up.
    pub fn new(networks: Networks, patience: Duration) -> Result<Self, reqwest::Error> {
        dalston_tls::install_provider();
        let encrypted = client(&networks, Networks::is_allowed, patience)?;
        let plain = client(&networks, Networks::contains, patience)?;
        Ok(Self { networks, encrypted, plain })
    }

    /// Sends a delivery once. Returns the status of a successful response: 200 to 299.
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
            // The URL may contain a token of the receiver, which must not be logged.
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
        // The content is ignored: the status is the result.
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read >= ANSWER {
                break;
            }
        }
        if status.is_success() { Ok(status.as_u16()) } else { Err(DeliveryError::Answered(status.as_u16())) }
    }
}

/// Creates an HTTP client. It uses no proxy from the environment, which would connect to any address on our behalf, and
/// follows no redirect.
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

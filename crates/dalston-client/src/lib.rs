//! HTTP client of a Dalston gateway: typed calls, and verification of the API keys that another service receives.
//!
//! ```
//! use dalston_client::{Verifier, VerifyError};
//! # use std::{io::{Read, Write}, net::TcpListener, thread};
//! # let listener = TcpListener::bind("127.0.0.1:0")?;
//! # let gateway = format!("http://{}", listener.local_addr()?);
//! # thread::spawn(move || {
//! #     let (mut socket, _) = listener.accept().unwrap();
//! #     let _ = socket.read(&mut [0; 4096]).unwrap();
//! #     let body = r#"{"id": "01890a5d-ac96-774b-bcce-b302099a8057", "name": "ci", "tenant_id": "acme", "scopes": ["notes:read"]}"#;
//! #     let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
//! #     write!(socket, "{head} {}\r\n\r\n{body}", body.len()).unwrap();
//! # });
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let verifier = Verifier::builder(&gateway).build()?;
//! match verifier.verify("dk_the-secret-that-a-client-presented").await {
//!     Ok(key) => assert!(key.tenant().as_str() == "acme" && key.holds("notes:read")),
//!     Err(VerifyError::Refused) => println!("401"),
//!     Err(VerifyError::RateLimited { retry_after }) => println!("429, again in {retry_after:?}"),
//!     Err(VerifyError::Unavailable(outage)) => println!("503: {outage}"),
//! }
//! // Answered from the cache, without a request to the gateway.
//! assert!(verifier.verify("dk_the-secret-that-a-client-presented").await.is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! * [`Client`] calls the routes of a gateway with a credential. The caller chooses the type of the output. A refusal
//!   is a [`ReceivedProblem`]; a missing or foreign answer is an outage ([`ClientError`]).
//! * [`Verifier`] verifies secrets against a gateway, with a bounded cache. Its documentation lists its guarantees.
//!
//! Answers are bounded in size and time. The client follows no redirect, and puts no secret into an error or `Debug`.

mod call;
mod client;
mod endpoint;
mod error;
mod problem;
mod shared_requests;
mod verified_key;
mod verifier;
mod verify_cache;

#[cfg(test)]
mod tests;

pub use call::{Call, Reply};
pub use client::Client;
pub use endpoint::EndpointError;
pub use error::ClientError;
pub use problem::{FieldProblem, ReceivedProblem};
pub use reqwest::{Method, StatusCode};
pub use verified_key::VerifiedKey;
pub use verifier::{Verifier, VerifierBuilder, VerifierError, VerifyError};

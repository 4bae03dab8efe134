//! Server-sent events of a job, as they come.

use crate::{client::Client, patience::patiently};
use reqwest::{Method, Response};
use serde_json::Value;

/// The events of a job.
pub struct Events {
    response: Response,
    text: String,
}

impl Events {
    /// Those of the job at this path.
    pub async fn of(client: &Client, job: &str) -> Self {
        let response = client.request(Method::GET, &format!("{job}/events")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event; `None` at the end.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let data = event.strip_prefix("event: job\ndata: ").map(|data| serde_json::from_str(data).unwrap());
                self.text = rest.to_owned();
                if data.is_some() {
                    return data;
                }
                continue;
            }
            let piece = patiently(self.response.chunk()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }
}

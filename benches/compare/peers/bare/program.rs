//! Answers every request for one path with the same headers and the same body: `bare ADDRESS FILE`.
//!
//! Built with the profile of the gateway, served with its settings of the HTTP server.

use actix_web::{
    App, HttpResponse, HttpServer,
    http::header::{HeaderName, HeaderValue},
    web::{Bytes, get},
};
use anyhow::{Context, Result};
use std::{env, fs, time::Duration};

#[actix_web::main]
async fn main() -> Result<()> {
    let mut words = env::args().skip(1);
    let (address, file) = words.next().zip(words.next()).context("an address and a file")?;
    let text = fs::read_to_string(file)?;
    let (head, body) = text.split_once("\n\n").context("headers, an empty line, a body")?;
    let body = Bytes::copy_from_slice(body.as_bytes());
    let mut headers = Vec::new();
    for line in head.lines() {
        let (name, value) = line.split_once(": ").context("a header")?;
        headers.push((name.parse::<HeaderName>()?, value.parse::<HeaderValue>()?));
    }
    let app = move || {
        let (headers, body) = (headers.clone(), body.clone());
        let handler = move || {
            let mut answer = HttpResponse::Ok();
            for header in &headers {
                answer.insert_header(header.clone());
            }
            let answer = answer.body(body.clone());
            async { answer }
        };
        App::new().route("/auth/me", get().to(handler))
    };
    let server = HttpServer::new(app)
        .client_request_timeout(Duration::from_secs(5))
        .keep_alive(Duration::from_secs(15))
        .max_connections(10_000)
        .h1_allow_half_closed(false);
    Ok(server.bind(address)?.run().await?)
}

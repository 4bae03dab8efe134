//! The seed's way to admit a request, in Rust: `seed-port ADDRESS REDIS FILE`.
//!
//! Its steps are those of `validate_api_key`, `check_rate_limit` and `require_scope`, one after the other, with nothing
//! bettered: `GET` the record, `SET` it back with the time of its use, `INCR` and `EXPIRE` the counter, look at the scopes.

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    error::ErrorInternalServerError,
    http::{
        StatusCode,
        header::{AUTHORIZATION, HeaderName, HeaderValue},
    },
    web::{Data, get},
};
use anyhow::{Context, Result};
use dalston_model::{Clock, KeyDigest, SystemClock};
use redis::{AsyncCommands, Client, aio::MultiplexedConnection};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::{env, fs};

/// The record of a key: the seed's, with the members that our answer has beside it.
#[derive(Serialize, Deserialize)]
struct Record {
    key_hash: String,
    #[serde(flatten)]
    card: Card,
}

/// What `GET /auth/me` answers.
#[derive(Serialize, Deserialize)]
struct Card {
    id: String,
    prefix: String,
    name: String,
    description: Option<String>,
    tenant_id: String,
    scopes: Vec<String>,
    rate_limit: Option<u64>,
    enabled: bool,
    created_at: String,
    created_by: Value,
    last_used_at: Option<String>,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    metadata: Map<String, Value>,
}

/// What a worker has.
struct Worker {
    redis: MultiplexedConnection,
    headers: Vec<(HeaderName, HeaderValue)>,
}

#[actix_web::main]
async fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [address, redis, file] = words.as_slice() else { anyhow::bail!("an address, a Redis and a file") };
    let client = Client::open(redis.as_str())?;
    let text = fs::read_to_string(file)?;
    let mut headers = Vec::new();
    for line in text.lines().take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").context("a header")?;
        headers.push((name.parse::<HeaderName>()?, value.parse::<HeaderValue>()?));
    }
    let app = move || {
        let (client, headers) = (client.clone(), headers.clone());
        let worker = move || {
            let (client, headers) = (client.clone(), headers.clone());
            async move { client.get_multiplexed_async_connection().await.map(|redis| Worker { redis, headers }) }
        };
        App::new().data_factory(worker).route("/auth/me", get().to(me))
    };
    Ok(HttpServer::new(app).bind(address)?.run().await?)
}

async fn me(request: HttpRequest, worker: Data<Worker>) -> actix_web::Result<HttpResponse> {
    let mut redis = worker.redis.clone();
    let token = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let Some(token) = token else { return Ok(refused(401, "Missing API key")) };
    let Some(record) = validate(&mut redis, token).await.map_err(ErrorInternalServerError)? else {
        return Ok(refused(401, "Invalid or revoked API key"));
    };
    if let Some(limit) = record.card.rate_limit
        && !is_allowed(&mut redis, &record.card.id, limit).await.map_err(ErrorInternalServerError)?
    {
        return Ok(refused(429, &format!("Rate limit exceeded ({limit}/min)")));
    }
    if !record.card.scopes.iter().any(|scope| scope == "admin" || scope == "jobs:read") {
        return Ok(refused(403, "Missing required scope: jobs:read"));
    }
    let mut answer = HttpResponse::Ok();
    for header in &worker.headers {
        answer.insert_header(header.clone());
    }
    Ok(answer.body(serde_json::to_string(&record.card)?))
}

async fn validate(redis: &mut MultiplexedConnection, token: &str) -> Result<Option<Record>> {
    if !token.starts_with("dk_") {
        return Ok(None);
    }
    let place = format!("dalston:apikeys:{}", KeyDigest::new(Sha256::digest(token).into()).to_hex());
    let Some(data): Option<String> = redis.get(&place).await? else { return Ok(None) };
    let mut record: Record = serde_json::from_str(&data)?;
    if record.card.revoked_at.is_some() {
        return Ok(None);
    }
    record.card.last_used_at = Some(SystemClock.now().to_string());
    let () = redis.set(&place, serde_json::to_string(&record)?).await?;
    Ok(Some(record))
}

async fn is_allowed(redis: &mut MultiplexedConnection, id: &str, limit: u64) -> Result<bool> {
    let place = format!("dalston:ratelimit:{id}");
    let (count, _): (u64, bool) = redis::pipe().atomic().incr(&place, 1).expire(&place, 60).query_async(redis).await?;
    Ok(count <= limit)
}

fn refused(status: u16, detail: &str) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).json(json!({"detail": detail}))
}

//! A service of one's own behind the gate, on the embedded SQLite: `cargo run --bin guarded-service`.
//!
//! Keys come from the CLI: `dalston keys create --name notes --scopes jobs:read`.

use actix_web::{App, HttpResponse, HttpServer, Responder, web};
use anyhow::Result;
use dalston_actix::{Envelope, Guard, Permitted};
use dalston_auth::{Need, rights};
use dalston_model::Scope;
use dalston_runtime::{Runtime, Seams, Settings};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::watch;

#[actix_web::main]
async fn main() -> Result<()> {
    // All settings have defaults; a service may read its own from wherever it keeps them.
    let mut settings = Settings::read(&|_| None)?;
    let runtime = Arc::new(Runtime::start(&mut settings, Seams::default()).await?);
    // Written usage, changes that other processes make: until `end` is dropped.
    let (end, ending) = watch::channel(());
    let attending = actix_web::rt::spawn({
        let runtime = runtime.clone();
        async move { runtime.attend(ending).await }
    });
    let gate = runtime.gate.clone();
    let app = move || {
        App::new().wrap(Envelope::default()).route("/", web::get().to(|| async { "Open to everyone." })).service(
            web::resource("/notes")
                .wrap(Guard::new(gate.clone(), Need::Scope(Scope::JobsRead)))
                .route(web::get().to(notes)),
        )
    };
    HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?;
    drop(end);
    attending.await?;
    runtime.stop().await;
    Ok(())
}

/// Only a caller with `jobs:read` gets here, whose tenant the permit names.
async fn notes(Permitted(permit): Permitted<rights::JobsRead>) -> impl Responder {
    HttpResponse::Ok().json(json!({"tenant": permit.tenant().as_str(), "notes": []}))
}

//! OpenAI's REST API.

mod clients;
mod engines;
mod faults;
mod native;
mod realtime;
mod transcriptions;

use kit::{
    app::{App, Start},
    engine_server::EngineServer,
};

/// A gateway at work with this server as its engine.
async fn gateway(server: &EngineServer) -> App {
    let start = Start::default().set("DALSTON_ENGINE_URL", &server.url);
    start.set("DALSTON_ENGINE_API_KEY", kit::engine_server::KEY).working().start().await
}

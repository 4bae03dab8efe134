//! API keys in front of tower services: the gate as layers, with axum extractors.
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use dalston_auth::{Auth, NewKey, Product, Right, model::SystemClock, rights::JobsRead, store::MemoryStore};
//! use dalston_tower::{ContextLayer, GuardLayer, RequirePermit};
//! use http::Request;
//! use std::sync::Arc;
//! use tower_service::Service;
//!
//! async fn notes(RequirePermit(permit): RequirePermit<JobsRead>) -> String {
//!     format!("No notes of {} yet.\n", permit.tenant())
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
//! let auth = Auth::builder(store).product(Product::named("notes")?).key_prefix("notes_")?.build()?;
//! let background = auth.spawn();
//! let made = auth.keys().create(&auth.operator("an example"), NewKey::named("ci".parse()?, "jobs:read".parse()?), None).await?;
//!
//! let guard = GuardLayer::new(auth.gate().clone(), JobsRead::need());
//! let mut app: Router = Router::new()
//!     .route("/notes", get(notes).layer(guard))
//!     .layer(ContextLayer::new(auth.gate()));
//!
//! let asked = Request::get("/notes").header("authorization", format!("Bearer {}", made.secret.expose()));
//! assert_eq!(app.call(asked.body(Body::empty())?).await?.status(), 200);
//! let missing = app.call(Request::get("/notes").body(Body::empty())?).await?;
//! assert_eq!(missing.status(), 401);
//! assert_eq!(missing.headers()["www-authenticate"], "Bearer realm=\"notes\"");
//! # background.stop().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! * [`GuardLayer`] authenticates and authorizes each request from its head, before the body is read. It answers refusals
//!   itself. A handler takes a [`RequirePermit<R>`] of the right that it needs, an [`RequireAdmission`] where the right is data, or a
//!   [`AuthOutcome<R>`] where it delivers refusals itself.
//! * [`ContextLayer`] belongs around the whole app, outside of guards. It gives each request an id and the client's
//!   address, draws every refusal as a problem (RFC 9457), turns a panic of a handler into a 500, and writes the log.
//!   Handlers take both as [`RequestContext`].
//! * Failed attempts are throttled by the client's address. Serve an axum app with
//!   `into_make_service_with_connect_info::<SocketAddr>()`; other servers put the peer's `SocketAddr` into the extensions of
//!   the request, or name a place of their own with [`ContextLayer::peer`]. Without an address nobody is throttled.
//! * Errors of handlers are [`Problem`]s or JSON. An error in another media type is drawn again as a problem.
//!
//! Without the feature `axum` (on by default) the layers serve any `http` service whose response body can be made of a
//! `String`; [`RequirePermit::of`] and its siblings then take the place of the extractors.

mod context;
mod context_layer;
mod exchange;
mod extract;
mod guard;
mod guard_layer;
mod guarded;
mod names;
mod peer;
mod problem;
mod request_state;
mod route;
#[cfg(test)]
mod tests;

pub use context_layer::{ContextFuture, ContextLayer, ContextService};
pub use dalston_auth::http::{QueryKeys, RequestInfo, TrustedProxies};
pub use extract::{AuthOutcome, RequestContext, RequireAdmission, RequirePermit};
pub use guard_layer::{GuardLayer, MethodRequirements};
pub use guarded::{GuardFuture, GuardService};
pub use problem::Problem;
pub use request_state::request_info;

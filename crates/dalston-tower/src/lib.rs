//! API keys for tower services: the gate as layers, with extractors for axum.
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
//! let guard = GuardLayer::new(auth.gate().clone(), JobsRead::requirement());
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
//! * [`GuardLayer`] authenticates and authorizes each request by its head, before the body is read, and answers
//!   rejections itself. A handler takes a [`RequirePermit<R>`] of the right that it requires, a [`RequireAdmission`] if
//!   the right is known only at run time, or an [`AuthOutcome<R>`] if it delivers rejections itself.
//! * [`ContextLayer`] belongs around the whole app, outside of the guards. It gives each request an id and the client's
//!   address, renders every error as a problem (RFC 9457), turns a panic of a handler into a 500, and writes the log.
//!   Handlers take the id and the address as [`RequestContext`].
//! * Failed attempts are throttled by the client's address. Serve an axum app with
//!   `into_make_service_with_connect_info::<SocketAddr>()`. Other servers store the peer's `SocketAddr` in the
//!   extensions of the request, or set a different place with [`ContextLayer::peer`]. Without an address, failed
//!   attempts are not throttled.
//! * Error responses of handlers must be [`Problem`]s or JSON. One with a different media type is rendered as a
//!   problem.
//!
//! Without the feature `axum` (on by default) the layers serve any `http` service whose response body can be created
//! from a `String`. [`RequirePermit::of`] and its siblings then replace the extractors.

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

//! The pattern of the route that matched a request.

use http::Extensions;

/// The pattern, if the router stores it in the request.
pub(crate) struct MatchedRoute(#[cfg(feature = "axum")] Option<axum::extract::MatchedPath>);

#[cfg(feature = "axum")]
impl MatchedRoute {
    pub(crate) fn of(extensions: &Extensions) -> Self {
        Self(extensions.get().cloned())
    }

    /// Returns the pattern, or a hyphen without one.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_ref().map_or("-", axum::extract::MatchedPath::as_str)
    }
}

#[cfg(not(feature = "axum"))]
impl MatchedRoute {
    pub(crate) const fn of(_: &Extensions) -> Self {
        Self()
    }

    pub(crate) const fn as_str(&self) -> &'static str {
        "-"
    }
}

//! The address of the peer of the socket, as the server leaves it in the extensions of a request.

use http::Extensions;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// Reads the address of the peer.
pub(crate) type Peer = Arc<dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync>;

/// A `SocketAddr` among the extensions, or axum's `ConnectInfo<SocketAddr>`.
pub(crate) fn of_socket(extensions: &Extensions) -> Option<IpAddr> {
    let bare = extensions.get::<SocketAddr>().map(SocketAddr::ip);
    #[cfg(feature = "axum")]
    let bare = bare.or_else(|| Some(extensions.get::<axum::extract::ConnectInfo<SocketAddr>>()?.0.ip()));
    bare
}

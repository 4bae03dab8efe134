//! The address of the socket's peer, which the server stores in the extensions of a request.

use http::Extensions;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// Reads the address of the peer from the extensions.
pub(crate) type Peer = Arc<dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync>;

/// Reads a `SocketAddr` extension, or axum's `ConnectInfo<SocketAddr>`.
pub(crate) fn of_socket(extensions: &Extensions) -> Option<IpAddr> {
    let bare = extensions.get::<SocketAddr>().map(SocketAddr::ip);
    #[cfg(feature = "axum")]
    let bare = bare.or_else(|| Some(extensions.get::<axum::extract::ConnectInfo<SocketAddr>>()?.0.ip()));
    bare
}

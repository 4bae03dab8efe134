//! TLS: one cryptographic provider for all clients of HTTP and WebSocket.

/// Installs the provider of the process, unless there is one. To be called before a client is built: rustls panics without
/// a provider. An embedder who wants another one installs it first.
pub fn install_provider() {
    // An error means that there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

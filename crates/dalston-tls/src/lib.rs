//! TLS: installs one cryptographic provider for all HTTP and WebSocket clients.

/// Installs the process-wide cryptographic provider of rustls, unless one is installed. Must run before a client is
/// built: rustls panics without a provider. To use another provider, the embedding program installs it first.
pub fn install_provider() {
    // An error means that a provider is already installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

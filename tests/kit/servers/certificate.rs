//! A certificate for `api.example.com` that signs itself.

use super::{keeper::folder, program};
use reqwest::Certificate as Root;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::{
    fs,
    process::Command,
    sync::{Arc, OnceLock},
};

/// The name that it is for.
pub const NAME: &str = "api.example.com";

/// The certificate and its key, as PEM.
pub(super) struct Certificate {
    pub(super) chain: String,
    pub(super) key: String,
}

impl Certificate {
    /// That of these tests.
    pub(super) fn shared() -> &'static Self {
        static SHARED: OnceLock<Certificate> = OnceLock::new();
        SHARED.get_or_init(Self::new)
    }

    fn new() -> Self {
        let folder = folder();
        let mut openssl = Command::new(program("openssl", "openssl"));
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        openssl.args(["-subj", "/CN=api.example.com", "-addext", "subjectAltName=DNS:api.example.com"]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key", "-out", "chain"]);
        let made = openssl.current_dir(&folder).output().expect("there is openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let read = |name: &str| fs::read_to_string(folder.join(name)).expect("openssl has written it");
        let made = Self { chain: read("chain"), key: read("key") };
        fs::remove_dir_all(folder).expect("it is ours");
        made
    }

    /// For clients over HTTP.
    pub(super) fn root(&self) -> Root {
        Root::from_pem(self.chain.as_bytes()).expect("it is a certificate")
    }

    /// For clients of streams.
    pub(super) fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let chain = CertificateDer::from_pem_slice(self.chain.as_bytes()).expect("it is a certificate");
        roots.add(chain).expect("it can be a root");
        Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    }
}

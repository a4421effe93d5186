//! TLS: a certificate and its key, from files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The files of a certificate, read once at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the certificate, then those that lead to its authority.
    pub certificate: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
}

impl TlsFiles {
    /// What a listener needs; an error names the file and what is wrong with it.
    pub(crate) fn read(&self) -> Result<Arc<ServerConfig>, String> {
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| match error {
            pem::Error::NoItemsFound => format!("{}: no private key in PEM in it", self.key.display()),
            error => wrong(&self.key, error),
        })?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
        let mut config = config.map_err(|error| {
            format!(
                "{} with {}: {error}: the key must be that of the first certificate",
                self.certificate.display(),
                self.key.display()
            )
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// All certificates of a PEM file; at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certificates = certificates.map_err(|error| wrong(path, error))?;
    match certificates.is_empty() {
        true => Err(format!("{}: no certificate in PEM in it", path.display())),
        false => Ok(certificates),
    }
}

fn wrong(path: &Path, error: pem::Error) -> String {
    match error {
        pem::Error::Io(error) => format!("{}: {error}", path.display()),
        error => format!("{}: no PEM: {error}", path.display()),
    }
}

/// Names the one implementation of cryptography for clients that are made later.
pub(crate) fn install_provider() {
    if CryptoProvider::get_default().is_none() {
        // Another thread was first: the same one is there.
        let _ = ring::default_provider().install_default();
    }
}

//! The development PKI on disk: authorities, server and agency certificates, revocation lists, token keys.
//!
//! ```text
//! authorities/<id>.pem  <id>.key.pem  <id>.crl.pem
//! server/server.pem     server.key.pem
//! agencies/<id>/        client.pem    client.key.pem    token.pem    token.key.pem
//! ```

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

pub use crate::identity::development::{
    CertificateOptions, DevelopmentAuthority, DevelopmentError, IssuedCertificate, Purpose, RevocationList, Role,
    TokenKeyPair,
};

use crate::domain::ids::AgencyId;

/// How long a written revocation list stands.
const REVOCATION_LIST_HOURS: i64 = 7 * 24;
const SECRET: u32 = 0o600;
const PUBLIC: u32 = 0o644;

/// A directory with a development PKI.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

/// The files of one agency.
#[derive(Debug, Clone)]
pub struct AgencyFiles {
    /// Its client certificate.
    pub certificate: PathBuf,
    /// The certificate's key. Secret.
    pub key: PathBuf,
    /// The public key of its tokens, for the registry.
    pub token_key: PathBuf,
    /// The key that mints its tokens. Secret.
    pub minting_key: PathBuf,
}

impl Directory {
    /// In `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The certificate of an authority.
    pub fn authority(&self, id: &str) -> PathBuf {
        self.root.join("authorities").join(format!("{id}.pem"))
    }

    /// The revocation list of an authority.
    pub fn revocation_list(&self, id: &str) -> PathBuf {
        self.root.join("authorities").join(format!("{id}.crl.pem"))
    }

    /// The server's certificate and key.
    pub fn server(&self) -> (PathBuf, PathBuf) {
        let directory = self.root.join("server");
        (directory.join("server.pem"), directory.join("server.key.pem"))
    }

    /// The files of an agency.
    pub fn agency(&self, id: &AgencyId) -> AgencyFiles {
        let directory = self.root.join("agencies").join(id.as_str());
        AgencyFiles {
            certificate: directory.join("client.pem"),
            key: directory.join("client.key.pem"),
            token_key: directory.join("token.pem"),
            minting_key: directory.join("token.key.pem"),
        }
    }

    /// Makes and writes a new authority with an empty revocation list.
    pub fn write_authority(&self, id: &str, name: &str, now: Timestamp) -> anyhow::Result<DevelopmentAuthority> {
        let authority = DevelopmentAuthority::generate(name, now)?;
        write_file(&self.authority_key(id), &authority.certificate.key_pem, SECRET)?;
        write_file(&self.authority(id), &authority.certificate.pem, PUBLIC)?;
        self.write_revocation_list(id, &authority, &[], now)?;
        Ok(authority)
    }

    /// Reads an authority written before.
    pub fn read_authority(&self, id: &str) -> anyhow::Result<DevelopmentAuthority> {
        let certificate = read_file(&self.authority(id))?;
        let key = read_file(&self.authority_key(id))?;
        Ok(DevelopmentAuthority::from_pem(&certificate, &key)?)
    }

    /// Writes the server's certificate and key.
    pub fn write_server(&self, certificate: &IssuedCertificate) -> anyhow::Result<()> {
        let (certificate_path, key_path) = self.server();
        write_file(&key_path, &certificate.key_pem, SECRET)?;
        write_file(&certificate_path, &certificate.pem, PUBLIC)
    }

    /// Writes an agency's certificate and token keys.
    pub fn write_agency(
        &self,
        id: &AgencyId,
        certificate: &IssuedCertificate,
        token_keys: &TokenKeyPair,
    ) -> anyhow::Result<AgencyFiles> {
        let files = self.agency(id);
        write_file(&files.key, &certificate.key_pem, SECRET)?;
        write_file(&files.certificate, &certificate.pem, PUBLIC)?;
        write_file(&files.minting_key, &token_keys.private_pem, SECRET)?;
        write_file(&files.token_key, &token_keys.public_pem, PUBLIC)?;
        Ok(files)
    }

    /// Adds certificates to what an authority has revoked, and dates its list anew. With none it only dates it anew.
    pub fn revoke(&self, authority_id: &str, certificates_pem: &[&str], now: Timestamp) -> anyhow::Result<()> {
        let authority = self.read_authority(authority_id)?;
        let mut serials = revoked_serials(&read_file(&self.revocation_list(authority_id))?)?;
        for pem in certificates_pem {
            let serial = serial_of(pem, &authority)?;
            if !serials.contains(&serial) {
                serials.push(serial);
            }
        }
        self.write_revocation_list(authority_id, &authority, &serials, now)
    }

    fn write_revocation_list(
        &self,
        id: &str,
        authority: &DevelopmentAuthority,
        serials: &[Vec<u8>],
        now: Timestamp,
    ) -> anyhow::Result<()> {
        // An hour back, since clocks differ.
        let this_update = now - SignedDuration::from_hours(1);
        let next_update = now + SignedDuration::from_hours(REVOCATION_LIST_HOURS);
        let list = authority.revoke(serials, this_update, next_update)?;
        write_file(&self.revocation_list(id), &list.pem, PUBLIC)
    }

    fn authority_key(&self, id: &str) -> PathBuf {
        self.root.join("authorities").join(format!("{id}.key.pem"))
    }
}

fn revoked_serials(pem: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let der = CertificateRevocationListDer::from_pem_slice(pem.as_bytes()).context("revocation list: not PEM")?;
    let (_, list) = CertificateRevocationList::from_der(&der).context("revocation list: malformed")?;
    Ok(list.iter_revoked_certificates().map(|revoked| revoked.raw_serial().to_vec()).collect())
}

fn serial_of(pem: &str, authority: &DevelopmentAuthority) -> anyhow::Result<Vec<u8>> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).context("certificate: not PEM")?;
    let (_, certificate) = X509Certificate::from_der(&der).context("certificate: malformed")?;
    let (_, issuer) = X509Certificate::from_der(&authority.certificate.der).context("authority: malformed")?;
    if certificate.issuer() != issuer.subject() {
        bail!("the certificate was not issued by this authority");
    }
    Ok(certificate.raw_serial().to_vec())
}

fn read_file(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn write_file(path: &Path, contents: &str, mode: u32) -> anyhow::Result<()> {
    replace_file(path, contents.as_bytes(), mode).with_context(|| format!("writing {}", path.display()))
}

/// A new file takes the place of the old one: it has its mode from the start, and a reader sees one or the other.
fn replace_file(path: &Path, contents: &[u8], mode: u32) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(directory)?;
    let beside = path.with_extension(format!("{:08x}.new", fastrand::u32(..)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests;

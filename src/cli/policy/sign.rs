//! `comity policy sign`: a signer vouches for a policy set.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::cli::output::print_line;
use crate::cli::policy::set::read;
use crate::files::read_secret;
use crate::ledger::{SignedText, Signer};
use crate::server::{SIGNATURES, signed_text};

/// Arguments of `comity policy sign`.
#[derive(Debug, Args)]
pub(super) struct SignArgs {
    /// The directory of the set. The signature goes into its file `signatures`.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The signer's private key: Ed25519, PKCS#8 PEM (`openssl genpkey -algorithm ed25519`). It stays where it is.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The signer's name in the signature, such as counsel.example/a.
    #[arg(long)]
    name: String,
}

pub(super) fn run(args: &SignArgs, json: bool) -> Result<()> {
    let set = read(Some(&args.directory))?;
    let pem = read_secret(&args.key)?;
    let signer = Signer::from_pem(&args.name, &pem).with_context(|| format!("{}", args.key.display()))?;
    let (path, text) = (args.directory.join(SIGNATURES), signed_text(set.digest()));
    let before = match fs::read_to_string(&path) {
        Ok(note) => SignedText::received(note).ok(),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    // Signatures of another set vouch for nothing here.
    let note = match before.filter(|note| note.text().is_ok_and(|signed| signed == text)) {
        Some(mut note) => {
            note.add(&signer)?;
            note
        }
        None => SignedText::sign(&text, &signer)?,
    };
    fs::write(&path, note.as_str()).with_context(|| format!("cannot write {}", path.display()))?;
    let (digest, key) = (hex::encode(set.digest()), signer.verifier().to_string());
    if json {
        return Ok(print_line(&serde_json::json!({ "good": true, "digest": digest, "signer": key }).to_string())?);
    }
    print_line(&format!("policy set {digest}"))?;
    Ok(print_line(&format!("signed by {key}"))?)
}

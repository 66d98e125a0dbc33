//! Pseudonyms of officers. They are keyed, so that only the holder of the key can resolve them.

use std::fmt;

use aws_lc_rs::hmac;

use crate::domain::ids::{AgencyId, InvalidId, OfficerPseudonym};

/// The key that turns token subjects into pseudonyms. Another key gives every officer a new pseudonym.
#[derive(Clone)]
pub struct PseudonymKey(hmac::Key);

impl PseudonymKey {
    /// A key of 32 random bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// HMAC-SHA256(key, agency || 0 || subject), its first 16 bytes in hexadecimal.
    pub fn pseudonym(&self, agency: &AgencyId, subject: &str) -> Result<OfficerPseudonym, InvalidId> {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(agency.as_str().as_bytes());
        context.update(&[0]);
        context.update(subject.as_bytes());
        let tag = context.sign();
        hex::encode(tag.as_ref().get(..16).unwrap_or_default()).parse()
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey")
    }
}

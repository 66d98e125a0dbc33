//! What RFC 5280 demands of a leaf's form where the libraries do not check it, or refuse without a reason.
//!
//! A certificate has one encoding (DER), so that nobody signs one thing while we read another.

use std::collections::HashSet;

use der::asn1::{AnyRef, BitStringRef, GeneralizedTime, Ia5StringRef, IntRef, ObjectIdentifier, PrintableStringRef};
use der::asn1::{UtcTime, Utf8StringRef};
use der::{Decode as _, Reader as _, SliceReader, Tag, Tagged as _};
use jiff::Timestamp;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::{
    OID_DOMAIN_COMPONENT, OID_PKCS9_EMAIL_ADDRESS, OID_SIG_ED25519, OID_X509_COUNTRY_NAME, OID_X509_SERIALNUMBER,
};
use x509_parser::prelude::{ASN1Time, X509Certificate, X509Extension, X509Version};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AttributeTypeAndValue, SubjectPublicKeyInfo, X509Name};

use crate::ed25519::is_weak;
use crate::identity::certificate::error::CertificateError;

/// A certificate has about eight levels. Deeper nesting would overflow the stack.
const DEPTH_MAX: usize = 16;
/// RFC 5280 4.1.2.2, in octets.
const SERIAL_LEN_MAX: usize = 20;
/// NIST SP 800-131A.
const RSA_BITS_MIN: usize = 2_048;

/// A time in a certificate or a revocation list. Times out of range become the first or the last [`Timestamp`]: RFC
/// 5280 4.1.2.5 has 99991231235959Z for a certificate without an end, a day after our last.
pub(crate) fn time_of(time: ASN1Time) -> Timestamp {
    let beyond = if time.timestamp() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_second(time.timestamp()).unwrap_or(beyond)
}

/// Checks that the bytes are one value in DER (X.690 10, 11), at every depth.
pub(crate) fn check_encoding(bytes: &[u8]) -> Result<(), CertificateError> {
    AnyRef::from_der(bytes).and_then(|value| check_value(value, 0)).map_err(|_| CertificateError::NotDer)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "somebody else's enum, which may grow: what is new is refused")]
fn check_value(value: AnyRef<'_>, depth: usize) -> der::Result<()> {
    let tag = value.tag();
    match tag {
        Tag::Sequence | Tag::Set => check_inside(value, tag == Tag::Set, depth),
        Tag::ContextSpecific { constructed: true, .. } => check_inside(value, false, depth),
        Tag::Boolean => value.decode_as::<bool>().map(drop),
        Tag::Integer => value.decode_as::<IntRef<'_>>().map(drop),
        Tag::BitString => value.decode_as::<BitStringRef<'_>>().map(drop),
        Tag::ObjectIdentifier => value.decode_as::<ObjectIdentifier>().map(drop),
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().map(drop),
        Tag::PrintableString => value.decode_as::<PrintableStringRef<'_>>().map(drop),
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().map(drop),
        Tag::UtcTime => value.decode_as::<UtcTime>().map(drop),
        Tag::GeneralizedTime => value.decode_as::<GeneralizedTime>().map(drop),
        Tag::Null if value.value().is_empty() => Ok(()),
        Tag::OctetString
        | Tag::TeletexString
        | Tag::BmpString
        | Tag::VisibleString
        | Tag::ContextSpecific { constructed: false, .. } => Ok(()),
        // No other type occurs in a certificate.
        _ => Err(tag.value_error()),
    }
}

/// Checks the parts of a value. Those of a set must be in the order of their encodings (X.690 11.6).
fn check_inside(value: AnyRef<'_>, is_set: bool, depth: usize) -> der::Result<()> {
    if depth == DEPTH_MAX {
        return Err(value.tag().value_error());
    }
    let mut reader = SliceReader::new(value.value())?;
    let mut before: &[u8] = &[];
    while !reader.is_finished() {
        let part = reader.tlv_bytes()?;
        if is_set && part < before {
            return Err(value.tag().value_error());
        }
        before = part;
        check_value(AnyRef::from_der(part)?, depth.saturating_add(1))?;
    }
    Ok(())
}

/// Checks that the fields are as RFC 5280 demands of a leaf.
pub(super) fn check_fields(parsed: &X509Certificate<'_>) -> Result<(), CertificateError> {
    // Only version 3 has extensions, and the agency is named in one.
    if parsed.version() != X509Version::V3 {
        return Err(CertificateError::Version);
    }
    let serial = parsed.raw_serial();
    let is_positive = serial.first().is_some_and(|first| *first < 0x80) && serial.iter().any(|byte| *byte != 0);
    if !is_positive || serial.len() > SERIAL_LEN_MAX {
        return Err(CertificateError::Serial);
    }
    check_name(parsed.issuer())?;
    check_name(parsed.subject())?;
    if has_weak_key(parsed) {
        return Err(CertificateError::WeakKey);
    }
    check_extensions(parsed.extensions())
}

/// Whether others than the holder could sign with its key.
pub(crate) fn has_weak_key(parsed: &X509Certificate<'_>) -> bool {
    is_weak_key(parsed.public_key())
}

/// Whether others than its holder could sign with a key.
pub(crate) fn is_weak_key(key: &SubjectPublicKeyInfo<'_>) -> bool {
    if let Ok(PublicKey::RSA(rsa)) = key.parsed() {
        return rsa.key_size() < RSA_BITS_MIN;
    }
    let point = <&[u8; 32]>::try_from(key.subject_public_key.data.as_ref());
    key.algorithm.algorithm == OID_SIG_ED25519 && point.is_ok_and(is_weak)
}

/// RFC 5280 4.1.2.4 and appendix A: which kind of text each attribute may be.
fn check_name(name: &X509Name<'_>) -> Result<(), CertificateError> {
    let fits = |attribute: &AttributeTypeAndValue<'_>| {
        use x509_parser::asn1_rs::Tag as Kind;
        let (kind, of) = (attribute.attr_value().tag(), attribute.attr_type());
        if *of == OID_X509_COUNTRY_NAME || *of == OID_X509_SERIALNUMBER {
            kind == Kind::PrintableString
        } else if *of == OID_PKCS9_EMAIL_ADDRESS || *of == OID_DOMAIN_COMPONENT {
            kind == Kind::Ia5String
        } else {
            [Kind::PrintableString, Kind::Utf8String, Kind::TeletexString, Kind::BmpString].contains(&kind)
        }
    };
    if name.iter_attributes().all(fits) { Ok(()) } else { Err(CertificateError::NameForm) }
}

/// Each extension occurs once (4.2), is in DER if it is one that we read, and is not critical unless we check it.
#[expect(clippy::wildcard_enum_match_arm, reason = "somebody else's enum, of all the extensions that there are")]
fn check_extensions(extensions: &[X509Extension<'_>]) -> Result<(), CertificateError> {
    let mut seen = HashSet::new();
    for extension in extensions {
        if !seen.insert(&extension.oid) {
            return Err(CertificateError::DuplicateExtension);
        }
        match extension.parsed_extension() {
            ParsedExtension::NameConstraints(_) => return Err(CertificateError::NameConstraints),
            ParsedExtension::BasicConstraints(_)
            | ParsedExtension::KeyUsage(_)
            | ParsedExtension::ExtendedKeyUsage(_)
            | ParsedExtension::SubjectAlternativeName(_) => check_encoding(extension.value)?,
            ParsedExtension::ParseError { .. } => return Err(CertificateError::Malformed),
            _ if extension.critical => return Err(CertificateError::CriticalExtension),
            _ => {}
        }
    }
    Ok(())
}

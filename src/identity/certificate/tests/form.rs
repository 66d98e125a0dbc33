//! Certificates that a known authority signed, but that lack the form of a leaf.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::*;
use crate::identity::fixture::World;

/// The parts of a certificate, each encoded: version, serial, algorithm, issuer, validity, subject, key, extensions.
type Parts = Vec<Vec<u8>>;

const SERIAL: usize = 1;
const ALGORITHM: usize = 2;
const VALIDITY: usize = 4;
const SUBJECT: usize = 5;
const KEY: usize = 6;
const EXTENSIONS: usize = 7;

/// Attributes: a common name, a country.
const NAME: &[u8] = &[6, 3, 0x55, 4, 3];
const COUNTRY: &[u8] = &[6, 3, 0x55, 4, 6];

fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len().to_be_bytes();
    let len: Vec<u8> = len.into_iter().skip_while(|byte| *byte == 0).collect();
    let long = u8::try_from(len.len()).unwrap() | 0x80;
    let head =
        if content.len() < 0x80 { vec![u8::try_from(content.len()).unwrap()] } else { [vec![long], len].concat() };
    [vec![tag], head, content.to_vec()].concat()
}

/// The first value with its tag, its content, and the remaining values.
fn first(bytes: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (head_len, len) = match bytes[1] {
        len @ 0..0x80 => (2, usize::from(len)),
        long => {
            let count = usize::from(long & 0x7f);
            (2 + count, bytes[2..2 + count].iter().fold(0, |len, byte| len << 8 | usize::from(*byte)))
        }
    };
    let (whole, rest) = bytes.split_at(head_len + len);
    (whole, &whole[head_len..], rest)
}

fn parts(value: &[u8]) -> Parts {
    let (_, mut content, _) = first(value);
    let mut parts = Vec::new();
    while !content.is_empty() {
        let (whole, _, rest) = first(content);
        parts.push(whole.to_vec());
        content = rest;
    }
    parts
}

/// ICE's certificate, changed, then signed by its own authority.
fn signed(world: &World, change: impl FnOnce(&mut Parts)) -> CertificateDer<'static> {
    let good = world.ice().der;
    let mut said = parts(&parts(&good)[0]);
    change(&mut said);
    let said_as = value(0x30, &said.concat());
    let key = PrivatePkcs8KeyDer::from_pem_slice(world.federal.certificate.key_pem.as_bytes()).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.secret_pkcs8_der()).unwrap();
    let signature = key.sign(&SystemRandom::new(), &said_as).unwrap();
    let signature = value(3, &[&[0], signature.as_ref()].concat());
    CertificateDer::from(value(0x30, &[said_as, said[ALGORITHM].clone(), signature].concat()))
}

fn named(attribute: &[u8], text: &[u8]) -> Vec<u8> {
    value(0x30, &value(0x31, &value(0x30, &[attribute, text].concat())))
}

/// Adds an extension.
fn extend(said: &mut Parts, oid: &[u8], critical: &[u8], content: &[u8]) {
    let mut all = parts(&parts(&said[EXTENSIONS])[0]);
    all.push(value(0x30, &[oid, critical, &value(4, content)].concat()));
    said[EXTENSIONS] = value(0xa3, &value(0x30, &all.concat()));
}

const CRITICAL: &[u8] = &[1, 1, 0xff];
/// id-ce-nameConstraints with nothing but a permitted URI.
const NAME_CONSTRAINTS: &[u8] = &[6, 3, 0x55, 0x1d, 30];
const PERMITTED: &[u8] = &[0x30, 6, 0xa0, 4, 0x30, 2, 0x86, 0];
/// An identifier that is not assigned.
const UNKNOWN: &[u8] = &[6, 3, 0x2a, 3, 4];

/// `SubjectPublicKeyInfo` of a key of `len` octets.
fn rsa_of(len: usize) -> Vec<u8> {
    let modulus = value(2, &[&[0], vec![0xc5; len].as_slice()].concat());
    let key = value(0x30, &[modulus, value(2, &[1, 0, 1])].concat());
    let algorithm = value(0x30, &[&value(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1])[..], &[5, 0]].concat());
    value(0x30, &[algorithm, value(3, &[&[0], key.as_slice()].concat())].concat())
}

fn ed25519_of(public: [u8; 32]) -> Vec<u8> {
    let algorithm = value(0x30, &[6, 3, 0x2b, 0x65, 0x70]);
    value(0x30, &[algorithm, value(3, &[&[0], public.as_slice()].concat())].concat())
}

/// A change after which the certificate is still valid.
type Good = (&'static str, fn(&mut Parts));
/// A change after which it is not, and why.
type Case = (&'static str, fn(&mut Parts), CertificateError);

const OF_ENCODING: [Case; 15] = [
    ("a number with a zero before it", |said| said[SERIAL] = vec![2, 2, 0, 1], CertificateError::NotDer),
    ("a negative number with ones before it", |said| said[SERIAL] = vec![2, 2, 0xff, 0x81], CertificateError::NotDer),
    ("a number without a digit", |said| said[SERIAL] = vec![2, 0], CertificateError::NotDer),
    ("a length in more octets than it needs", |said| said[SERIAL] = vec![2, 0x81, 1, 5], CertificateError::NotDer),
    (
        "a length with zeros before it",
        |said| {
            let (_, content, _) = first(&said[SUBJECT]);
            let len = u8::try_from(content.len()).unwrap();
            said[SUBJECT] = [&[0x30, 0x82, 0, len], content].concat();
        },
        CertificateError::NotDer,
    ),
    (
        "no length, and an end instead",
        |said| {
            let (_, content, _) = first(&said[SUBJECT]);
            said[SUBJECT] = [&[0x30, 0x80], content, &[0, 0]].concat();
        },
        CertificateError::Malformed,
    ),
    ("a yes of another kind", |said| extend(said, UNKNOWN, &[1, 1, 1], b"\x05\0"), CertificateError::NotDer),
    (
        "a text of letters that its type has not",
        |said| said[SUBJECT] = named(NAME, b"\x13\x01@"),
        CertificateError::NotDer,
    ),
    ("a text that is no UTF-8", |said| said[SUBJECT] = named(NAME, b"\x0c\x01\xff"), CertificateError::NotDer),
    (
        "a set out of its order",
        |said| {
            let part = |attribute: &[u8]| value(0x30, &[attribute, b"\x13\x02US"].concat());
            said[SUBJECT] = value(0x30, &value(0x31, &[part(COUNTRY), part(NAME)].concat()));
        },
        CertificateError::NotDer,
    ),
    (
        "a time without seconds",
        |said| said[VALIDITY] = value(0x30, &value(0x17, b"2401010000Z").repeat(2)),
        CertificateError::NotDer,
    ),
    (
        "a time in another zone",
        |said| said[VALIDITY] = value(0x30, &value(0x17, b"240101000000+0100").repeat(2)),
        CertificateError::NotDer,
    ),
    (
        "a thousand levels",
        |said| said[SUBJECT] = (0..1_000).fold(named(NAME, b"\x13\x01a"), |inner, _| value(0x30, &inner)),
        CertificateError::NotDer,
    ),
    ("something behind its last part", |said| said.push(vec![5, 0]), CertificateError::Malformed),
    (
        "something behind the content of an extension",
        |said| extend(said, &[6, 3, 0x55, 0x1d, 0x25], &[], b"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02\x05\0"),
        CertificateError::DuplicateExtension,
    ),
];

const OF_FIELDS: [Case; 21] = [
    ("number zero", |said| said[SERIAL] = vec![2, 1, 0], CertificateError::Serial),
    ("a negative number", |said| said[SERIAL] = vec![2, 1, 0x80], CertificateError::Serial),
    ("a number of 21 octets", |said| said[SERIAL] = value(2, &[1; 21]), CertificateError::Serial),
    ("no version, which is the first", |said| drop(said.remove(0)), CertificateError::Malformed),
    ("version 2", |said| said[0] = vec![0xa0, 3, 2, 1, 1], CertificateError::Version),
    ("version 4", |said| said[0] = vec![0xa0, 3, 2, 1, 3], CertificateError::Version),
    ("a name of octets", |said| said[SUBJECT] = named(NAME, b"\x04\x01a"), CertificateError::NameForm),
    ("a name that is a number", |said| said[SUBJECT] = named(NAME, b"\x02\x01\x01"), CertificateError::NameForm),
    (
        "a name that is a time",
        |said| said[SUBJECT] = named(NAME, &value(0x17, b"240101000000Z")),
        CertificateError::NameForm,
    ),
    ("a country in UTF-8", |said| said[SUBJECT] = named(COUNTRY, b"\x0c\x02US"), CertificateError::NameForm),
    (
        "an extension twice",
        |said| [0; 2].iter().for_each(|_| extend(said, UNKNOWN, &[], b"\x05\0")),
        CertificateError::DuplicateExtension,
    ),
    (
        "names twice",
        |said| extend(said, &[6, 3, 0x55, 0x1d, 17], &[], b"\x30\x03\x86\x01x"),
        CertificateError::DuplicateExtension,
    ),
    ("critical, and not known", |said| extend(said, UNKNOWN, CRITICAL, b"\x05\0"), CertificateError::CriticalExtension),
    (
        "critical policies",
        |said| extend(said, &[6, 3, 0x55, 0x1d, 32], CRITICAL, b"\x30\x06\x30\x04\x06\x02\x2a\x03"),
        CertificateError::CriticalExtension,
    ),
    (
        "a critical end of its private key",
        |said| extend(said, &[6, 3, 0x55, 0x1d, 16], CRITICAL, b"\x30\0"),
        CertificateError::CriticalExtension,
    ),
    (
        "critical name constraints",
        |said| extend(said, NAME_CONSTRAINTS, CRITICAL, PERMITTED),
        CertificateError::NameConstraints,
    ),
    ("name constraints", |said| extend(said, NAME_CONSTRAINTS, &[], PERMITTED), CertificateError::NameConstraints),
    (
        "a key of order 1",
        |said| said[KEY] = ed25519_of(std::array::from_fn(|at| u8::from(at == 0))),
        CertificateError::WeakKey,
    ),
    ("a key of order 4", |said| said[KEY] = ed25519_of([0; 32]), CertificateError::WeakKey),
    ("an RSA key of 1,024 bits", |said| said[KEY] = rsa_of(128), CertificateError::WeakKey),
    (
        // ecdsa-with-SHA1.
        "signed over SHA-1",
        |said| said[ALGORITHM] = value(0x30, &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1]),
        CertificateError::UnknownAuthority,
    ),
];

#[test]
fn what_is_not_of_the_form_of_a_leaf_is_refused_for_that() {
    let world = World::new();
    let mut wrong = Vec::new();
    for (name, change, expected) in OF_ENCODING.into_iter().chain(OF_FIELDS) {
        let found = identify(&[signed(&world, change)], &world.registry(), world.now).map(|peer| peer.agency);
        if found != Err(expected) {
            wrong.push(format!("{name}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// These differ from the ones above only in being valid.
#[test]
fn what_is_of_that_form_is_taken() {
    let world = World::new();
    let good: [Good; 7] = [
        ("as it was", |_| ()),
        ("a number of 20 octets", |said| said[SERIAL] = value(2, &[0x7f; 20])),
        ("a number with a zero that it needs", |said| said[SERIAL] = vec![2, 2, 0, 0x80]),
        ("a country and a name", |said| said[SUBJECT] = named(COUNTRY, b"\x13\x02US")),
        ("an unknown extension that is not critical", |said| extend(said, UNKNOWN, &[], b"no DER")),
        ("an RSA key of 2,048 bits", |said| said[KEY] = rsa_of(256)),
        ("no end (RFC 5280 4.1.2.5)", |said| {
            let begins = value(0x17, b"240101000000Z");
            said[VALIDITY] = value(0x30, &[begins, value(0x18, b"99991231235959Z")].concat());
        }),
    ];
    for (name, change) in good {
        let peer = identify(&[signed(&world, change)], &world.registry(), world.now);
        let peer = peer.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(peer.agency.as_str(), "us-ice", "{name}");
        assert!(!name.starts_with("no end") || peer.not_after == Timestamp::MAX);
    }
}

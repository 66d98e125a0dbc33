//! Registries that must not be loaded, each with the message for its author.

use super::*;
use crate::domain::agency::AgencyClass;
use crate::identity::development::{CertificateOptions, DevelopmentAuthority, TokenKeyPair};
use crate::identity::fixture::{World, agency, agency_id, known, speaks};
use crate::identity::key::TokenAlgorithm;
use crate::identity::pem::PemSource;

fn load(config: &RegistryConfig) -> Result<Registry, RegistryError> {
    Registry::load(config, Path::new("/nonexistent"), &known())
}

#[test]
fn a_good_registry_knows_its_members_and_issuers() {
    let world = World::new();
    let registry = world.registry();
    let ids: Vec<&str> = registry.members().map(|member| member.agency.id.as_str()).collect();
    assert_eq!(ids, ["comity-operator", "us-ice", "us-ny-doccs", "us-tx-tdcj"]);
    assert_eq!(registry.agency_of_issuer("https://us-ice.example/tokens"), Some(&agency_id("us-ice")));
    assert_eq!(registry.trust_anchors().unwrap().len(), 3);
}

/// A registry changed like this is refused with this message.
#[track_caller]
fn check(change: &dyn Fn(&World, &mut RegistryConfig), expected: &str) {
    let world = World::new();
    let mut config = world.config.clone();
    change(&world, &mut config);
    assert_eq!(load(&config).unwrap_err().to_string(), expected);
}

#[test]
fn a_bad_registry_is_refused_with_a_readable_reason() {
    check(
        &|_, c| c.trust_domain = "Comity/x".to_owned(),
        "trust_domain must be 1 to 255 lower-case letters, digits, dots, hyphens and underscores",
    );
    check(&|_, c| c.agencies.clear(), "no agency is configured");
    check(&|_, c| c.agencies.push(c.agencies[0].clone()), "agency us-ice is configured twice");
    check(&|_, c| c.agencies[0].id = agency_id("comity"), "agency comity: the gateway itself acts under this id");
    check(
        &|_, c| c.agencies[0].jurisdictions.extend(["us-ca".parse().unwrap()]),
        "agency us-ice: jurisdiction us-ca is not configured",
    );
    check(&|_, c| c.agencies[0].jurisdictions.clear(), "agency us-ice takes part in no jurisdiction");
    check(
        &|_, c| c.agencies[3].jurisdictions.extend(["us-ny".parse().unwrap()]),
        "agency comity-operator is an operator and may not take part in a jurisdiction",
    );
    check(
        &|_, c| c.agencies[0].class = Some(AgencyClass::StatePrison),
        "agency us-ice: a class is for custodians, not for kind federal",
    );
    check(
        &|_, c| c.agencies.push(agency("us-tx-oversight", AgencyKind::Oversight, &["us-tx"], None)),
        "no certificate authority may speak for agency us-tx-oversight",
    );
    check(
        // New York may certify its kind, but it also takes part in Texas.
        &|_, c| c.agencies.push(agency("us-ny-abroad", AgencyKind::City, &["us-ny", "us-tx"], None)),
        "no certificate authority may speak for agency us-ny-abroad",
    );
}

#[test]
fn a_bad_issuer_or_token_key_is_refused_with_a_readable_reason() {
    check(
        &|_, c| c.agencies[1].token.as_mut().unwrap().issuer = "https://us-ice.example/tokens".to_owned(),
        "agencies us-ice and us-ny-doccs have the same token issuer",
    );
    check(
        &|_, c| c.agencies[1].token.as_mut().unwrap().issuer = "two words".to_owned(),
        "agency us-ny-doccs: the token issuer must be 1 to 256 printable characters",
    );
    check(
        &|_, c| c.agencies[1].token.as_mut().unwrap().keys.clear(),
        "agency us-ny-doccs: the token issuer has no key",
    );
    check(
        &|_, c| c.agencies[1].token.as_mut().unwrap().keys = c.agencies[0].token.clone().unwrap().keys,
        "agencies us-ice and us-ny-doccs have the same token key",
    );
    check(
        &|_, c| {
            let keys = &mut c.agencies[0].token.as_mut().unwrap().keys;
            let public_key = PemSource(TokenKeyPair::generate().unwrap().public_pem);
            keys.push(KeyConfig { public_key, ..keys[0].clone() });
        },
        "agency us-ice: token key 2026-1 is configured twice, or its id is not 1 to 64 printable characters",
    );
    check(
        &|_, c| c.agencies[0].token.as_mut().unwrap().keys[0].algorithm = TokenAlgorithm::Es256,
        "agency us-ice: token key 2026-1 is not a key of its algorithm",
    );
    check(
        &|_, c| {
            let keys = &mut c.agencies[0].token.as_mut().unwrap().keys;
            keys.push(KeyConfig { kid: "2026-2".to_owned(), ..keys[0].clone() });
        },
        "agency us-ice: token keys 2026-1 and 2026-2 are the same key",
    );
    check(
        &|_, c| c.agencies[0].token.as_mut().unwrap().jwks = Some("ice.jwks".into()),
        "/nonexistent/ice.jwks cannot be read",
    );
    check(
        &|_, c| c.agencies[0].token.as_mut().unwrap().jwks = Some("/dev/zero".into()),
        "agency us-ice: the set of token keys /dev/zero is longer than 64 KiB",
    );
    check(
        &|_, c| c.agencies[0].token.as_mut().unwrap().jwks = Some("/dev/null".into()),
        "agency us-ice: the set of token keys /dev/null is no JSON object that has each name once",
    );
    check(
        &|_, c| c.agencies[0].token.as_mut().unwrap().keys[0].public_key = PemSource("ice.pem".to_owned()),
        "/nonexistent/ice.pem cannot be read",
    );
}

#[test]
fn a_bad_authority_is_refused_with_a_readable_reason() {
    check(
        &|w, c| {
            let other = DevelopmentAuthority::generate("Other", w.now).unwrap();
            c.certificate_authorities.push(speaks("us", &other, &[AgencyKind::State], &[]));
        },
        "certificate authority us is configured twice",
    );
    check(
        &|w, c| c.certificate_authorities.push(speaks("eu", &w.federal, &[AgencyKind::State], &[])),
        "certificate authorities us and eu have the same certificate",
    );
    check(
        &|_, c| c.certificate_authorities[0].kinds.clear(),
        "certificate authority us speaks for nobody: give it agencies or kinds",
    );
    check(
        &|_, c| {
            let authority = &mut c.certificate_authorities[1];
            authority.kinds.clear();
            authority.agencies.insert(agency_id("us-ny-doccs"));
        },
        "certificate authority us-ny has jurisdictions but no kinds",
    );
    check(
        &|_, c| {
            c.certificate_authorities[0].agencies.insert(agency_id("us-uscis"));
        },
        "certificate authority us names the unknown agency us-uscis",
    );
    check(
        &|w, c| {
            let leaf = w.federal.issue(&CertificateOptions::server(w.now)).unwrap();
            c.certificate_authorities[0].certificate = PemSource(leaf.pem);
        },
        "the certificate of authority us is not an authority's (CA=false)",
    );
    check(
        &|w, c| {
            let both = [w.federal.certificate.pem.as_str(), &w.texas.certificate.pem].concat();
            c.certificate_authorities[0].certificate = PemSource(both);
        },
        "the certificate of authority us holds more than one, where one is meant",
    );
}

#[test]
fn a_registry_is_read_from_toml_and_unknown_keys_are_refused() {
    let world = World::new();
    let text = toml::to_string(&world.config).unwrap();
    let config: RegistryConfig = toml::from_str(&text).unwrap();
    assert!(load(&config).is_ok());
    let misspelt = text.replacen("jurisdictions", "jurisdiction", 1);
    assert!(toml::from_str::<RegistryConfig>(&misspelt).is_err());
}

/// A directory of records with these files, and the registry that goes by it.
fn with_directory(files: &[(&str, String)]) -> Result<Registry, String> {
    let world = World::new();
    let base = tempfile::tempdir().unwrap();
    std::fs::create_dir(base.path().join("agencies")).unwrap();
    for (name, text) in files {
        std::fs::write(base.path().join("agencies").join(name), text).unwrap();
    }
    let config = RegistryConfig { directory: Some("agencies".into()), ..world.config };
    let loaded = Registry::load(&config, base.path(), &known());
    loaded.map_err(|error| error.to_string().replace(base.path().to_str().unwrap(), "BASE"))
}

fn record(id: &str, kind: AgencyKind, key: Option<&TokenKeyPair>) -> String {
    toml::to_string(&agency(id, kind, &["us-ny"], key)).unwrap()
}

#[test]
fn a_file_in_the_directory_is_an_agency() {
    let key = TokenKeyPair::generate().unwrap();
    let (city, state) =
        (record("us-ny-jail", AgencyKind::City, Some(&key)), record("us-ny-a", AgencyKind::State, None));
    // What is left behind by editors is no record.
    let left = |name| (name, "no record".to_owned());
    let files = [("us-ny-jail.toml", city), ("a.toml", state), left("a.toml~"), left(".#a.toml"), left("README")];
    let registry = with_directory(&files).unwrap();
    assert_eq!(registry.members().count(), 6);
    assert_eq!(registry.agency_of_issuer("https://us-ny-jail.example/tokens"), Some(&agency_id("us-ny-jail")));
    assert_eq!(with_directory(&[]).unwrap().members().count(), 4);
}

#[test]
fn agencies_may_stand_in_the_directory_alone() {
    let world = World::new();
    let base = tempfile::tempdir().unwrap();
    std::fs::write(base.path().join("one.toml"), record("us-ny-a", AgencyKind::State, None)).unwrap();
    let text = toml::to_string(&RegistryConfig { agencies: Vec::new(), ..world.config }).unwrap();
    let text = format!("directory = \".\"\n{}", text.replace("agencies = []\n", ""));
    let config: RegistryConfig = toml::from_str(&text).unwrap();
    assert_eq!(Registry::load(&config, base.path(), &known()).unwrap().members().count(), 1);
    std::fs::remove_file(base.path().join("one.toml")).unwrap();
    let none = Registry::load(&config, base.path(), &known()).unwrap_err();
    assert_eq!(none.to_string(), "no agency is configured");
}

#[test]
fn a_directory_is_read_as_a_whole_or_refused() {
    let check = |files: &[(&str, String)], expected: &str| {
        assert_eq!(with_directory(files).unwrap_err(), expected);
    };
    let good = || ("b.toml", record("us-ny-a", AgencyKind::State, None));
    check(&[good(), ("c.toml", good().1)], "agency us-ny-a is configured twice");
    check(&[("ice.toml", record("us-ice", AgencyKind::Federal, None))], "agency us-ice is configured twice");
    let misspelt = good().1.replace("jurisdictions", "jurisdiction");
    check(
        // By name, so that it is the same fault each time.
        &[("d.toml", "id =".to_owned()), ("c.toml", misspelt), good()],
        "BASE/agencies/c.toml, line 3: unknown field `jurisdiction`, expected one of `id`, `kind`, `class`, \
         `jurisdictions`, `ori`, `facilities`, `time_zone`, `facility_time_zones`, `token`",
    );
    check(&[("e.toml", String::new())], "BASE/agencies/e.toml, line 1: missing field `id`");
    let long = format!("{}#{}", good().1, "x".repeat(65_536));
    check(&[("e.toml", long)], "BASE/agencies/e.toml, line 1: the record is longer than 64 KiB");
    let key = TokenKeyPair::generate().unwrap();
    let both = ["us-ny-a", "us-ny-b"].map(|id| record(id, AgencyKind::State, Some(&key)));
    let [first, second] = both;
    check(&[("a.toml", first), ("b.toml", second)], "agencies us-ny-a and us-ny-b have the same token key");
    let world = World::new();
    let config = RegistryConfig { directory: Some("nowhere".into()), ..world.config };
    assert_eq!(load(&config).unwrap_err().to_string(), "/nonexistent/nowhere cannot be read");
    let base = tempfile::tempdir().unwrap();
    std::fs::create_dir(base.path().join("a.toml")).unwrap();
    let config = RegistryConfig { directory: Some(base.path().to_owned()), ..config };
    assert!(matches!(load(&config).unwrap_err(), RegistryError::Unreadable(_)));
}

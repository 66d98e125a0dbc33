//! Whom a store in PostgreSQL talks to: the server that was named, and nobody else; and that the password is in no text.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use comity::store::postgres::{Address, PostgresStore, open_read_only};
use comity::store::{Store as _, StoreError, StoreLocation};

use crate::harness::postgres::{Database, certificates};
use crate::store_contract::KEY;

const PASSWORD: &str = "Zebulons-geheimnis";

/// An authority's certificate in a file.
fn authority(directory: &Path, pem: &str) -> String {
    let path = directory.join("authority.pem");
    fs::write(&path, pem).unwrap();
    path.display().to_string()
}

fn parse(url: &str) -> Result<Address, StoreError> {
    Address::parse(url, Path::new("/nowhere"))
}

#[test]
fn an_address_is_read_and_shown_without_its_password() {
    let directory = tempfile::tempdir().unwrap();
    authority(directory.path(), &certificates("localhost").0.authority_pem);
    let check = |given: &str, shown: &str| {
        let address = Address::parse(given, directory.path()).unwrap();
        assert_eq!(address.printable(), shown);
        assert_eq!(address.to_string(), shown);
        assert_eq!(StoreLocation::Server(address).to_string(), shown);
    };
    let root = "sslrootcert=authority.pem";
    check(&format!("postgres://u:{PASSWORD}@db/c?{root}"), &format!("postgres://u@db:5432/c?{root}"));
    check(
        &format!("postgresql://u@a:1,b,[::1]:3/c?{root}&password={PASSWORD}&options=-csearch_path%3Dx"),
        &format!("postgres://u@a:1,b:5432,[::1]:3/c?{root}&options=-csearch_path%3Dx"),
    );
    check(
        &format!("postgres://u@db/c?sslmode=verify-full&{root}"),
        &format!("postgres://u@db:5432/c?sslmode=verify-full&{root}"),
    );
}

#[test]
fn an_address_that_cannot_be_used_is_refused_without_being_quoted() {
    let directory = tempfile::tempdir().unwrap();
    let root = authority(directory.path(), &certificates("localhost").0.authority_pem);
    let open_to_all = directory.path().join("open");
    fs::write(&open_to_all, PASSWORD).unwrap();
    fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o644)).unwrap();
    let open_to_all = open_to_all.display();
    let check = |url: String, expected: &str| {
        let refused = parse(&url).unwrap_err();
        let (shown, debugged) = (refused.to_string(), format!("{refused:?}"));
        assert!(shown.contains(expected), "{url}: {shown}");
        for text in [shown, debugged] {
            for part in [PASSWORD, "Zebulon", "geheimnis"] {
                assert!(!text.contains(part), "{text}");
            }
        }
    };
    let secret = format!("u:{PASSWORD}@");
    check(format!("mysql://{secret}db/c?sslrootcert={root}"), "does not begin with postgres://");
    check(format!("postgres://{secret}db/c"), "sslrootcert must name");
    check(format!("postgres://{secret}db/c?sslrootcert=missing.pem"), "/nowhere/missing.pem cannot be read");
    for mode in ["disable", "prefer", "require", "verify-ca"] {
        check(format!("postgres://{secret}db/c?sslrootcert={root}&sslmode={mode}"), "sslmode must be verify-full");
    }
    check(format!("postgres://{secret}db/c?sslrootcert={root}&sslcert=x"), "sslcert and sslkey go together");
    check(
        format!("postgres://{secret}db/c?sslrootcert={root}&target_session_attrs=any&target_session_attrs=read-only"),
        "read-write",
    );
    check(format!("postgres://{secret}%2Frun%2Fpostgresql/c?sslrootcert={root}"), "a host must have a name");
    check(format!("postgres://{secret}/c?sslrootcert={root}"), "names no host");
    check(
        format!("postgres://{secret}db/c?sslrootcert={root}&passfile={open_to_all}"),
        "either in the URL or in passfile",
    );
    check(format!("postgres://u@db/c?sslrootcert={root}&passfile={open_to_all}"), "is open to others");
    // A password that was not written as it should be.
    for password in [
        "Zebulons@geheimnis",
        "Zebulons/geheimnis@x",
        "Zebulons?geheimnis",
        "Zebulons?x=geheimnis",
        "Zebulons#geheimnis",
    ] {
        let refused = parse(&format!("postgres://u:{password}@db/c?sslrootcert={root}"));
        let refused = refused.expect_err(password);
        assert!(!format!("{refused} {refused:?}").contains("eheimnis"), "{refused:?}");
    }
}

/// Opens the database by a URL that was changed.
fn attempt(database: &Database, change: impl Fn(String) -> String) -> Result<(), StoreError> {
    let url = change(database.url().to_owned());
    let address = Address::parse(&url, Path::new("/"))?;
    let opened = PostgresStore::open(&address, &KEY);
    assert!(!format!("{address:?} {opened:?}").contains(PASSWORD));
    opened.map(drop)
}

#[test]
fn only_the_server_that_was_named_is_talked_to() {
    let Some(database) = Database::schema() else { return };
    let directory = tempfile::tempdir().unwrap();
    let stranger = authority(directory.path(), &certificates("localhost").1);
    let refused = |outcome: Result<(), StoreError>, expected: &str| {
        let refused = outcome.unwrap_err();
        assert!(matches!(refused, StoreError::Server(_)) && refused.to_string().contains(expected), "{refused}");
    };
    attempt(&database, |url| url).unwrap();
    let by_stranger = |url: String| {
        let parts = url.split_inclusive(['?', '&']);
        let is_root = |part: &&str| part.starts_with("sslrootcert=");
        let rest: String = parts.filter(|part| !is_root(part)).collect();
        format!("{}&sslrootcert={stranger}", rest.trim_end_matches('&'))
    };
    refused(attempt(&database, by_stranger), "UnknownIssuer");
    refused(attempt(&database, |url| url.replace("@localhost:", "@127.0.0.1:")), "not valid for name");
    // The password of somebody else.
    let at = |url: &str| (url.find("comity:").unwrap() + 7, url.find('@').unwrap());
    let wrong = |url: String| format!("{}{PASSWORD}{}", &url[..at(&url).0], &url[at(&url).1..]);
    refused(attempt(&database, wrong), "28P01 password authentication failed for user \"comity\"");
    // It may be kept in a file of its own.
    let file = directory.path().join("password");
    let keep = |password: &str, mode: u32| {
        fs::write(&file, password).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    };
    let kept = |url: String| format!("{}{}&passfile={}", &url[..at(&url).0 - 1], &url[at(&url).1..], file.display());
    let url = database.url();
    keep(&format!("{}\n", &url[at(url).0..at(url).1]), 0o600);
    attempt(&database, kept).unwrap();
    keep(PASSWORD, 0o600);
    refused(attempt(&database, kept), "28P01");
}

#[test]
fn a_server_without_tls_and_one_that_is_not_there_are_told_apart() {
    let Some(database) = Database::schema() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let plain = std::thread::spawn(move || {
        // What a server says that has no TLS.
        let (mut stream, _) = listener.accept().unwrap();
        stream.read_exact(&mut [0; 8]).unwrap();
        stream.write_all(b"N").unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).ok();
        said
    });
    let elsewhere = |url: String| {
        let (start, end) = (url.find("@localhost:").unwrap() + 11, url[12..].find('/').unwrap());
        let end = end.max(url[start..].find('/').unwrap() + start);
        format!("{}{port}{}", &url[..start], &url[end..])
    };
    let refused = attempt(&database, elsewhere).unwrap_err();
    assert!(matches!(&refused, StoreError::Server(why) if why.contains("does not support TLS")), "{refused}");
    assert!(plain.join().unwrap().is_empty(), "something was said to it");
    let refused = attempt(&database, elsewhere).unwrap_err();
    assert!(matches!(&refused, StoreError::Interrupted(why) if why.contains("refused")), "{refused}");
    // Another host that is there is found behind one that is not.
    let first = |url: String| url.replace("@localhost:", &format!("@localhost:{port},localhost:"));
    attempt(&database, first).unwrap();
    let reader = open_read_only(&database.address(), None).unwrap();
    drop(reader);
    let mut store = PostgresStore::open(&database.address(), &KEY).unwrap();
    store.begin(&[].into()).unwrap();
}

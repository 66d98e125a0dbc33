//! Where a gateway is told who signs the law, nothing else comes into force: not by whoever can write the directory.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use comity::config::Config;
use comity::identity::clock::WallClock;
use comity::ledger::{Signer, pem_from_pkcs8};
use comity::server::{Environment, Gateway, Reloaded, SIGNATURES, check};

use crate::harness::World;
use crate::harness::process::{Served, comity, said};
use crate::reload::sets::{Letter, lay, sets_in};
use crate::reload::until;

/// A signer's key as it keeps it, and its public key.
struct Counsel {
    name: &'static str,
    file: PathBuf,
    public: String,
}

impl Counsel {
    fn new(directory: &Path, name: &'static str) -> Self {
        let (signer, pkcs8) = Signer::generate(name).unwrap();
        let file = directory.join(name.replace('/', "-"));
        fs::write(&file, pem_from_pkcs8(&pkcs8).as_str()).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        Self { name, file, public: signer.verifier().to_string() }
    }

    fn signs(&self, directory: &Path) {
        let mut command = comity("policy");
        command.arg("sign").arg(directory).arg("--key").arg(&self.file).args(["--name", self.name]);
        let told = said(&mut command, 0);
        assert!(told.contains(&self.public), "{told}");
    }
}

fn demands(config: &mut Config, signers: &[&Counsel]) {
    config.policy.directory = Some("policies".into());
    config.policy.look_every_ms = 0;
    config.policy.signers = signers.iter().map(|counsel| counsel.public.clone()).collect();
}

fn set(directory: &Path, letter: char) -> PathBuf {
    directory.join(format!("copy-{letter}"))
}

#[tokio::test]
async fn a_set_comes_into_force_once_as_many_have_signed_it_as_must() {
    let keys = tempfile::tempdir().unwrap();
    let [a, b, c, stranger] =
        ["counsel/a", "counsel/b", "counsel/c", "counsel/stranger"].map(|name| Counsel::new(keys.path(), name));
    let world = World::with(|directory, config| {
        sets_in(directory);
        lay(directory, Letter::A);
        demands(config, &[&a, &b, &c]);
        a.signs(&set(directory, 'a'));
        b.signs(&set(directory, 'a'));
    });
    let directory = world.directory().to_owned();
    let refused = || world.gateway().reload_policies().unwrap_err().to_string();

    lay(&directory, Letter::B);
    assert!(refused().contains("signed by 0 of the signers, and 2 must have signed it"), "{}", refused());
    fs::copy(set(&directory, 'a').join(SIGNATURES), set(&directory, 'b').join(SIGNATURES)).unwrap();
    assert!(refused().contains("they are of another policy set"), "{}", refused());
    // What vouches for another set is not kept.
    a.signs(&set(&directory, 'b'));
    a.signs(&set(&directory, 'b'));
    stranger.signs(&set(&directory, 'b'));
    assert!(refused().contains("signed by 1 of the signers"), "{}", refused());
    let law = set(&directory, 'b').join("law/us-ny.cedar");
    let good = fs::read_to_string(&law).unwrap();
    c.signs(&set(&directory, 'b'));
    fs::write(&law, format!("{good}\n// a word more\n")).unwrap();
    assert!(refused().contains("they are of another policy set"), "{}", refused());
    fs::write(&law, &good).unwrap();
    let signatures = set(&directory, 'b').join(SIGNATURES);
    let note = fs::read_to_string(&signatures).unwrap();
    let by_c = note.lines().find(|line| line.contains("counsel/c")).unwrap();
    let forged = format!("{}x{}", &by_c[..by_c.len() - 10], &by_c[by_c.len() - 9..]);
    fs::write(&signatures, note.replace(by_c, &forged)).unwrap();
    assert!(refused().contains(SIGNATURES), "{}", refused());
    fs::write(&signatures, "no note at all").unwrap();
    assert!(refused().contains("malformed"), "{}", refused());
    fs::write(&signatures, note).unwrap();
    assert!(matches!(world.gateway().reload_policies().unwrap(), Reloaded::Activated { .. }));
}

#[tokio::test]
async fn no_gateway_starts_with_a_law_that_nobody_vouches_for() {
    let keys = tempfile::tempdir().unwrap();
    let [a, b] = ["counsel/a", "counsel/b"].map(|name| Counsel::new(keys.path(), name));
    let mut world = World::with(|directory, config| {
        sets_in(directory);
        lay(directory, Letter::A);
        demands(config, &[&a, &b]);
        a.signs(&set(directory, 'a'));
        b.signs(&set(directory, 'a'));
    });
    world.stop().await;
    let refused = |config: &Config, why: &str| {
        let checked = check(config, world.directory(), &WallClock::system()).unwrap_err().to_string();
        let started = Gateway::start(config, world.directory(), Environment::default()).unwrap_err().to_string();
        assert!(checked.contains(why) && started.contains(why), "{checked}, {started}");
    };
    fs::remove_file(set(world.directory(), 'a').join(SIGNATURES)).unwrap();
    refused(world.config(), "signed by 0 of the signers");
    let mut built_in = world.config().clone();
    built_in.policy.directory = None;
    refused(&built_in, "signed by 0 of the signers");
    let mut alone = world.config().clone();
    alone.policy.signers.pop();
    refused(&alone, "signatures_min");
    let mut twice = world.config().clone();
    twice.policy.signers = vec![a.public.clone(), a.public.clone()];
    refused(&twice, "signatures_min");
    let mut garbled = world.config().clone();
    garbled.policy.signers[0].push('x');
    refused(&garbled, "[policy] signers");
}

/// The directory is looked at, and what was refused for want of a signature is tried again once it has one.
#[tokio::test]
async fn a_set_that_waits_for_a_signature_is_taken_up_when_it_has_it() {
    let keys = tempfile::tempdir().unwrap();
    let [a, b] = ["counsel/a", "counsel/b"].map(|name| Counsel::new(keys.path(), name));
    let served = Served::start_on(
        "info",
        |config| {
            demands(config, &[&a, &b]);
            config.policy.look_every_ms = 50;
        },
        |directory| {
            sets_in(directory);
            lay(directory, Letter::A);
            a.signs(&set(directory, 'a'));
            b.signs(&set(directory, 'a'));
        },
    );
    lay(served.directory(), Letter::C);
    a.signs(&set(served.directory(), 'c'));
    until(served.ops, "/readyz", "signed by 1 of the signers, and 2 must have signed it").await;
    b.signs(&set(served.directory(), 'c'));
    until(served.ops, "/metrics", "comity_policy_reloads_total{outcome=\"activated\"} 1").await;
    assert!(served.stop().status.success());
}

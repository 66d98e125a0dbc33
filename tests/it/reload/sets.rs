//! Three small policy sets, so that reading one takes little time: they differ in what they allow, in what they show, and
//! in who may call what, and every word that a set says bears its letter.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use comity::policy::load::PolicySet;
use comity::store::StoredEntry;
use comity::wire::{Message as _, v1};

use crate::reload::policies;

/// A set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Letter {
    /// Allows and shows everything.
    A,
    /// No hold; the issuer is not shown that a person was released, and may neither amend nor list.
    B,
    /// The issuer is not shown where a person is held.
    C,
}

impl Letter {
    pub(super) const ALL: [Self; 3] = [Self::A, Self::B, Self::C];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
        }
    }

    /// By what the words of a set bear.
    pub(super) fn of_policy(id: &str) -> Option<Self> {
        let own = id.strip_prefix("us-ny.").or_else(|| id.strip_prefix("us-tx."))?;
        Self::ALL.into_iter().find(|letter| own.starts_with(&format!("{}-", letter.word())))
    }

    /// The sets are beside each other in the directory of a gateway.
    pub(super) fn digest(self, directory: &Path) -> Vec<u8> {
        PolicySet::load(&directory.join(format!("set-{}", self.word()))).unwrap().digest().to_vec()
    }

    /// Whether an issuer is shown that a person is held, and that one was released.
    pub(super) fn shows(self) -> (bool, bool) {
        (self != Self::C, self != Self::B)
    }

    fn law(self, place: &str) -> String {
        // The law of Texas is the same in all of them.
        let word = if place == "us-tx" { "a" } else { self.word() };
        let shows = if place == "us-tx" { (true, true) } else { self.shows() };
        let act = |act: &str| {
            format!(
                "@id(\"{place}.{word}-{act}\") @cite(\"{word}\") permit (principal, action == Action::\"{act}\", resource);\n"
            )
        };
        let mut law: String = ["hold", "notify", "transfer", "disclose"].map(act).concat();
        let mut forbid = |name: &str, scope: &str| {
            let forbidding =
                format!("@id(\"{place}.{word}-no-{name}\") @cite(\"{word}\") forbid (principal, {scope});\n");
            law.push_str(&forbidding);
        };
        if word == "b" {
            forbid("hold", "action == Action::\"hold\", resource");
        }
        if !shows.0 {
            forbid("custody", "action == Action::\"disclose\", resource == FieldClass::\"custody\"");
        }
        if !shows.1 {
            forbid("release-date", "action == Action::\"disclose\", resource == FieldClass::\"release-date\"");
            forbid("release-detail", "action == Action::\"disclose\", resource == FieldClass::\"release-detail\"");
        }
        law
    }

    /// What the law says of the one case that it is held against.
    fn cases(self, place: &str) -> String {
        let hold = if place == "us-ny" && self == Self::B { "must not" } else { "may" };
        format!(
            "zone = \"America/New_York\"\n[ordinary]\ncustodian = \"county-jail\"\nform = \"I-247A\"\nwarrant = \"I-200\"\n\
             on = \"2026-03-01\"\n[[case]]\nname = \"any\"\nexpect = {{ hold = \"{hold}\", notify = \"may\", transfer = \"may\" }}\n"
        )
    }

    fn access(self) -> &'static str {
        match self {
            Self::A | Self::C => "",
            Self::B => {
                "@id(\"access.b-issuers-neither-amend-nor-list\") forbid (principal == AgencyKind::\"federal\", action in \
                 [Action::\"DetainerService/AmendDetainer\", Action::\"DetainerService/ListDetainers\"], resource);"
            }
        }
    }
}

/// The one case that is laid over those of each pack.
const SHARED: &str =
    "[[case]]\nname = \"no hold is asked for\"\ngiven = { form = \"I-247G\" }\nexpect = { hold = \"must not\" }\n";

/// Writes the three sets beside each other.
pub(crate) fn sets_in(directory: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    for letter in Letter::ALL {
        let set = directory.join(format!("set-{}", letter.word()));
        fs::create_dir_all(set.join("law")).unwrap();
        for own in ["comity.cedarschema", "law/_safeguards.cedar"] {
            fs::copy(source.join(own), set.join(own)).unwrap();
        }
        fs::write(set.join("law/_safeguards.cases.toml"), SHARED).unwrap();
        let access = fs::read_to_string(source.join("access.cedar")).unwrap() + letter.access();
        fs::write(set.join("access.cedar"), access).unwrap();
        for place in ["us-ny", "us-tx"] {
            fs::write(set.join(format!("law/{place}.cedar")), letter.law(place)).unwrap();
            fs::write(set.join(format!("law/{place}.cases.toml")), letter.cases(place)).unwrap();
        }
    }
}

/// Lays a set where the gateway looks for its policies, all of it at once: a copy, so that it may be spoilt.
pub(crate) fn lay(directory: &Path, letter: Letter) {
    let (set, copy) =
        (directory.join(format!("set-{}", letter.word())), directory.join(format!("copy-{}", letter.word())));
    drop(fs::remove_dir_all(&copy));
    fs::create_dir(&copy).unwrap();
    crate::harness::copy(&set, &copy);
    point(directory, &copy);
}

/// The same without a copy.
pub(super) fn point(directory: &Path, set: &Path) {
    let link = directory.join("policies.new");
    drop(fs::remove_file(&link));
    symlink(set, &link).unwrap();
    fs::rename(&link, policies(directory)).unwrap();
}

/// The activation that an entry records, if it is one.
pub(super) fn activation(stored: &StoredEntry) -> Option<v1::PolicyActivated> {
    let event = stored.openings.iter().find_map(|opening| v1::Event::decode(opening.content.as_slice()).ok()?.event);
    if let v1::event::Event::PolicyActivated(activated) = event? { Some(activated) } else { None }
}

/// The sets that determinations come from, by the ids of their policies. What is of all sets bears none.
pub(super) fn letters<'a>(ids: impl IntoIterator<Item = &'a str>) -> BTreeSet<Letter> {
    ids.into_iter().filter_map(Letter::of_policy).collect()
}

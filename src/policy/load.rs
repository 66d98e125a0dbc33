//! Reads a policy set: bounded, parsed, validated against the schema, every annotation checked. A set is taken whole or
//! not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use cedar_policy as cedar;
use jiff::Timestamp;

use crate::domain::ids::JurisdictionId;
use crate::domain::statute::Statutes;
use crate::policy::digest::{self, digest_of};
use crate::policy::embedded::{self, built_in};
use crate::policy::fact_dependencies::FactDependencies;
use crate::policy::limits::{self, Excess, FILE_BYTES_MAX, FILES_MAX};
use crate::policy::rules::{self, PolicyKind, Rule};
use crate::policy::statutes::{self, unknown_list};
use crate::policy::switches::{Settings, SwitchError, Switches, is_switched_on};
use crate::policy::vocabulary::Vocabulary;

const ACCESS: &str = "access.cedar";
pub(crate) const SCHEMA: &str = "comity.cedarschema";
pub(crate) const SAFEGUARDS: &str = "law/_safeguards.cedar";
pub(crate) const SWITCHES: &str = "law/switches.toml";
/// The file name ending of a pack.
pub(crate) const LAW: &str = ".cedar";
/// The file name ending of a table of cases.
pub(crate) const CASES: &str = ".cases.toml";
/// The file name ending of a table of offences.
pub(crate) const OFFENCES: &str = ".offences.toml";

/// Access rules, the shared safeguards and one law for each jurisdiction, all valid together.
#[derive(Debug)]
pub struct PolicySet {
    pub(crate) access: cedar::PolicySet,
    /// The law where no pack is written.
    pub(crate) safeguards: cedar::PolicySet,
    /// Each pack with the safeguards appended. Each jurisdiction is asked alone, since a decision costs in proportion
    /// to the number of policies.
    pub(crate) laws: BTreeMap<JurisdictionId, cedar::PolicySet>,
    /// Each pack's own policies as written, including those that are switched off.
    pub(crate) written: BTreeMap<JurisdictionId, Vec<cedar::Policy>>,
    pub(crate) switches: Switches,
    /// The table of offences of each pack that has one.
    pub(crate) statutes: BTreeMap<JurisdictionId, Statutes>,
    /// The tables of cases, by file name. They are part of the set and of its digest, so that the digest in an entry
    /// says which law was asked and which cases it was tested against.
    pub(crate) tables: BTreeMap<String, String>,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) digest: [u8; 32],
    /// The digest of each file's content, by file name, to compare with another set.
    pub(crate) files: BTreeMap<String, [u8; 32]>,
    /// The files themselves, to build a candidate from.
    pub(crate) texts: BTreeMap<String, String>,
}

impl PolicySet {
    /// The policies that this binary was built with.
    pub fn embedded() -> Result<Self, PolicyError> {
        Self::from_files(&Self::embedded_files())
    }

    /// The files of the embedded set, by name.
    pub(crate) fn embedded_files() -> BTreeMap<String, String> {
        embedded::files()
    }

    /// Reads a directory laid out as the repository's `policies/`: `access.cedar`, `comity.cedarschema`,
    /// `law/_safeguards.cedar`, `law/switches.toml`, and `law/<jurisdiction>.cedar` beside its table of cases,
    /// `law/<jurisdiction>.cases.toml`, and its table of offences, `law/<jurisdiction>.offences.toml`, where it has one.
    pub fn load(directory: &Path) -> Result<Self, PolicyError> {
        Self::from_files(&Self::files_in(directory)?)
    }

    /// Reads the files of such a directory, within limits, without parsing them. Their digest tells whether anything
    /// changed.
    pub fn files_in(directory: &Path) -> Result<BTreeMap<String, String>, PolicyError> {
        let mut files = BTreeMap::new();
        for name in [ACCESS, SCHEMA] {
            files.insert(name.to_owned(), read(&directory.join(name), name)?);
        }
        let unreadable = |error| PolicyError::Unreadable { file: "law".to_owned(), error };
        for entry in directory.join("law").read_dir().map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let cedar = path.extension() == Some("cedar".as_ref());
            let table = name.ends_with(CASES) || name.ends_with(OFFENCES) || name == "switches.toml";
            if !(cedar || table) || !path.is_file() {
                continue;
            }
            if files.len() == FILES_MAX {
                return Err(PolicyError::TooMany);
            }
            let name = format!("law/{name}");
            let text = read(&path, &name)?;
            files.insert(name, text);
        }
        Ok(files)
    }

    /// Parses the files of a directory, given by their names within it.
    pub fn from_files(files: &BTreeMap<String, String>) -> Result<Self, PolicyError> {
        // Requests are built for this schema, and no jurisdiction may weaken the safeguards. Both files are in the
        // directory to be read and digested, and MUST NOT be changed there.
        for own in [SCHEMA, SAFEGUARDS] {
            if text(files, own)? != built_in(own).unwrap_or_default() {
                return Err(PolicyError::Altered { file: own.to_owned() });
            }
        }
        let mut reader = Reader::new(text(files, SCHEMA)?)?;
        let access = reader.rules(ACCESS, text(files, ACCESS)?, PolicyKind::Access)?;
        let safeguards = reader.rules(SAFEGUARDS, text(files, SAFEGUARDS)?, PolicyKind::Law)?;
        let switches = Switches::read(files.get(SWITCHES).map(String::as_str))?;
        let settings = switches.settings();
        let statutes = statutes_of(files)?;
        let (mut laws, mut written) = (BTreeMap::new(), BTreeMap::new());
        for (name, text) in files {
            let Some(stem) = name.strip_prefix("law/").and_then(|name| name.strip_suffix(LAW)) else { continue };
            if name == SAFEGUARDS {
                continue;
            }
            let jurisdiction: JurisdictionId =
                stem.parse().map_err(|_| PolicyError::Misnamed { file: name.clone() })?;
            let pack = reader.rules(name, text, PolicyKind::Law)?;
            for policy in &pack {
                if let Some(reason) = unknown_list(policy, statutes.get(&jurisdiction)) {
                    return Err(PolicyError::List { file: name.clone(), policy: policy.id().to_string(), reason });
                }
            }
            let switched_on = pack.iter().filter(|policy| is_switched_on(policy, &settings));
            laws.insert(jurisdiction.clone(), set_of(name, switched_on.chain(&safeguards).cloned())?);
            written.insert(jurisdiction, pack);
        }
        switches.check(written.values().flatten())?;
        let tables = files.iter().filter(|(name, _)| name.ends_with(CASES));
        Ok(Self {
            access: set_of(ACCESS, access)?,
            safeguards: set_of(SAFEGUARDS, safeguards)?,
            laws,
            written,
            switches,
            statutes,
            tables: tables.map(|(name, text)| (name.clone(), text.clone())).collect(),
            vocabulary: Vocabulary::new(&reader.schema).map_err(PolicyError::Vocabulary)?,
            digest: digest_of(files),
            files: files.iter().map(|(name, text)| (name.clone(), digest::of_text(text))).collect(),
            texts: files.clone(),
        })
    }

    /// SHA-256 over the name and content of every file, in order of name.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The jurisdictions whose law is written.
    pub fn jurisdictions(&self) -> impl Iterator<Item = &JurisdictionId> {
        self.laws.keys()
    }

    /// The dates that a pack compares the time with, in order: its law may change on each. None: it reads the time in
    /// another way.
    pub fn effective_dates(&self, jurisdiction: &JurisdictionId) -> Option<Vec<Timestamp>> {
        let pack = self.written.get(jurisdiction)?;
        let reads = FactDependencies::of(&cedar::PolicySet::from_policies(pack.iter().cloned()).ok()?)?;
        reads.change_instants().iter().map(|point| Timestamp::from_millisecond(*point).ok()).collect()
    }

    /// The table by which a pack reads charges, if it has one.
    pub fn statutes(&self, jurisdiction: &JurisdictionId) -> Option<&Statutes> {
        self.statutes.get(jurisdiction)
    }

    /// How many policies a pack has, including those that are switched off.
    pub fn policies_of(&self, jurisdiction: &JurisdictionId) -> usize {
        self.written.get(jurisdiction).map_or(0, Vec::len)
    }

    /// The points of law that counsel turn on or off.
    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    /// A pack's law under these switch settings, with the safeguards.
    pub(crate) fn law_with(&self, pack: &[cedar::Policy], settings: &Settings) -> Result<cedar::PolicySet, String> {
        let switched_on = pack.iter().filter(|policy| is_switched_on(policy, settings));
        let safeguards = self.safeguards.policies();
        cedar::PolicySet::from_policies(switched_on.chain(safeguards).cloned()).map_err(|error| error.to_string())
    }
}

/// Why a policy set is refused. Carries policy text at most, never the facts of a case.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file could not be read, or is not UTF-8.
    #[error("cannot read {file}: {error}")]
    Unreadable {
        /// Its name within the directory.
        file: String,
        /// The system's error.
        error: io::Error,
    },
    /// The set has too many files.
    #[error("more than {FILES_MAX} files")]
    TooMany,
    /// The text exceeds a limit.
    #[error("{file} has {excess}")]
    Excess {
        /// The file.
        file: String,
        /// Which limit.
        excess: Excess,
    },
    /// A file that every set must have is missing.
    #[error("{file} is missing")]
    Missing {
        /// The file.
        file: &'static str,
    },
    /// The schema or the safeguards differ from those of this binary.
    #[error("{file} differs from the one that this binary was built with")]
    Altered {
        /// The file.
        file: String,
    },
    /// A law is not named after a jurisdiction.
    #[error("{file} is not named after a jurisdiction")]
    Misnamed {
        /// The file.
        file: String,
    },
    /// Cedar refused the text, or the policies do not fit the schema.
    #[error("{file}: {reason}")]
    Invalid {
        /// The file.
        file: String,
        /// Cedar's message.
        reason: String,
    },
    /// A policy breaks one of our own rules.
    #[error("{file}: policy {policy} {broken}")]
    Rule {
        /// The file.
        file: String,
        /// Its id, or Cedar's name for it if it has none.
        policy: String,
        /// The rule.
        broken: Rule,
    },
    /// A policy reads a list of offences that does not exist.
    #[error("{file}: policy {policy} {reason}")]
    List {
        /// The file.
        file: String,
        /// The policy.
        policy: String,
        /// What is wrong.
        reason: String,
    },
    /// A table of offences is invalid.
    #[error("{file}: {reason}")]
    Offences {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A switch is invalid.
    #[error("{SWITCHES}: {0}")]
    Switches(#[from] SwitchError),
    /// The schema lacks a name that requests need.
    #[error("the schema cannot express {0}")]
    Vocabulary(String),
}

/// Reads one file after another and checks that no two policies of a set share an id.
struct Reader {
    schema: cedar::Schema,
    validator: cedar::Validator,
    ids: BTreeSet<String>,
}

impl Reader {
    fn new(schema: &str) -> Result<Self, PolicyError> {
        let (schema, _) = cedar::Schema::from_cedarschema_str(schema).map_err(|error| invalid(SCHEMA, &error))?;
        Ok(Self { validator: cedar::Validator::new(schema.clone()), schema, ids: BTreeSet::new() })
    }

    /// Parses and checks a file. Each policy is renamed to its own @id.
    fn rules(&mut self, file: &str, text: &str, kind: PolicyKind) -> Result<Vec<cedar::Policy>, PolicyError> {
        limits::check(text).map_err(|excess| PolicyError::Excess { file: file.to_owned(), excess })?;
        let parsed: cedar::PolicySet = text.parse().map_err(|error: cedar::ParseErrors| invalid(file, &error))?;
        let broken = |policy: &cedar::PolicyId, broken| PolicyError::Rule {
            file: file.to_owned(),
            policy: policy.to_string(),
            broken,
        };
        // A template acts only when linked, and nothing here links. Its forbid would silently be missing.
        if let Some(template) = parsed.templates().next() {
            return Err(broken(template.id(), Rule::Template));
        }
        let verdict = self.validator.validate(&parsed, cedar::ValidationMode::Strict);
        // A warning refuses the set too: it is about a policy that can never apply, or text that resembles other text.
        if !verdict.validation_passed_without_warnings() {
            return Err(invalid(file, &verdict));
        }
        let mut policies = Vec::new();
        for policy in parsed.policies() {
            let id = rules::check(policy, kind).map_err(|rule| broken(policy.id(), rule))?;
            let own = policy.new_id(cedar::PolicyId::new(id));
            if !self.ids.insert(id.to_owned()) {
                return Err(broken(own.id(), Rule::DuplicateId));
            }
            policies.push(own);
        }
        Ok(policies)
    }
}

fn text<'a>(files: &'a BTreeMap<String, String>, name: &'static str) -> Result<&'a str, PolicyError> {
    files.get(name).map(String::as_str).ok_or(PolicyError::Missing { file: name })
}

/// The tables of offences, each with the pack that reads it.
fn statutes_of(files: &BTreeMap<String, String>) -> Result<BTreeMap<JurisdictionId, Statutes>, PolicyError> {
    let mut tables = BTreeMap::new();
    for (name, text) in files {
        let Some(stem) = name.strip_prefix("law/").and_then(|name| name.strip_suffix(OFFENCES)) else { continue };
        let wrong = |reason: String| PolicyError::Offences { file: name.clone(), reason };
        if !files.contains_key(&format!("law/{stem}.cedar")) {
            return Err(wrong("belongs to no pack of the set".to_owned()));
        }
        let jurisdiction: JurisdictionId = stem.parse().map_err(|_| PolicyError::Misnamed { file: name.clone() })?;
        tables.insert(jurisdiction, statutes::read(text).map_err(wrong)?);
    }
    Ok(tables)
}

fn set_of(file: &str, policies: impl IntoIterator<Item = cedar::Policy>) -> Result<cedar::PolicySet, PolicyError> {
    cedar::PolicySet::from_policies(policies).map_err(|error| invalid(file, &error))
}

fn invalid(file: &str, reason: &dyn std::fmt::Display) -> PolicyError {
    PolicyError::Invalid { file: file.to_owned(), reason: reason.to_string() }
}

fn read(path: &Path, name: &str) -> Result<String, PolicyError> {
    let unreadable = |error| PolicyError::Unreadable { file: name.to_owned(), error };
    let mut text = String::new();
    // One byte more than allowed, so that the limit is noticed and memory stays bounded.
    let bytes_max = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(unreadable)?.take(bytes_max).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() > FILE_BYTES_MAX {
        return Err(PolicyError::Excess { file: name.to_owned(), excess: Excess::Bytes });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::samples::{two_packs, with_law};

    fn refusal(law: &str) -> PolicyError {
        with_law("us-zz", law).unwrap_err()
    }

    #[test]
    fn the_directory_and_the_binary_hold_the_same_set() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let (loaded, embedded) = (PolicySet::load(&directory).unwrap(), PolicySet::embedded().unwrap());
        assert_eq!(loaded.digest(), embedded.digest());
        let packs: Vec<_> = embedded.jurisdictions().map(JurisdictionId::as_str).collect();
        assert_eq!(packs, ["us-ca", "us-co", "us-fl", "us-il", "us-nj", "us-ny", "us-ny-nyc", "us-tx", "us-wa"]);
    }

    #[test]
    fn every_letter_of_every_file_is_in_the_digest() {
        let set = |law: &str| with_law("us-zz", law).unwrap().digest();
        assert_ne!(set(""), PolicySet::from_files(&two_packs()).unwrap().digest());
        assert_ne!(set(""), set(" "));
        let digest = |files: &[(&str, &str)]| {
            digest_of(&files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect())
        };
        assert_ne!(digest(&[("a", "bc")]), digest(&[("ab", "c")]));
        assert_ne!(digest(&[("a", "b"), ("c", "")]), digest(&[("a", ""), ("c", "b")]));
    }

    #[test]
    fn a_set_without_its_safeguards_or_with_others_is_refused() {
        let files = two_packs;
        for name in [SAFEGUARDS, SCHEMA] {
            let mut without = files();
            without.remove(name);
            assert!(matches!(PolicySet::from_files(&without), Err(PolicyError::Missing { .. })));
            let mut other = files();
            other.get_mut(name).unwrap().push(' ');
            assert!(matches!(PolicySet::from_files(&other), Err(PolicyError::Altered { .. })));
        }
        let mut misnamed = files();
        misnamed.insert("law/New York.cedar".to_owned(), String::new());
        assert!(matches!(PolicySet::from_files(&misnamed), Err(PolicyError::Misnamed { .. })));
    }

    #[test]
    fn what_the_schema_does_not_know_is_refused() {
        for condition in [
            "context.name == \"x\"",
            "context.warrant == Warrant::\"judical\"",
            "context.custodian_class == AgencyClass::\"state-prison\"",
            "context.now < datetime(\"27 May 2026\")",
            "context.now < \"2026-05-27\"",
            "principal == AgencyKind::\"us-ice\"",
            "context.sealed && !context.sealed && false",
        ] {
            let law = format!(
                "@id(\"i\") @cite(\"c\") forbid (principal, action == Action::\"hold\", resource) when {{ {condition} }};"
            );
            assert!(matches!(refusal(&law), PolicyError::Invalid { .. }), "{condition}");
        }
    }

    #[test]
    fn a_text_that_would_overflow_the_stack_is_refused_before_it_is_parsed() {
        let deep =
            format!("permit (principal, action, resource) when {{ {}true{} }};", "(".repeat(9_000), ")".repeat(9_000));
        assert!(matches!(refusal(&deep), PolicyError::Excess { excess: Excess::Nesting, .. }));
        let long = format!("permit (principal, action, resource) when {{ true{} }};", " && true".repeat(9_000));
        assert!(matches!(refusal(&long), PolicyError::Excess { excess: Excess::Tokens, .. }));
        // Cedar handles what the limits let through on a thread's default stack of 2 MiB.
        for allowed in [
            format!("{}true{}", "(".repeat(31), ")".repeat(31)),
            format!("{}true", "if true then true else ".repeat(150)),
            format!("1{} > 0", "+1".repeat(450)),
        ] {
            let law = format!(
                "@id(\"i\") @cite(\"c\") permit (principal, action == Action::\"hold\", resource) when {{ {allowed} }};"
            );
            with_law("us-zz", &law).unwrap();
        }
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(ACCESS);
        std::fs::write(&path, " ".repeat(FILE_BYTES_MAX + 1)).unwrap();
        assert!(matches!(read(&path, ACCESS), Err(PolicyError::Excess { excess: Excess::Bytes, .. })));
        std::fs::write(&path, [0xff]).unwrap();
        assert!(matches!(read(&path, ACCESS), Err(PolicyError::Unreadable { .. })));
    }
}

//! Whom to trust for a log: its keys, its witnesses and how many of them must have cosigned (C2SP tlog-policy).

use std::collections::BTreeMap;

use super::checkpoint::CheckpointError;
use super::cosignature::{Cosignature, CosignerKey, Head};
use super::key::{KeyError, VerifierKey};
use super::note::NoteError;

/// Longest policy that is read, in bytes.
const TRUST_POLICY_LEN_MAX: usize = 1024 * 1024;

/// The most logs, witnesses and groups of each. C2SP tlog-policy recommends at least 32.
const COUNT_MAX: usize = 128;

/// Why a text is not a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct TrustPolicyError {
    /// The line at fault, from 1. If something is missing, the last line.
    pub line: usize,
    /// What is wrong with it.
    pub why: TrustPolicyFault,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustPolicyFault {
    /// The line's form.
    #[error("{0}")]
    Form(&'static str),
    /// A key in it.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Why a checkpoint is not valid under a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// It is not a checkpoint by a known log.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A known witness's line does not hold.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Too few witnesses cosigned it.
    #[error("the quorum of witnesses has not cosigned it, only: {cosigned}")]
    NoQuorum {
        /// The names of those that have, in the order of the policy; `nobody`.
        cosigned: String,
    },
}

/// A witness of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownWitness {
    /// Its name in the policy. Bytes that are not UTF-8 are replaced.
    pub name: String,
    /// Where it takes checkpoints (C2SP tlog-witness, submission prefix), if it says.
    pub url: Option<String>,
}

/// A witness or a group, by its position in the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    /// How many of the members must have witnessed a checkpoint, at least 1.
    threshold: usize,
    // INVARIANT: groups among them come before this one, so that there are no circles.
    members: Vec<Member>,
}

/// A policy, as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustPolicy {
    logs: Vec<VerifierKey>,
    witnesses: Vec<KnownWitness>,
    /// Of each witness, in the same order.
    keys: Vec<CosignerKey>,
    groups: Vec<Group>,
    /// `None`: no cosignature is required.
    quorum: Option<Member>,
}

impl TrustPolicy {
    /// Reads a policy file. Names are bytes: only ASCII has a meaning (C2SP tlog-policy, "Character set").
    pub fn parse(text: &[u8]) -> Result<Self, TrustPolicyError> {
        let mut reading = Reading::default();
        if text.len() > TRUST_POLICY_LEN_MAX {
            return Err(form(1, "the policy is too long"));
        }
        let body = text.strip_suffix(b"\n").ok_or_else(|| form(1, "the last line does not end in a newline"))?;
        let mut last = 0;
        for (at, line) in body.split(|byte| *byte == b'\n').enumerate() {
            last = at.saturating_add(1);
            if line.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
                return Err(form(last, "it has a control character"));
            }
            reading.line(line).map_err(|why| TrustPolicyError { line: last, why })?;
        }
        let Reading { policy, quorum_given, .. } = reading;
        if quorum_given { Ok(policy) } else { Err(form(last, "there is no quorum line")) }
    }

    /// The keys of the logs. Any of them may have signed a checkpoint.
    pub fn log_keys(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// The witnesses, in order.
    pub fn witnesses(&self) -> &[KnownWitness] {
        &self.witnesses
    }

    /// The keys of the witnesses, in the same order.
    pub fn witness_keys(&self) -> &[CosignerKey] {
        &self.keys
    }

    /// Whether a checkpoint is witnessed if these witnesses, by position, have cosigned it.
    pub fn is_quorum(&self, cosigned: impl Fn(usize) -> bool) -> bool {
        // Groups refer to earlier ones alone: one pass settles them all.
        let mut groups = Vec::with_capacity(self.groups.len());
        let witnessed = |member: &Member, groups: &[bool]| match member {
            Member::Witness(at) => cosigned(*at),
            Member::Group(at) => groups.get(*at).copied().unwrap_or(false),
        };
        for group in &self.groups {
            let count = group.members.iter().filter(|member| witnessed(member, &groups)).count();
            groups.push(count >= group.threshold);
        }
        self.quorum.is_none_or(|member| witnessed(&member, &groups))
    }

    /// Reads a checkpoint of the log `origin` that is valid under this policy: signed by one of its logs and cosigned by a
    /// quorum of its witnesses. Returns the cosignatures too; each names its witness by position.
    pub fn open(&self, note: &str, origin: &str) -> Result<(Head, Vec<Cosignature>), TrustError> {
        let head = Head::open(note, origin, &self.logs)?;
        let cosignatures = head.cosignatures(note, &self.keys)?;
        let by = |at: usize| cosignatures.iter().any(|cosignature| cosignature.key == at);
        if self.is_quorum(by) {
            return Ok((head, cosignatures));
        }
        let names =
            self.witnesses.iter().enumerate().filter(|(at, _)| by(*at)).map(|(_, witness)| witness.name.as_str());
        let names: Vec<_> = names.collect();
        Err(TrustError::NoQuorum { cosigned: if names.is_empty() { "nobody".to_owned() } else { names.join(", ") } })
    }
}

fn form(line: usize, why: &'static str) -> TrustPolicyError {
    TrustPolicyError { line, why: TrustPolicyFault::Form(why) }
}

/// A policy while it is read.
#[derive(Default)]
struct Reading {
    policy: TrustPolicy,
    quorum_given: bool,
    names: BTreeMap<Vec<u8>, Member>,
    /// Members of a group already: each name may be one once.
    taken: Vec<Member>,
}

impl Reading {
    fn line(&mut self, line: &[u8]) -> Result<(), TrustPolicyFault> {
        let words: Vec<&[u8]> =
            line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", vkey] => self.log(vkey, None),
            [b"log", vkey, url] => self.log(vkey, Some(url)),
            [b"witness", name, vkey] => self.witness(name, vkey, None),
            [b"witness", name, vkey, url] => self.witness(name, vkey, Some(url)),
            [b"group", name, threshold, members @ ..] => self.group(name, threshold, members),
            [b"quorum", name] => self.quorum(name),
            _ => Err(TrustPolicyFault::Form("it is no log, witness, group or quorum line")),
        }
    }

    fn log(&mut self, vkey: &[u8], url: Option<&&[u8]>) -> Result<(), TrustPolicyFault> {
        if let Some(url) = url {
            text(url)?;
        }
        let key = VerifierKey::parse(text(vkey)?)?;
        if self.policy.logs.iter().any(|other| other.public() == key.public()) {
            return Err(TrustPolicyFault::Form("its key is that of another log line"));
        }
        self.policy.logs.push(key);
        within(self.policy.logs.len())
    }

    fn witness(&mut self, name: &[u8], vkey: &[u8], url: Option<&&[u8]>) -> Result<(), TrustPolicyFault> {
        let key = CosignerKey::parse(text(vkey)?)?;
        if self.policy.keys.iter().any(|other| other.public() == key.public()) {
            return Err(TrustPolicyFault::Form("its key is that of another witness line"));
        }
        let url = url.map(|url| text(url)).transpose()?.map(str::to_owned);
        self.define(name, Member::Witness(self.policy.witnesses.len()))?;
        self.policy.witnesses.push(KnownWitness { name: String::from_utf8_lossy(name).into_owned(), url });
        self.policy.keys.push(key);
        within(self.policy.keys.len())
    }

    fn group(&mut self, name: &[u8], threshold: &[u8], members: &[&[u8]]) -> Result<(), TrustPolicyFault> {
        let count = members.len();
        let threshold = match threshold {
            b"all" => Some(count),
            b"any" => Some(1),
            number => decimal(number),
        };
        let threshold = threshold.filter(|threshold| (1..=count).contains(threshold));
        let threshold = threshold
            .ok_or(TrustPolicyFault::Form("its threshold is not all, any, or 1 to the count of its members"))?;
        let mut found = Vec::with_capacity(count);
        for member in members {
            let member = self.named(member)?;
            if self.taken.contains(&member) {
                return Err(TrustPolicyFault::Form("a member is one already, of this group or another"));
            }
            self.taken.push(member);
            found.push(member);
        }
        self.define(name, Member::Group(self.policy.groups.len()))?;
        self.policy.groups.push(Group { threshold, members: found });
        within(self.policy.groups.len())
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), TrustPolicyFault> {
        if self.quorum_given {
            return Err(TrustPolicyFault::Form("it is a second quorum line"));
        }
        self.quorum_given = true;
        self.policy.quorum = if name == b"none" { None } else { Some(self.named(name)?) };
        Ok(())
    }

    fn named(&self, name: &[u8]) -> Result<Member, TrustPolicyFault> {
        let member = self.names.get(name).copied();
        member.ok_or(TrustPolicyFault::Form("it names a witness or group that no line before it defines"))
    }

    fn define(&mut self, name: &[u8], member: Member) -> Result<(), TrustPolicyFault> {
        if name == b"none" || self.names.insert(name.to_vec(), member).is_some() {
            return Err(TrustPolicyFault::Form("its name is taken"));
        }
        Ok(())
    }
}

fn within(count: usize) -> Result<(), TrustPolicyFault> {
    if count > COUNT_MAX { Err(TrustPolicyFault::Form("there are too many")) } else { Ok(()) }
}

fn text(word: &[u8]) -> Result<&str, TrustPolicyFault> {
    std::str::from_utf8(word).map_err(|_| TrustPolicyFault::Form("a key or URL in it is not UTF-8"))
}

/// A number in its only spelling.
fn decimal(word: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(word).ok()?;
    let number: usize = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Checkpoint, Cosigner, Hash, Signer};

    const ORIGIN: &str = "comity.example/us-ny/exchange";

    fn cosigners(count: usize) -> Vec<Cosigner> {
        (0..count).map(|at| Cosigner::generate(&format!("witness.example/{at}")).unwrap().0).collect()
    }

    /// A line for the first key of each, named X0, X1 and so on.
    fn lines(cosigners: &[Cosigner]) -> String {
        let line = |(at, cosigner): (usize, &Cosigner)| format!("witness X{at} {}\n", cosigner.keys()[0]);
        cosigners.iter().enumerate().map(line).collect()
    }

    fn fault(text: &str) -> String {
        TrustPolicy::parse(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_quorum_is_counted_as_the_specification_says() {
        let witnesses = cosigners(6);
        let text = format!(
            "# a comment\n\n \t\n{}group X 2 X0 X1 X2\n\tgroup Y any X3  X4\tX5 \ngroup both all X Y\nquorum both\n",
            lines(&witnesses)
        );
        let policy = TrustPolicy::parse(text.as_bytes()).unwrap();
        let check = |cosigned: &[usize], expected| {
            assert_eq!(policy.is_quorum(|at| cosigned.contains(&at)), expected, "{cosigned:?}");
        };
        check(&[], false);
        check(&[0, 1, 2], false);
        check(&[3, 4, 5], false);
        check(&[0, 3], false);
        check(&[0, 1, 3], true);
        check(&[1, 2, 5], true);
        check(&[0, 1, 2, 3, 4, 5], true);
        let none = TrustPolicy::parse(b"quorum none\n").unwrap();
        assert!(none.is_quorum(|_| false));
        let one = TrustPolicy::parse(format!("{}quorum X1\n", lines(&witnesses)).as_bytes()).unwrap();
        assert!(one.is_quorum(|at| at == 1) && !one.is_quorum(|at| at != 1));
    }

    #[test]
    fn a_checkpoint_is_valid_by_any_log_key_and_a_quorum() {
        let witnesses = cosigners(3);
        let [old, new, other] = [(); 3].map(|()| Signer::generate("comity.example/gateway").unwrap().0);
        let rolled = new.clone().rolling(vec![old.clone()], Vec::new());
        let text = format!(
            "log {}\nlog {} https://gateway.example/\n{}group G 2 X0 X1 X2\nquorum G\n",
            old.verifier(),
            new.verifier(),
            lines(&witnesses)
        );
        let policy = TrustPolicy::parse(text.as_bytes()).unwrap();
        for (signer, known) in [(&old, true), (&new, true), (&rolled, true), (&other, false)] {
            let note = Checkpoint::new(ORIGIN, 8, Hash::from_bytes([7; 32])).unwrap().sign(signer).unwrap();
            let refused = policy.open(&note, ORIGIN);
            assert_eq!(matches!(refused, Err(TrustError::NoQuorum { ref cosigned }) if cosigned == "nobody"), known);
            if !known {
                assert!(matches!(
                    refused,
                    Err(TrustError::Checkpoint(CheckpointError::Note(NoteError::UnknownKey { .. })))
                ));
                continue;
            }
            let head = Head::open(&note, ORIGIN, &[old.verifier().clone(), new.verifier().clone()]).unwrap();
            let one = format!("{note}{}", witnesses[2].cosign(&head, 5).unwrap());
            let refused = policy.open(&one, ORIGIN);
            assert!(matches!(refused, Err(TrustError::NoQuorum { cosigned }) if cosigned == "X2"));
            let two = format!("{one}{}", witnesses[0].cosign(&head, 6).unwrap());
            let (opened, found) = policy.open(&two, ORIGIN).unwrap();
            let found: Vec<_> = found.iter().map(|found| (found.key, found.time)).collect();
            assert_eq!((opened, found), (head, vec![(2, 5), (0, 6)]));
            assert!(policy.open(&two, "comity.example/us-tx/exchange").is_err());
        }
    }

    #[test]
    fn what_is_no_policy_is_refused_by_its_line() {
        let witnesses = cosigners(2);
        let two = lines(&witnesses);
        let (log, _) = Signer::generate("log").unwrap();
        let log = log.verifier();
        let (key, short) = (&witnesses[0].keys()[0], "line 3: ");
        for (text, expected) in [
            (String::new(), "line 1: the last line does not end in a newline"),
            ("quorum none".to_owned(), "line 1: the last line does not end in a newline"),
            ("\n".to_owned(), "line 1: there is no quorum line"),
            ("quorum none\r\n".to_owned(), "line 1: it has a control character"),
            ("\u{feff}quorum none\n".to_owned(), "line 1: it is no log, witness, group or quorum line"),
            ("quorum none\nquorum none\n".to_owned(), "line 2: it is a second quorum line"),
            ("quorum X\n".to_owned(), "line 1: it names a witness or group that no line before it defines"),
            (format!("quorum X0\n{two}"), "line 1: it names a witness or group that no line before it defines"),
            (format!("{two}group G all\n"), short),
            (format!("{two}group G 0 X0\n"), short),
            (format!("{two}group G 3 X0 X1\n"), short),
            (format!("{two}group G 01 X0\n"), short),
            (format!("{two}group G any X0 X0\n"), "line 3: a member is one already, of this group or another"),
            (
                format!("{two}group G any X0\ngroup H any G X0\n"),
                "line 4: a member is one already, of this group or another",
            ),
            (format!("{two}group G any none\n"), "line 3: it names"),
            (format!("{two}group G any G\n"), "line 3: it names"),
            (format!("{two}group X1 any X0\n"), "line 3: its name is taken"),
            (format!("{two}witness X2 {key}\n"), "line 3: its key is that of another witness line"),
            (format!("witness none {key}\n"), "line 1: its name is taken"),
            (format!("witness X {log}\n"), "line 1: the verifier key is of a type that is not supported"),
            (format!("log {key}\n"), "line 1: the verifier key is of a type that is not supported"),
            (format!("log {log}\nlog {log} https://x\n"), "line 2: its key is that of another log line"),
            (format!("log {log} a b\n"), "line 1: it is no log, witness, group or quorum line"),
        ] {
            let found = fault(&text);
            assert!(found.starts_with(expected), "{text:?}: {found}");
        }
    }
}

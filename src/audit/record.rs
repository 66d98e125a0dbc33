//! What a line says: of a call, or of an act of the gateway or its operator. No personal data: names are those of our
//! methods, agencies and entries, an officer is a pseudonym, and nothing is the text of a peer.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;

/// What happened to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallEvent {
    /// It was answered once.
    Call,
    /// It is answered by a stream, which begins.
    StreamOpened,
    /// That stream ended.
    StreamClosed,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Success,
    /// The caller is not known, may not, or may not know whether there is such a thing.
    Denied,
    /// It was not done for another reason.
    Failure,
}

/// A call, as its line has it. What is absent is not known, or does not apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallRecord<'a> {
    /// What happened.
    pub event: CallEvent,
    /// How it ended.
    pub outcome: Outcome,
    /// The method's full name, or `unknown`.
    pub method: &'a str,
    /// The agency of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agency: Option<&'a str>,
    /// Whether an officer or a system acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<&'a str>,
    /// The pseudonym of that officer or system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pseudonym: Option<&'a str>,
    /// Where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// The entry that was recorded, or the first resource that was disclosed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<&'a str>,
    /// How many resources with personal data were disclosed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disclosed: Option<usize>,
    /// The gRPC code.
    pub code: i32,
    /// The reason of an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// More about it, in our words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'a str>,
    /// The request id of a write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<&'a str>,
    /// The trace id that log lines about the call have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<&'a str>,
}

/// What else has a line: acts of the gateway and its operator, and what became of the log itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Act<'a> {
    /// A gateway serves.
    Started {
        /// Its version.
        version: &'a str,
        /// The machine.
        host: &'a str,
        /// Its process.
        pid: u32,
        /// Where it serves.
        grpc: &'a str,
        /// The policy set in force.
        policies: &'a str,
        /// The key that signs this chain.
        audit_key: &'a str,
        /// The keys that sign the logs.
        log_keys: &'a [String],
    },
    /// The gateway ends, as it was asked to.
    Stopped,
    /// A command that reads or changes a store was given on the machine.
    CommandBegun {
        /// Its words, without what they were given: `keys rotate`.
        command: &'a str,
        /// Its version.
        version: &'a str,
        /// The machine.
        host: &'a str,
        /// Who gave it: the number of the user.
        uid: u32,
        /// Its process.
        pid: u32,
    },
    /// It has ended.
    CommandEnded {
        /// Its words.
        command: &'a str,
        /// Whether it did what it was given for.
        outcome: Outcome,
    },
    /// An agency has a connection: it logged on.
    ConnectionOpened {
        /// The agency.
        agency: &'a str,
        /// Where it comes from.
        peer: IpAddr,
        /// SHA-256 of its certificate, as `x5t#S256`.
        certificate: &'a str,
    },
    /// The configuration was read anew, with the registry, certificates and revocation lists.
    ConfigurationReloaded {
        /// Whether they are in force.
        outcome: Outcome,
        /// Connections that were cut.
        cut: usize,
    },
    /// Policies were read anew, and differ from those in force.
    PoliciesReloaded {
        /// Whether they are in force.
        outcome: Outcome,
        /// The digest of the set, if it could be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        policies: Option<&'a str>,
    },
    /// The first line of a chain.
    Begun {
        /// Where a file was moved to that could not be read on.
        #[serde(skip_serializing_if = "Option::is_none")]
        aside: Option<&'a str>,
    },
    /// The first line of another file of the same chain.
    Continued {
        /// Where a file was moved to that could not be read on.
        #[serde(skip_serializing_if = "Option::is_none")]
        aside: Option<&'a str>,
    },
    /// The process before did not end as asked.
    Recovered {
        /// Bytes after the last whole line, which were set apart.
        torn_len: usize,
    },
    /// Lines can be written again.
    Resumed {
        /// Lines lost meanwhile, those of refused calls among them.
        lost: u64,
    },
    /// Denials that have no line each.
    Denials {
        /// The agency.
        #[serde(skip_serializing_if = "Option::is_none")]
        agency: Option<&'a str>,
        /// The address, before an agency is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<&'a str>,
        /// When the first of them was.
        since: Timestamp,
        /// How many there were, by their reason.
        counts: &'a BTreeMap<String, u64>,
    },
}

//! Sends a roster, and keeps what is found. Where the stream breaks, it goes on in another after the last row that was answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use futures_util::stream;
use indicatif::ProgressBar;
use tonic::{Response, Status, Streaming};
use uuid::Uuid;

use crate::claims::Fault;
use crate::cli::call::Failure;
use crate::cli::rejects;
use crate::cli::resend::Resent;
use crate::cli::roster::file::{Row, column_of};
use crate::client::{Client, Error};
use crate::wire::v1::reconcile_roster_request::Part;
use crate::wire::v1::reconcile_roster_response::Part as Said;
use crate::wire::{failure, show, v1};

/// Custodies of one message, as the contract has it.
const SEEN_MAX: usize = 1_000;

/// A roster that is being sent, and what was found so far.
pub(super) struct Reconciling {
    pub(super) parent: String,
    roster_id: Uuid,
    pub(super) rows: Arc<[Row]>,
    answered: usize,
    /// By row.
    pub(super) findings: BTreeMap<u64, v1::RosterFinding>,
    /// Rows that the gateway could not use.
    pub(super) rejected: Vec<(u64, Vec<Fault>)>,
    pub(super) departed: Vec<String>,
    is_complete: bool,
    pub(super) bar: ProgressBar,
}

impl Reconciling {
    pub(super) fn of(parent: String, rows: Arc<[Row]>) -> Self {
        let whole = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        Self {
            parent,
            roster_id: Uuid::now_v7(),
            rows,
            answered: 0,
            findings: BTreeMap::new(),
            rejected: Vec::new(),
            departed: Vec::new(),
            is_complete: false,
            bar: rejects::bar(whole, "comparing {bar:40} {pos}/{len} [{elapsed_precise}]"),
        }
    }

    /// Takes the answer to the next row.
    fn next(&mut self, row: i64) -> Result<u64, Failure> {
        let next = self.rows.get(self.answered).context("more rows were answered than were sent")?;
        if show::wire_position(next.number) != row {
            return Err(anyhow!("row {} was answered as another", next.number).into());
        }
        self.answered = self.answered.saturating_add(1);
        self.bar.inc(1);
        Ok(next.number)
    }
}

impl Resent for Reconciling {
    type Answer = v1::ReconcileRosterResponse;

    fn left(&self) -> usize {
        self.rows.len().saturating_sub(self.answered).saturating_add(usize::from(!self.is_complete))
    }

    async fn open(&mut self, client: &Client) -> Result<Streaming<Self::Answer>, Status> {
        // They are named again at the end of the next stream.
        self.departed.clear();
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let start = v1::RosterStart {
            parent: self.parent.clone(),
            roster_id: self.roster_id.to_string(),
            rows_answered: count(self.answered),
        };
        let seen: BTreeSet<&String> = self.findings.values().flat_map(|finding| &finding.custodies).collect();
        let seen: Vec<&String> = seen.into_iter().collect();
        let seen =
            seen.chunks(SEEN_MAX).map(|seen| v1::RosterSeen { custodies: seen.iter().copied().cloned().collect() });
        let begun: Vec<Part> = std::iter::once(Part::Start(start)).chain(seen.map(Part::Seen)).collect();
        let (rows, from) = (Arc::clone(&self.rows), self.answered);
        let people = (from..rows.len()).filter_map(move |at| Some(Part::Person(rows.get(at)?.person())));
        let end = Part::End(v1::RosterEnd { rows: count(self.rows.len()) });
        let parts = begun.into_iter().chain(people).chain([end]);
        let messages = stream::iter(parts.map(|part| v1::ReconcileRosterRequest { part: Some(part) }));
        client.rosters().reconcile_roster(messages).await.map(Response::into_inner)
    }

    fn take(&mut self, answer: Self::Answer) -> Result<(), Failure> {
        match answer.part.context("an answer says nothing")? {
            Said::Finding(finding) => {
                let row = self.next(finding.row)?;
                self.findings.insert(row, finding);
            }
            Said::Fault(v1::RosterFault { row, error }) => {
                let row = self.next(row)?;
                let error = Error::from(failure::status(error.context("a fault says nothing")?));
                self.rejected.push((row, faults(&error)));
            }
            Said::Departed(departed) => self.departed.extend(departed.custodies),
            Said::Summary(_) => self.is_complete = true,
        }
        Ok(())
    }
}

fn faults(error: &Error) -> Vec<Fault> {
    let Error::Refused(refused) = error else {
        return vec![Fault { column: String::new(), reason: error.to_string() }];
    };
    let of = |field: &str, reason: &str| Fault { column: column_of(field).to_owned(), reason: reason.to_owned() };
    let mut faults: Vec<Fault> = refused.violations.iter().map(|fault| of(&fault.field, &fault.description)).collect();
    if faults.is_empty() {
        faults.push(of("", &refused.message));
    }
    faults
}

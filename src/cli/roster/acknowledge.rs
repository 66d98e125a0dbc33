//! Acknowledges what is exact, at the custodian's word: by the calls that there are, with request ids that follow from what
//! is acknowledged, so that the same word is not recorded twice.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Context as _, anyhow};
use futures_util::stream;
use tonic::{Response, Status, Streaming};

use crate::cli::call::Failure;
use crate::cli::resend::{Resent, request_id, send_all};
use crate::cli::roster::file::Row;
use crate::cli::roster::reconcile::Reconciling;
use crate::client::{Client, Error};
use crate::domain::ids::FacilityCode;
use crate::wire::v1::acknowledge_detainers_response::Outcome;
use crate::wire::{Message as _, failure, show, v1};

/// What became of the exact ones, a line for each detainer.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    pub(super) lines: Vec<Line>,
    /// Were sent, and refused.
    pub(super) refused: usize,
}

/// What became of one detainer.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) row: u64,
    pub(super) detainer: String,
    /// The custody that it is matched to.
    pub(super) custody: Option<String>,
    pub(super) outcome: Became,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Became {
    /// Acknowledged, with the log and the position of the entry.
    Recorded { log: String, index: i64 },
    /// Left to the custodian.
    Left(&'static str),
    /// Refused by the gateway.
    Refused(Failure),
}

/// Acknowledges each detainer that is exact for one row alone.
pub(super) async fn acknowledge_exact(
    client: &Client,
    roster: &Reconciling,
    facility: Option<&FacilityCode>,
) -> Result<Acknowledged, Failure> {
    let rows: BTreeMap<u64, &Row> = roster.rows.iter().map(|row| (row.number, row)).collect();
    let mut exact: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (row, finding) in &roster.findings {
        for candidate in finding.candidates.iter().filter(|candidate| candidate.exact) {
            exact.entry(&candidate.detainer).or_default().push(*row);
        }
    }
    let mut opened: BTreeMap<u64, Result<String, Error>> = BTreeMap::new();
    let (mut sent, mut done) = (Sending::default(), Acknowledged::default());
    for (detainer, of) in exact {
        let [number] = of.as_slice() else {
            let row = of.first().copied().unwrap_or_default();
            done.left(row, detainer, "it is exact for several rows");
            continue;
        };
        let custodies = roster.findings.get(number).map(|finding| finding.custodies.as_slice()).unwrap_or_default();
        let row = rows.get(number).context("a row was found that was not sent")?;
        let custody = match custodies {
            [custody] => custody.clone(),
            [] => {
                let Some(facility) = row.facility.as_ref().or(facility) else {
                    done.left(*number, detainer, "no custody is on record, and no facility is said to open one in");
                    continue;
                };
                if !opened.contains_key(number) {
                    opened.insert(*number, open(client, &roster.parent, row, facility).await?);
                }
                match opened.get(number) {
                    Some(Ok(custody)) => custody.clone(),
                    Some(Err(refused)) => {
                        done.refused(*number, detainer, refused.clone().into());
                        continue;
                    }
                    None => return Err(anyhow!("a custody was neither opened nor refused").into()),
                }
            }
            [_, ..] => {
                done.left(*number, detainer, "several custodies are open");
                continue;
            }
        };
        sent.waiting.push_back(Item::of(*number, detainer, custody));
    }
    sent.done = done;
    send_all(client, &mut sent).await?;
    sent.done.lines.sort_by(|one, other| (one.row, &one.detainer).cmp(&(other.row, &other.detainer)));
    Ok(sent.done)
}

impl Acknowledged {
    fn left(&mut self, row: u64, detainer: &str, why: &'static str) {
        self.lines.push(Line { row, detainer: detainer.to_owned(), custody: None, outcome: Became::Left(why) });
    }

    fn refused(&mut self, row: u64, detainer: &str, failure: Failure) {
        self.refused = self.refused.saturating_add(1);
        let outcome = Became::Refused(failure);
        self.lines.push(Line { row, detainer: detainer.to_owned(), custody: None, outcome });
    }
}

/// Opens the custody of a row. The inner error: it was refused, and others may not be.
async fn open(
    client: &Client,
    parent: &str,
    row: &Row,
    facility: &FacilityCode,
) -> Result<Result<String, Error>, Failure> {
    let custody = v1::Custody {
        facility: facility.to_string(),
        subject: Some(row.subject.clone()),
        occurred_at: row.booked_at.map(show::timestamp),
        ..Default::default()
    };
    let named = [b"roster: open ".as_slice(), parent.as_bytes(), b" ", &custody.encode_to_vec()].concat();
    let request = v1::OpenCustodyRequest {
        parent: parent.to_owned(),
        custody: Some(custody),
        request_id: request_id(&named).to_string(),
    };
    match client.custodies().open_custody(request).await.map_err(Error::from) {
        Ok(answer) => Ok(Ok(answer.into_inner().custody.context("an answer names no custody")?.name)),
        Err(refused @ Error::Refused(_)) => Ok(Err(refused)),
        Err(error) => Err(error.into()),
    }
}

/// A detainer that is being acknowledged.
#[derive(Debug)]
struct Item {
    row: u64,
    custody: String,
    request: v1::AcknowledgeDetainerRequest,
}

impl Item {
    fn of(row: u64, detainer: &str, custody: String) -> Self {
        let acknowledgement = v1::Acknowledgement {
            finding: v1::Finding::MatchedCustody.into(),
            custody: custody.clone(),
            match_method: v1::MatchMethod::Identifier.into(),
            ..Default::default()
        };
        let named = format!("roster: acknowledge {detainer} {custody}");
        let request = v1::AcknowledgeDetainerRequest {
            name: detainer.to_owned(),
            acknowledgement: Some(acknowledgement),
            request_id: request_id(named.as_bytes()).to_string(),
            ..Default::default()
        };
        Self { row, custody, request }
    }
}

/// The detainers that are yet to be answered, and what became of the others.
#[derive(Debug, Default)]
struct Sending {
    waiting: VecDeque<Item>,
    done: Acknowledged,
}

impl Resent for Sending {
    type Answer = v1::AcknowledgeDetainersResponse;

    fn left(&self) -> usize {
        self.waiting.len()
    }

    async fn open(&mut self, client: &Client) -> Result<Streaming<Self::Answer>, Status> {
        let items: Vec<_> = self.waiting.iter().map(|item| item.request.clone()).collect();
        let items = items.into_iter().map(|request| v1::AcknowledgeDetainersRequest { request: Some(request) });
        client.detainers().acknowledge_detainers(stream::iter(items)).await.map(Response::into_inner)
    }

    fn take(&mut self, answer: Self::Answer) -> Result<(), Failure> {
        let Item { row, custody, request } = self.waiting.pop_front().context("more was answered than was sent")?;
        if answer.request_id != request.request_id {
            return Err(anyhow!("row {row} was answered with the request id of another").into());
        }
        match answer.outcome.context("an answer says nothing")? {
            Outcome::Response(answer) => {
                let receipt = answer.receipt.context("an answer without a receipt")?;
                let outcome = Became::Recorded { log: receipt.log, index: receipt.index };
                self.done.lines.push(Line { row, detainer: request.name, custody: Some(custody), outcome });
            }
            Outcome::Error(error) => {
                self.done.refused(row, &request.name, Error::from(failure::status(error)).into());
            }
        }
        Ok(())
    }
}

//! The other half of `comity bench`: a separate process that makes the calls, so that its work is not counted as the
//! server's.
//!
//! Each input line describes a round, as `echo ADDRESS MILLISECONDS`, `lodge ...`, `witnessed ...`, `bulk ...`, `get ...` or
//! `receive ...`, or as `fill ADDRESS COUNT`. Each answer is a line of JSON.
//! Acknowledged entries are kept in a file for each gateway, as index and leaf hash.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tokio_stream::wrappers::ReceiverStream;

use crate::client::{Client, Retry};
use crate::domain::agency::ActorKind;
use crate::ledger;
use crate::sandbox::Sandbox;
use crate::wire::v1;

/// What the gateway acknowledged, and the one with witnesses.
const ACKNOWLEDGED: &str = "acknowledged";
const WITNESSED: &str = "acknowledged-witnessed";
/// Who lodges, and who receives.
const ISSUER: &str = "us-ice";
const CUSTODIAN: &str = "us-ny-doccs";
/// The round that is over when so many are lodged.
const FILL: &str = "fill";
/// Of so many detainers one is read by the rounds that read.
const ONE_READ_OF: usize = 64;
/// Items of a bulk stream that wait for their answers, for each call in flight of the unary rounds.
const ITEMS_A_CALL: u16 = 4;

/// The method that a round calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    Echo,
    Lodge,
    /// As `Lodge`, on a gateway whose heads are cosigned.
    Witnessed,
    Bulk,
    Get,
    Receive,
}

impl Round {
    fn word(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Lodge => "lodge",
            Self::Witnessed => "witnessed",
            Self::Bulk => "bulk",
            Self::Get => "get",
            Self::Receive => "receive",
        }
    }
}

/// The result of a round.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Driven {
    pub(super) calls: u64,
    pub(super) seconds: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
}

/// An entry that a caller holds a receipt for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Acknowledged {
    pub(super) index: u64,
    pub(super) leaf_hash: [u8; 32],
}

/// The process that makes the calls.
#[derive(Debug)]
pub(super) struct Driver {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    sandbox: PathBuf,
}

/// Everything that was acknowledged in all rounds, by index.
#[derive(Debug)]
pub(super) struct AllAcknowledged {
    pub(super) gateway: Vec<Acknowledged>,
    /// By the gateway with witnesses.
    pub(super) witnessed: Vec<Acknowledged>,
}

impl Driver {
    pub(super) fn start(sandbox: &Path, connections: u16, in_flight: u16) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", "--drive"])
            .arg(sandbox)
            .args(["--connections", &connections.to_string(), "--in-flight", &in_flight.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the process that makes the calls cannot be started")?;
        let orders = child.stdin.take().context("no way to tell it")?;
        let answers = BufReader::new(child.stdout.take().context("no way to hear it")?);
        Ok(Self { child, orders, answers, sandbox: sandbox.to_owned() })
    }

    pub(super) fn round(&mut self, address: SocketAddr, length: Duration, what: Round) -> Result<Driven> {
        self.order(&format!("{} {address} {}", what.word(), length.as_millis()))
    }

    /// Lodges so many detainers by bulk streams.
    pub(super) fn fill(&mut self, address: SocketAddr, detainers: u64) -> Result<Driven> {
        self.order(&format!("{FILL} {address} {detainers}"))
    }

    fn order(&mut self, order: &str) -> Result<Driven> {
        writeln!(self.orders, "{order}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).context("the process that makes the calls failed")
    }

    /// Stops the process.
    pub(super) fn stop(self) -> Result<AllAcknowledged> {
        let Self { mut child, orders, answers: _, sandbox } = self;
        drop(orders);
        ensure!(child.wait()?.success(), "the process that makes the calls failed");
        let kept = |name| acknowledged(&sandbox.join(name));
        Ok(AllAcknowledged { gateway: kept(ACKNOWLEDGED)?, witnessed: kept(WITNESSED)? })
    }
}

fn acknowledged(file: &Path) -> Result<Vec<Acknowledged>> {
    let bytes = std::fs::read(file)?;
    let mut all: Vec<Acknowledged> = Vec::with_capacity(bytes.len() / 40);
    for row in bytes.chunks_exact(40) {
        let (index, hash) = row.split_at(8);
        all.push(Acknowledged { index: u64::from_be_bytes(index.try_into()?), leaf_hash: hash.try_into()? });
    }
    all.sort();
    Ok(all)
}

/// Makes calls as told on standard input, until that ends.
pub(super) fn drive(sandbox: &Path, connections: u16, in_flight: u16) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let create = |name| anyhow::Ok(BufWriter::new(std::fs::File::create(sandbox.join(name))?));
    let (mut gateway, mut witnessed) = (create(ACKNOWLEDGED)?, create(WITNESSED)?);
    let sandbox = Sandbox::opened(sandbox)?;
    let mut names = Vec::new();
    for line in std::io::stdin().lines() {
        let line = line?;
        let mut words = line.split(' ');
        let (Some(what), Some(address), Some(until)) = (words.next(), words.next(), words.next()) else {
            bail!("`{line}` is not a round");
        };
        let (address, until) = (address.parse()?, until.parse()?);
        let (length, items) = (Duration::from_millis(until), in_flight.saturating_mul(ITEMS_A_CALL));
        let mut calls = if what == FILL {
            let each = until.div_ceil(connections.into());
            let ends = Ends { at: Duration::MAX, after: usize::try_from(each)? };
            runtime.block_on(streams(&sandbox, address, ends, (connections, items)))?
        } else if what == Round::Bulk.word() {
            let ends = Ends { at: length, after: usize::MAX };
            runtime.block_on(streams(&sandbox, address, ends, (connections, items)))?
        } else if what == Round::Get.word() {
            runtime.block_on(reads(&sandbox, address, length, connections, &names))?
        } else if what == Round::Receive.word() {
            runtime.block_on(receives(&sandbox, address, length, connections))?
        } else {
            runtime.block_on(calls(&sandbox, address, length, (connections, in_flight)))?
        };
        let is_witnessed = what == Round::Witnessed.word();
        let file = if is_witnessed { &mut witnessed } else { &mut gateway };
        // The rounds that read do so from the gateway without witnesses.
        names.extend(std::mem::take(&mut calls.names).into_iter().filter(|_| !is_witnessed));
        if what != Round::Echo.word() {
            for Acknowledged { index, leaf_hash } in &calls.acknowledged {
                file.write_all(&index.to_be_bytes())?;
                file.write_all(leaf_hash)?;
            }
        }
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&calls.driven())?)?;
    }
    gateway.flush()?;
    Ok(witnessed.flush()?)
}

/// What the echo will answer: the answer to one call, and the delivery that it led to.
#[derive(Debug, Clone)]
pub(super) struct FirstAnswers {
    pub(super) lodged: v1::LodgeDetainerResponse,
    pub(super) delivered: v1::ReceiveResponse,
}

pub(super) async fn first_answers(sandbox: &Sandbox, address: SocketAddr) -> Result<FirstAnswers> {
    let issuer = connect(sandbox, address, ISSUER).await?;
    let lodged = issuer.detainers().lodge_detainer(request()).await?.into_inner();
    let custodian = connect(sandbox, address, CUSTODIAN).await?;
    let mut stream = custodian.inbox().receive(receive_request("first")).await?.into_inner();
    let delivered = stream.message().await?.context("nothing was delivered")?;
    ensure!(is_delivery(&delivered), "the inbox began with a heartbeat");
    Ok(FirstAnswers { lodged, delivered })
}

async fn connect(sandbox: &Sandbox, address: SocketAddr, agency: &str) -> Result<Client> {
    let config = sandbox.client(address, agency, ActorKind::System);
    Ok(Client::connect(config).await?.with_retry(Retry::NEVER))
}

async fn connected(sandbox: &Sandbox, address: SocketAddr, agency: &str, connections: u16) -> Result<Vec<Client>> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(connect(sandbox, address, agency).await?);
    }
    Ok(clients)
}

#[derive(Default)]
struct Calls {
    acknowledged: Vec<Acknowledged>,
    took: Vec<Duration>,
    /// Some of the detainers that were lodged.
    names: Vec<String>,
    seconds: f64,
}

/// When a stream ends: at a time, or after so many items.
#[derive(Clone, Copy)]
struct Ends {
    at: Duration,
    after: usize,
}

impl Calls {
    fn acknowledge(&mut self, answer: v1::LodgeDetainerResponse) -> Result<()> {
        if self.acknowledged.len().is_multiple_of(ONE_READ_OF) {
            self.names.extend(answer.detainer.map(|detainer| detainer.name));
        }
        let receipt = answer.receipt.context("an answer without a receipt")?;
        let leaf_hash = *ledger::leaf_hash(&receipt.leaf).as_bytes();
        self.acknowledged.push(Acknowledged { index: u64::try_from(receipt.index)?, leaf_hash });
        Ok(())
    }

    fn driven(mut self) -> Driven {
        self.took.sort();
        let at = |share_of_1000: usize| {
            let place = self.took.len().saturating_mul(share_of_1000) / 1_000;
            self.took.get(place).or(self.took.last()).map_or(0.0, |took| took.as_secs_f64() * 1_000.0)
        };
        let calls = u64::try_from(self.took.len()).unwrap_or(u64::MAX);
        Driven { calls, seconds: self.seconds, p50_ms: at(500), p99_ms: at(990), p999_ms: at(999) }
    }
}

/// Lodges by bulk streams, one on each connection, with a given number of items that wait for their answers.
async fn streams(
    sandbox: &Sandbox,
    address: SocketAddr,
    ends: Ends,
    (connections, items): (u16, u16),
) -> Result<Calls> {
    let clients = connected(sandbox, address, ISSUER, connections).await?;
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for client in clients {
        tasks.spawn(async move {
            let (sender, stream) = tokio::sync::mpsc::channel(items.into());
            let mut answers = client.detainers().lodge_detainers(ReceiverStream::new(stream)).await?.into_inner();
            let mut own = Calls::default();
            let (mut asked, mut sent) = (VecDeque::new(), 0_usize);
            loop {
                while asked.len() < items.into() && sent < ends.after && begun.elapsed() < ends.at {
                    asked.push_back(Instant::now());
                    sent = sent.saturating_add(1);
                    sender.send(v1::LodgeDetainersRequest { request: Some(request()) }).await?;
                }
                let Some(at) = asked.pop_front() else { break };
                let answer = answers.message().await?.context("a stream ended early")?;
                own.took.push(at.elapsed());
                let Some(v1::lodge_detainers_response::Outcome::Response(answer)) = answer.outcome else {
                    bail!("an item was refused");
                };
                own.acknowledge(answer)?;
            }
            anyhow::Ok(own)
        });
    }
    joined(tasks, begun).await
}

/// Reads detainers for a given time, one at a time on each connection, in no order.
async fn reads(
    sandbox: &Sandbox,
    address: SocketAddr,
    length: Duration,
    connections: u16,
    names: &[String],
) -> Result<Calls> {
    ensure!(!names.is_empty(), "there is nothing to read");
    let clients = connected(sandbox, address, ISSUER, connections).await?;
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for client in clients {
        let names = names.to_vec();
        tasks.spawn(async move {
            let (mut detainers, mut own) = (client.detainers(), Calls::default());
            while begun.elapsed() < length {
                let name = names.get(fastrand::usize(..names.len())).cloned().unwrap_or_default();
                let asked = Instant::now();
                detainers.get_detainer(v1::GetDetainerRequest { name }).await?;
                own.took.push(asked.elapsed());
            }
            anyhow::Ok(own)
        });
    }
    joined(tasks, begun).await
}

/// Receives the custodian's inbox from its beginning for a given time, by one stream on each connection, each as a consumer
/// of its own. A stream that has caught up begins again as another consumer.
async fn receives(sandbox: &Sandbox, address: SocketAddr, length: Duration, connections: u16) -> Result<Calls> {
    let clients = connected(sandbox, address, CUSTODIAN, connections).await?;
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for client in clients {
        tasks.spawn(async move {
            let mut own = Calls::default();
            while begun.elapsed() < length {
                let consumer = format!("bench-{:016x}", fastrand::u64(..));
                let mut stream = client.inbox().receive(receive_request(&consumer)).await?.into_inner();
                while begun.elapsed() < length {
                    let asked = Instant::now();
                    let message = stream.message().await?.context("a stream ended early")?;
                    if !is_delivery(&message) {
                        break;
                    }
                    own.took.push(asked.elapsed());
                }
            }
            anyhow::Ok(own)
        });
    }
    joined(tasks, begun).await
}

fn receive_request(consumer: &str) -> v1::ReceiveRequest {
    v1::ReceiveRequest { parent: "jurisdictions/us-ny".to_owned(), consumer: consumer.to_owned(), ..Default::default() }
}

fn is_delivery(message: &v1::ReceiveResponse) -> bool {
    matches!(message.item, Some(v1::receive_response::Item::Delivery(_)))
}

async fn joined(mut tasks: tokio::task::JoinSet<Result<Calls>>, begun: Instant) -> Result<Calls> {
    let mut all = Calls::default();
    while let Some(task) = tasks.join_next().await {
        let own = task.context("a task panicked")??;
        all.acknowledged.extend(own.acknowledged);
        all.took.extend(own.took);
        all.names.extend(own.names);
    }
    all.seconds = begun.elapsed().as_secs_f64();
    Ok(all)
}

/// Calls for a given time, with a given number of calls in flight on each connection.
async fn calls(
    sandbox: &Sandbox,
    address: SocketAddr,
    length: Duration,
    (connections, in_flight): (u16, u16),
) -> Result<Calls> {
    let clients = connected(sandbox, address, ISSUER, connections).await?;
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for client in clients {
        for _ in 0..in_flight {
            let client = client.clone();
            tasks.spawn(async move {
                let (mut detainers, mut own) = (client.detainers(), Calls::default());
                while begun.elapsed() < length {
                    let asked = Instant::now();
                    let answer = detainers.lodge_detainer(request()).await?.into_inner();
                    own.took.push(asked.elapsed());
                    own.acknowledge(answer)?;
                }
                anyhow::Ok(own)
            });
        }
    }
    joined(tasks, begun).await
}

fn request() -> v1::LodgeDetainerRequest {
    let charge = v1::Charge {
        statute: "PL 120.05".to_owned(),
        ncic_code: "1313".to_owned(),
        severity: v1::Severity::Felony.into(),
        status: v1::ChargeStatus::Charged.into(),
        charged_on: "2026-01-02".to_owned(),
        ..Default::default()
    };
    let subject = v1::Subject {
        name: Some(v1::PersonName { given: "Synthetic".to_owned(), family: "Benchmark".to_owned() }),
        birth_date: "1980-02-03".to_owned(),
        sex: v1::Sex::X.into(),
        identifiers: Some(v1::Identifiers { alien_number: "012345678".to_owned(), ..Default::default() }),
        citizenship: "ZZZ".to_owned(),
        ..Default::default()
    };
    let detainer = v1::Detainer {
        custodian: "agencies/us-ny-doccs".to_owned(),
        form: v1::DetainerForm::I247a.into(),
        basis: vec![v1::DetainerBasis::FinalOrder.into()],
        subject: Some(subject),
        charges: vec![charge],
        contact_phone: "+1 555 0100".to_owned(),
        ..Default::default()
    };
    v1::LodgeDetainerRequest {
        parent: "jurisdictions/us-ny".to_owned(),
        detainer: Some(detainer),
        request_id: uuid::Uuid::now_v7().to_string(),
    }
}

//! A client as a process of its own: several lanes, each playing the story of one person after the other. What was
//! asked and never answered is sent again, with the same request id, before anything else.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use comity::client::{Client, Config, Credentials, Error, Retry};
use comity::wire::raw_codec::RawCodec;
use comity::wire::{HasReceipt, Message, v1};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use tonic::client::Grpc;
use tonic::{Code, Request, Status};

use crate::crash::journal::{Acknowledged, Asked, Journal, Line, Place, Writer};
use crate::harness::requests::{
    NY, detainer_for, intake_at, match_of, reasoned_answer_to, receipt_of, release_of, schedule_of,
};

const TASK: &str = "COMITY_CRASH_TASK";
const DOCCS: &str = "us-ny-doccs";
const ICE: &str = "us-ice";
/// Sent again side by side.
const AGAIN_AT_ONCE: usize = 16;
/// Requests of one story.
pub(crate) const STEPS: usize = 7;

/// How much to do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Order {
    /// At once.
    pub(crate) lanes: usize,
    /// Each lane; `usize::MAX` is without an end.
    pub(crate) stories: usize,
    /// Acknowledged requests to send again first, the newest.
    pub(crate) again: usize,
    /// How long a request is sent again while nobody answers it; 0: its lane gives up at once.
    #[serde(default)]
    pub(crate) patience_s: u64,
}

impl Default for Order {
    fn default() -> Self {
        Self { lanes: 8, stories: usize::MAX, again: 16, patience_s: 0 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    /// Of one gateway, or of several with commas between them.
    pub(crate) addresses: String,
    /// Where certificates and tokens are.
    pub(crate) directory: PathBuf,
    pub(crate) journal: PathBuf,
    pub(crate) order: Order,
}

/// A client that runs.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(task: &Task) -> Self {
        let test = format!("{}::works_as_told", module_path!().split_once("::").unwrap().1);
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", &test, "--nocapture"])
            .env(TASK, serde_json::to_string(task).unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Waits for its end. A receipt that differs, or a refusal that cannot be, makes it fail.
    #[track_caller]
    pub(crate) fn done(self) {
        let output = self.0.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(ExitStatus::success(&output.status) && text.contains("1 passed"), "{text}");
    }
}

#[tokio::test]
#[ignore = "a process of its own, started by the tests of this module"]
async fn works_as_told() {
    let task = std::env::var_os(TASK).expect("started by a test");
    let Task { addresses, directory, journal, order } = serde_json::from_str(task.to_str().unwrap()).unwrap();
    let known = Journal::read(&journal);
    let (writer, written) = Writer::open(&journal);
    if let Ok(seats) = Seats::take_all(&addresses, &directory).await {
        let stop = stop_file(&journal);
        if again(&seats[0], &known, order.again).await.is_ok() {
            let mut lanes = tokio::task::JoinSet::new();
            // A lane of an earlier life may have a request of unknown outcome, whatever is wanted now.
            let before = known.asked.iter().map(|asked| asked.place.lane + 1).max().unwrap_or(0);
            for lane in 0..order.lanes.max(before) {
                let own = Arc::clone(&seats[lane % seats.len()]);
                let mut lane = Lane::resume(lane, &known, own, writer.clone());
                (lane.patience, lane.stop) = (Duration::from_secs(order.patience_s), stop.clone());
                lanes.spawn(lane.run(order.stories));
            }
            lanes.join_all().await;
        }
    }
    drop(writer);
    written.join().unwrap();
}

/// Whoever acknowledged something gives the same receipt for it, for ever.
async fn again(seats: &Seats, known: &Journal, len: usize) -> Result<(), Status> {
    let newest = known.asked.iter().rev();
    let newest = newest.filter_map(|asked| Some((asked, known.acknowledged.get(&asked.request_id)?))).take(len);
    let send = async |(asked, acknowledged): (&Asked, &Acknowledged)| {
        let answer = settled(seats.send(asked).await)?;
        assert_eq!(answer, acknowledged.answer, "another answer to {}", asked.request_id);
        Ok(())
    };
    futures_util::stream::iter(newest.map(send)).buffer_unordered(AGAIN_AT_ONCE).try_collect().await
}

/// The only refusals there may be: nobody answered, and nobody knows.
fn settled<T>(answer: Result<T, Status>) -> Result<T, Status> {
    let unknown = |status: &Status| {
        // A connection that breaks under a call is not always called by the same name.
        matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled)
            || std::error::Error::source(status).is_some()
    };
    answer.inspect_err(|status| assert!(unknown(status), "refused: {status:?}"))
}

/// The connections of both sides.
struct Seats {
    ice: Client,
    doccs: Client,
    officer: Client,
}

impl Seats {
    /// At each gateway, with the others to go to should it be lost.
    async fn take_all(addresses: &str, directory: &Path) -> Result<Vec<Arc<Self>>, Error> {
        let mut all: Vec<&str> = addresses.split(',').collect();
        let mut seats = Vec::new();
        for _ in 0..all.len() {
            seats.push(Arc::new(Self::take(&all.join(","), directory).await?));
            all.rotate_left(1);
        }
        Ok(seats)
    }

    async fn take(addresses: &str, directory: &Path) -> Result<Self, Error> {
        let read = |name: String| std::fs::read(directory.join(name)).unwrap();
        let token = |name: &str| String::from_utf8(read(format!("tokens/{name}.jwt"))).unwrap();
        let connect = async |agency| {
            let credentials = Credentials {
                authorities_pem: read("certs/gateway-ca.pem".to_owned()),
                certificate_pem: read(format!("certs/{agency}.pem")),
                key_pem: read(format!("certs/{agency}.key")),
            };
            let config = Config::new(addresses, "localhost", credentials, token(agency).as_str());
            // What was not answered is the journal's to send again.
            Ok::<_, Error>(Client::connect(config).await?.with_retry(Retry::NEVER))
        };
        let doccs = connect(DOCCS).await?;
        let officer = doccs.with_token(token("us-ny-doccs-officer").as_str());
        Ok(Self { ice: connect(ICE).await?, doccs, officer })
    }

    async fn send(&self, asked: &Asked) -> Result<Vec<u8>, Status> {
        let client = match (asked.agency.as_str(), asked.officer) {
            (ICE, _) => &self.ice,
            (_, true) => &self.officer,
            (_, false) => &self.doccs,
        };
        let mut grpc = Grpc::new(client.authorized());
        grpc.ready().await.map_err(|_| Status::unavailable("there is no connection"))?;
        let path = asked.path.parse().unwrap();
        Ok(grpc.unary(Request::new(asked.message.clone()), path, RawCodec).await?.into_inner())
    }

    /// Where a consumer of ICE's inbox ends now. What is received is disclosed, and accounted for.
    async fn cursor(&self, consumer: &str) -> Result<String, Status> {
        let request = v1::ReceiveRequest { parent: NY.to_owned(), consumer: consumer.to_owned(), ..Default::default() };
        let mut stream = self.ice.inbox().receive(request).await?.into_inner();
        while let Some(item) = stream.message().await?.and_then(|answer| answer.item) {
            if let v1::receive_response::Item::Heartbeat(heartbeat) = item {
                return Ok(heartbeat.cursor);
            }
        }
        Err(Status::unavailable("the stream ended"))
    }
}

/// While it is there, nothing new is begun.
pub(crate) fn stop_file(journal: &Path) -> PathBuf {
    journal.with_extension("stop")
}

struct Lane {
    patience: Duration,
    stop: PathBuf,
    place: Place,
    unknown: Option<Asked>,
    seats: Arc<Seats>,
    journal: Writer,
}

impl Lane {
    fn resume(lane: usize, known: &Journal, seats: Arc<Seats>, journal: Writer) -> Self {
        let place = Place { lane, ..Place::default() };
        let mut resumed = Self { patience: Duration::ZERO, stop: PathBuf::new(), place, unknown: None, seats, journal };
        if let Some(last) = known.last_of(lane) {
            resumed.place = last.place.clone();
            match known.acknowledged.get(&last.request_id) {
                None => resumed.unknown = Some(last.clone()),
                Some(acknowledged) => resumed.learn(&acknowledged.answer),
            }
        }
        resumed
    }

    /// Until it has done its stories, or nobody answers.
    async fn run(mut self, stories: usize) {
        if let Some(unknown) = self.unknown.take() {
            let Ok(()) = self.settle(&unknown).await else { return };
        }
        let mut done = 0;
        while done < stories && !self.stop.exists() {
            let begun = Instant::now();
            let asked = loop {
                match self.next().await {
                    Ok(asked) => break asked,
                    Err(_) if self.waits(begun).await => {}
                    Err(_) => return,
                }
            };
            self.journal.write(Line::Asked(asked.clone())).await;
            let Ok(()) = self.settle(&asked).await else { return };
            done += usize::from(self.place.step == STEPS);
        }
    }

    /// Sends a request and journals the acknowledgement.
    async fn settle(&mut self, asked: &Asked) -> Result<(), Status> {
        let (begun, mut sent) = (Instant::now(), 1);
        let answer = loop {
            match settled(self.seats.send(asked).await) {
                Ok(answer) => break answer,
                Err(_) if self.waits(begun).await => sent += 1,
                Err(unknown) => return Err(unknown),
            }
        };
        if sent > 1 {
            self.journal.write(Line::SentAgain(asked.request_id.clone())).await;
        }
        let receipt = receipt_in(self.place.step, &answer);
        let line = Acknowledged::new(&asked.request_id, answer.clone(), receipt);
        self.journal.write(Line::Acknowledged(line)).await;
        self.learn(&answer);
        Ok(())
    }

    /// Whether to try again after nobody answered, a while later.
    async fn waits(&self, begun: Instant) -> bool {
        let waits = begun.elapsed() < self.patience;
        if waits {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        waits
    }

    /// Goes on to the next step with what an answer named.
    fn learn(&mut self, answer: &[u8]) {
        match self.place.step {
            0 => self.place.custody = read::<v1::OpenCustodyResponse>(answer).custody.unwrap().name,
            1 => self.place.detainer = read::<v1::LodgeDetainerResponse>(answer).detainer.unwrap().name,
            _ => {}
        }
        self.place.step += 1;
    }

    async fn next(&mut self) -> Result<Asked, Status> {
        if self.place.step >= STEPS {
            self.place = Place { lane: self.place.lane, ..Place::default() };
        }
        let Place { step, custody, detainer, .. } = &self.place;
        let (service, method, request_id, message, agency) = match step {
            0 => asking("Custody", "OpenCustody", DOCCS, &intake_at(DOCCS), |request| &request.request_id),
            1 => asking("Detainer", "LodgeDetainer", ICE, &detainer_for(DOCCS), |request| &request.request_id),
            2 => {
                let found = match_of(detainer, custody);
                asking("Detainer", "AcknowledgeDetainer", DOCCS, &found, |request| &request.request_id)
            }
            3 => {
                let answer = reasoned_answer_to(detainer, v1::AnswerKind::NotifyOnly);
                asking("Detainer", "AnswerDetainer", DOCCS, &answer, |request| &request.request_id)
            }
            4 => asking("Custody", "ScheduleRelease", DOCCS, &schedule_of(custody), |request| &request.request_id),
            5 => {
                // A consumer of its own: the lanes' confirmations would else overtake each other, and be refused.
                let consumer = format!("lane-{}", self.place.lane);
                let cursor = settled(self.seats.cursor(&consumer).await)?;
                let received = v1::AcknowledgeRequest { consumer, ..receipt_of(NY, &cursor) };
                asking("Inbox", "Acknowledge", ICE, &received, |request| &request.request_id)
            }
            _ => asking("Custody", "RecordRelease", DOCCS, &release_of(custody), |request| &request.request_id),
        };
        Ok(Asked {
            request_id,
            agency: agency.to_owned(),
            officer: *step == 3,
            path: format!("/comity.v1.{service}Service/{method}"),
            message,
            place: self.place.clone(),
        })
    }
}

type Asking = (&'static str, &'static str, String, Vec<u8>, &'static str);

fn asking<M: Message>(
    service: &'static str,
    method: &'static str,
    agency: &'static str,
    message: &M,
    request_id: fn(&M) -> &String,
) -> Asking {
    (service, method, request_id(message).clone(), message.encode_to_vec(), agency)
}

fn read<M: Message + Default>(bytes: &[u8]) -> M {
    M::decode(bytes).unwrap()
}

fn receipt_in(step: usize, answer: &[u8]) -> v1::Receipt {
    fn of<M: HasReceipt>(answer: &[u8]) -> v1::Receipt {
        read::<M>(answer).receipt_mut().take().expect("an acknowledged write has a receipt")
    }
    match step {
        0 => of::<v1::OpenCustodyResponse>(answer),
        1 => of::<v1::LodgeDetainerResponse>(answer),
        2 => of::<v1::AcknowledgeDetainerResponse>(answer),
        3 => of::<v1::AnswerDetainerResponse>(answer),
        4 => of::<v1::ScheduleReleaseResponse>(answer),
        5 => of::<v1::AcknowledgeResponse>(answer),
        _ => of::<v1::RecordReleaseResponse>(answer),
    }
}

//! A fixed sequence of writes, one at a time, under one seed: its leaves, openings, roots, proofs and answers are the same
//! bytes from one version to the next, however the writer comes by them.
//!
//! Only what the log says may change them: the contract, the law that is built in, or what is recorded. Then
//! `COMITY_GOLDEN=record` writes the sequence anew, and the change says why.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use comity::domain::appeal::{
    self, AppealAnswer, AppealAnswerKind, AppealStanding, Issue, Member, Selection, holder_known_to_issuer,
};
use comity::domain::case::StoredCase;
use comity::domain::claim::{ClaimOutcome, Side};
use comity::domain::command::{Action, CaseCommand, Command, InboxCommand};
use comity::domain::custody::{MoveDeclineReason, MovementKind};
use comity::domain::detainer::{AnswerKind, Detainer, Finding};
use comity::domain::ids::{CaseKind, CaseName, LogName, RequestId};
use comity::domain::inbox;
use comity::domain::interview::InterviewOutcome;
use comity::domain::permit::Admitted;
use comity::domain::review::{ReviewDecision, ReviewMatter};
use comity::domain::timetable::Timetable;
use comity::domain::transfer::TransferFailureCause;
use comity::domain::warrant::VerificationOutcome;
use comity::ledger::{self, Signer};
use comity::metrics::Metrics;
use comity::policy::engine::Engine;
use comity::policy::gate::Gate;
use comity::policy::in_force::GateInForce;
use comity::policy::load::PolicySet;
use comity::recorder::{Clock, Duties, Entropy, Parts, Recorded, Recorder, RecorderConfig, Running, WhenFull};
use comity::store::postgres::PostgresStore;
use comity::store::sqlite::SqliteStore;
use comity::store::{CaseFilter, Store};
use comity::wire::entry;
use jiff::{SignedDuration, Timestamp};
use proptest::sample::Index;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use crate::harness::postgres::Database;
use crate::properties::steps::{Entered, PickUp, Said, Step};
use crate::sample;

const SEED: u64 = 7_391;
const KEY: [u8; 32] = [42; 32];
const ORIGIN: &str = "comity.example";
const RECORDED: &str = "tests/it/golden/sequence.txt";

static GATE: LazyLock<Arc<Gate>> = LazyLock::new(|| {
    let agencies = sample::AGENCIES.map(|name| sample::officer(name).agency);
    let agencies: BTreeMap<_, _> = agencies.into_iter().map(|agency| (agency.id.clone(), agency)).collect();
    Arc::new(Gate::new(Arc::new(Engine::new(PolicySet::embedded().unwrap())), Arc::new(agencies)))
});

/// What is done, in order. Each is of whichever case the number picks.
enum Do {
    Step(Step),
    Appeal,
    AnswerAppeal(AppealAnswerKind),
    Confirm(&'static str, [u64; 3]),
    Pass(SignedDuration),
    Tick,
    Again,
}

struct Player {
    running: Running,
    clock: Clock,
    runtime: tokio::runtime::Runtime,
    cases: BTreeMap<CaseName, StoredCase>,
    last: Option<Admitted<Command>>,
    writes: u128,
    said: String,
}

fn sequence(rounds: usize) -> Vec<Do> {
    // Proptest has no other way to an index.
    let mut runner = TestRunner::deterministic();
    let mut index = || proptest::arbitrary::any::<Index>().new_tree(&mut runner).unwrap().current();
    let (hour, day) = (SignedDuration::from_hours(1), SignedDuration::from_hours(24));
    let mut all = Vec::new();
    let arriving = |custodian| {
        [
            Do::Step(Step::Open { custodian, juvenile: false }),
            Do::Step(Step::Lodge { issuer: "ice", addressee: Some(custodian) }),
            Do::Step(Step::Lodge { issuer: "cbp", addressee: None }),
            Do::Again,
        ]
    };
    let kinds = AnswerKind::ALL.iter().enumerate();
    for (nth, kind) in std::iter::repeat_n(kinds, rounds).flatten() {
        if nth == 0 {
            all.extend(["doccs", "nassau"].into_iter().flat_map(arriving));
        }
        let (detainer, custody) = (index(), index());
        let acknowledged = |finding, corrects| Step::Acknowledge { detainer, custody, finding, corrects };
        let said = |what| Do::Step(Step::Say { detainer, what });
        let entered = |what| Do::Step(Step::Enter { custody, what });
        let pick_up = |what| Do::Step(Step::PickUp { detainer, what });
        all.extend([
            Do::Step(acknowledged(Finding::MatchedCustody, false)),
            Do::Step(Step::Answer { detainer, kind: *kind, corrects: false }),
            Do::Pass(hour),
            said(Said::Verify(VerificationOutcome::ALL[0])),
            said(Said::Serve { corrects: false }),
            said(Said::AskToSpeak),
            said(Said::Speak(InterviewOutcome::Refused)),
            said(Said::AskNoMore),
            said(Said::Raise(Side::Issuer)),
            said(Said::Resolve(Side::Issuer, ClaimOutcome::ALL[0])),
            said(Said::Amend { juvenile: false }),
            entered(Entered::Charges),
            entered(Entered::Identity { juvenile: false }),
            entered(Entered::Schedule),
            Do::Confirm("ice", [1, 2, 0]),
            Do::Step(Step::Decide { detainer, matter: ReviewMatter::Notify, decision: ReviewDecision::ALL[0] }),
            pick_up(PickUp::Offer { open_mins: 100_000 }),
            pick_up(PickUp::Accept),
            Do::Appeal,
            Do::AnswerAppeal(AppealAnswerKind::StandsByAnswer),
            Do::AnswerAppeal(AppealAnswerKind::Barred),
            Do::Pass(day),
            Do::Tick,
            pick_up(PickUp::Confirm(Side::Custodian)),
            pick_up(PickUp::Fail(Side::Issuer, TransferFailureCause::ALL[0])),
            entered(Entered::Movement(MovementKind::Agency)),
            entered(Entered::TurnDown(MoveDeclineReason::NoCapacity)),
            entered(Entered::Movement(MovementKind::Agency)),
            entered(Entered::CallBack),
            entered(Entered::Movement(MovementKind::Agency)),
            entered(Entered::TakeOver { booked: false }),
            entered(Entered::Reschedule),
            entered(Entered::Cancel),
            Do::Confirm("doccs", [2, 3, 1]),
            entered(Entered::Release { corrects: false }),
            Do::Pass(day * 4),
            Do::Tick,
            entered(Entered::Close),
            entered(Entered::Reopen),
            said(Said::Withdraw),
            Do::Again,
        ]);
    }
    all
}

impl Player {
    fn new(store: Box<dyn Store>) -> Self {
        let clock = Clock::simulated(sample::start());
        let mut key = hex::decode("302e020100300506032b657004220420").unwrap();
        key.extend([7; 32]);
        let running = Recorder::start(Parts {
            store,
            in_force: GateInForce::new(Arc::clone(&GATE)),
            signer: Signer::from_pkcs8(ORIGIN, &key).unwrap(),
            origin: ORIGIN.to_owned(),
            clock: clock.clone(),
            entropy: Entropy::Seeded(SEED),
            jurisdictions: vec![sample::jurisdiction()],
            config: RecorderConfig::default(),
            inboxes: inbox::Limits::default(),
            metrics: Metrics::new(),
            duties: Duties::default(),
            timetable: Timetable::default(),
            firings_len_max: 16,
            appeals: appeal::Limits::default(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (running, cases) = (running.unwrap(), BTreeMap::new());
        Self { running, clock, runtime, cases, last: None, writes: 0, said: String::new() }
    }

    fn take(&mut self, one: &Do) {
        match one {
            Do::Step(step) => {
                if let Some((caller, command)) = step.command(&self.cases) {
                    self.write(caller, Action::Case(Arc::new(command)));
                }
            }
            Do::Appeal => {
                let own = self.detainers().filter(|detainer| detainer.issuer.as_str() == "us-ice");
                let member = |detainer: &Detainer| Member {
                    id: detainer.name.id,
                    addressed: holder_known_to_issuer(detainer).cloned(),
                    standing: AppealStanding::Open,
                };
                let members: Vec<Member> = own.map(member).collect();
                let selection = Selection::Listed(members.iter().map(|member| member.id).collect());
                let (ground, due_at) = ("Zebulon".to_owned(), self.now() + SignedDuration::from_hours(100));
                let issue = Issue { selection, ground, due_at, members };
                self.write("ice", Action::Case(Arc::new(CaseCommand::IssueAppeal(Box::new(issue)))));
            }
            Do::AnswerAppeal(kind) => {
                let mut appeals = self.cases.keys().filter(|name| name.kind == CaseKind::Appeal);
                let (Some(appeal), Some(detainer)) = (appeals.next_back(), self.detainers().next()) else { return };
                let answer = AppealAnswer {
                    kind: *kind,
                    legal_basis: "Correction Law 147".to_owned(),
                    reason: Some("Quigley said so".to_owned()),
                    occurred_at: None,
                };
                let (appeal, detainer) = (appeal.clone(), detainer.name.clone());
                self.write("doccs", Action::Case(Arc::new(CaseCommand::AnswerAppeal { appeal, detainer, answer })));
            }
            Do::Confirm(agency, [exchange_position, exchange_seen, custody_position]) => {
                let (exchange_position, exchange_seen) = (*exchange_position, *exchange_seen);
                let consumer = "inbox".parse().unwrap();
                let custody_position = *custody_position;
                let confirmed =
                    InboxCommand::Acknowledge { consumer, exchange_position, exchange_seen, custody_position };
                self.write(agency, Action::Inbox(confirmed));
            }
            Do::Pass(time) => self.clock.set(self.now() + *time),
            Do::Tick => {
                while self.runtime.block_on(self.running.handle.tick()).unwrap().more {}
                self.said.push_str("tick\n");
            }
            Do::Again => {
                let last = self.last.clone().unwrap();
                self.submit(&last);
            }
        }
        self.read_cases();
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn detainers(&self) -> impl Iterator<Item = &Detainer> {
        self.cases.values().filter_map(StoredCase::detainer)
    }

    fn write(&mut self, caller: &str, action: Action) {
        self.writes += 1;
        let request_id = RequestId(Uuid::from_u128(self.writes));
        let request_digest = *ledger::leaf_hash(&self.writes.to_be_bytes()).as_bytes();
        let value = Command { request_id, request_digest, etag: None, from_paper: false, action };
        let write = Admitted { caller: sample::officer(caller), jurisdiction: sample::jurisdiction(), value };
        self.submit(&write);
        self.last = Some(write);
    }

    fn submit(&mut self, write: &Admitted<Command>) {
        let method = write.value.action.method().rpc();
        let said = match self.runtime.block_on(self.running.handle.submit(write.clone(), WhenFull::Refuse)) {
            Ok(Recorded::Now { log, index, leaf, receipt, answer }) => {
                let receipt = receipt.to_string();
                let [leaf, receipt, answer] = [leaf.as_slice(), receipt.as_bytes(), &answer].map(digest);
                format!("{log} {index} leaf {leaf} receipt {receipt} answer {answer}")
            }
            Ok(Recorded::Earlier { log, index }) => format!("{log} {index} earlier"),
            Err(error) => error.to_string(),
        };
        writeln!(self.said, "{} {method}: {said}", write.caller.agency.id).unwrap();
    }

    fn read_cases(&mut self) {
        let mut cases = Vec::new();
        for kind in [CaseKind::Detainer, CaseKind::Custody, CaseKind::Appeal] {
            let (jurisdiction, agency, terms, after) = (sample::jurisdiction(), None, Vec::new(), None);
            let filter = CaseFilter { jurisdiction, kind, agency, unassigned: false, terms, after, limit: usize::MAX };
            cases.extend(self.running.reader.cases(&filter).unwrap());
        }
        self.cases = cases.into_iter().map(|case| (case.name().clone(), case)).collect();
    }

    /// Every entry there is, and the heads.
    fn left(mut self) -> String {
        for log in LogName::both_of(&sample::jurisdiction()) {
            writeln!(self.said, "{log}").unwrap();
            for stored in self.running.reader.entries(&log, 0, usize::MAX).unwrap() {
                let (leaf, openings) = (digest(&stored.leaf), digest(&entry::write_openings(&stored.openings)));
                writeln!(self.said, "{} leaf {leaf} openings {openings} {}", stored.index, stored.audience.to_text())
                    .unwrap();
            }
            let (size, note) = self.running.reader.checkpoint(&log).unwrap().unwrap();
            writeln!(self.said, "{size} {}", note.lines().nth(2).unwrap()).unwrap();
        }
        self.runtime.block_on(self.running.handle.stop());
        self.running.thread.join().unwrap().unwrap();
        self.said
    }
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes))
}

/// A number or word that the environment asks for.
#[expect(clippy::disallowed_methods, reason = "what a test is to do is said where it runs")]
fn asked_for(variable: &str) -> Result<String, std::env::VarError> {
    std::env::var(variable)
}

fn left_in(store: Box<dyn Store>, rounds: usize) -> (u128, String) {
    let mut player = Player::new(store);
    for one in sequence(rounds) {
        player.take(&one);
    }
    (player.writes, player.left())
}

fn in_a_file(rounds: usize) -> (u128, String) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("comity.db"), &KEY).unwrap();
    left_in(Box::new(store), rounds)
}

/// `COMITY_GOLDEN_ROUNDS=16` makes some 2,000 writes and prints what they leave as one digest: run on two versions that are to
/// record alike, it must be the same.
#[test]
fn a_sequence_leaves_the_same_bytes_in_both_stores() {
    let rounds = asked_for("COMITY_GOLDEN_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    let (writes, left) = in_a_file(rounds);
    let Some(database) = Database::schema() else { return };
    let (_, other) = left_in(Box::new(PostgresStore::open(&database.address(), &KEY).unwrap()), rounds);
    assert!(left == other, "one store records what the other does not");
    writeln!(std::io::stdout(), "{writes} writes leave {} in a file and in PostgreSQL", digest(left.as_bytes()))
        .unwrap();
}

#[test]
fn the_recorded_sequence_leaves_the_same_bytes() {
    let left = format!("law {}\n{}", hex::encode(GATE.digest()), in_a_file(1).1);
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORDED);
    let asked = asked_for("COMITY_GOLDEN");
    if asked.is_ok_and(|what| what == "record") {
        std::fs::write(recorded, left).unwrap();
        return;
    }
    let due = std::fs::read_to_string(recorded).unwrap();
    assert_eq!(left.lines().next(), due.lines().next(), "the law that is built in changed: record the sequence anew");
    for (number, (due, left)) in due.lines().zip(left.lines()).enumerate() {
        assert_eq!(due, left, "line {}", number + 1);
    }
    assert_eq!(due.lines().count(), left.lines().count());
}

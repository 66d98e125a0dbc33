//! The log's side: pushes the head of each log to the witnesses of its policy, beside everything else that a gateway does.
//!
//! A round takes the newest published head and asks each witness for that one, so that a quorum comes together on it. At most one
//! round of a log is under way, and heads that pass meanwhile are skipped. No receipt waits for a round.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::client::http::HttpAnswer;
use crate::domain::ids::LogName;
use crate::ledger::{Cosignature, Head, VerifierKey, prove_consistency};
use crate::metrics::{Metrics, table};
use crate::recorder::{Heads, origin};
use crate::store::{Reader, StoreError};
use crate::witness::config::AskedPolicy;
pub use crate::witness::config::PushPlan;
use crate::witness::cosigned::Cosignatures;
use crate::witness::request::AddCheckpoint;

/// A witness that did not answer is left alone for this long, and each time twice as long.
const BACK_OFF: Duration = Duration::from_secs(1);
/// At most so long.
const BACK_OFF_MAX: Duration = Duration::from_mins(1);
/// How often one push may be told another size before it is given up: each time it is sent from there.
const SIZES_MAX: usize = 3;

/// The outcomes of a push, as metrics have them.
const OUTCOMES: [&str; 5] = ["cosigned", "behind", "refused", "ahead", "failed"];

/// Pushes the heads of a gateway's logs.
#[derive(Debug)]
pub struct Pusher {
    /// The heads, as they are published.
    pub heads: Heads,
    /// Reads checkpoints and tiles.
    pub reader: Arc<dyn Reader>,
    /// The keys that signed them.
    pub keys: Arc<ArcSwap<Vec<VerifierKey>>>,
    /// Before the name of a log, gives the origin of its checkpoints.
    pub origin: String,
    /// Where pushes are counted.
    pub metrics: Arc<Metrics>,
    plan: PushPlan,
    cosignatures: Arc<Cosignatures>,
    /// Logs of whose last pushed head no quorum has cosigned all.
    uncosigned: watch::Sender<BTreeSet<LogName>>,
}

/// What became of a push to one witness.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pushed {
    Cosigned(Cosignature),
    /// It has cosigned a larger head, of another gateway of the same store: the next round begins there.
    Behind,
    /// It says that our log is not the one it cosigned.
    Refused,
    /// It has cosigned more than our store holds.
    Ahead(u64),
    /// It did not answer as a witness does.
    Failed(String),
}

/// What is known of a witness.
#[derive(Debug)]
struct Seat {
    /// The size that it cosigned last, as far as it told. Zero asks it.
    old_size: u64,
    /// The size that it cosigned of ours, or was asked for in vain: not asked again.
    settled: u64,
    /// Not asked before then.
    due: Instant,
    back_off: Duration,
    /// What was said last, so that it is said once.
    said: Option<Pushed>,
}

impl Pusher {
    /// Puts together what pushes; nothing is asked before [`Self::run`].
    pub fn new(
        plan: PushPlan,
        heads: Heads,
        reader: Arc<dyn Reader>,
        keys: Arc<ArcSwap<Vec<VerifierKey>>>,
        origin: String,
        metrics: Arc<Metrics>,
    ) -> Self {
        let cosignatures = Arc::new(Cosignatures::of(&plan.policies));
        for outcome in OUTCOMES {
            metrics.add(&table::WITNESS_PUSHES, &[outcome.into()], 0);
        }
        Self { heads, reader, keys, origin, metrics, plan, cosignatures, uncosigned: watch::Sender::default() }
    }

    /// Who has cosigned what.
    pub fn cosignatures(&self) -> Arc<Cosignatures> {
        Arc::clone(&self.cosignatures)
    }

    /// Logs that had entries which no quorum of their witnesses had cosigned, when they were last pushed.
    pub fn uncosigned(&self) -> watch::Receiver<BTreeSet<LogName>> {
        self.uncosigned.subscribe()
    }

    /// Whether there is nobody to ask.
    pub fn is_idle(&self) -> bool {
        self.plan.is_empty()
    }

    /// Pushes until the gateway drains. A round under way is dropped: what a witness then has cosigned, it says at the next start.
    pub async fn run(self, drain: CancellationToken) {
        let pusher = Arc::new(self);
        let mut tasks = JoinSet::new();
        for (log, asked) in &pusher.plan.policies {
            let Some(head) = pusher.heads.get(log).cloned() else { continue };
            tasks.spawn(Arc::clone(&pusher).push_log(log.clone(), Arc::clone(asked), head));
        }
        tokio::select! {
            () = drain.cancelled() => {}
            () = async { while tasks.join_next().await.is_some() {} } => {}
        }
        tasks.abort_all();
    }

    async fn push_log(self: Arc<Self>, log: LogName, asked: Arc<AskedPolicy>, mut head: watch::Receiver<u64>) {
        let begin = || Seat { old_size: 0, settled: 0, due: Instant::now(), back_off: BACK_OFF, said: None };
        let mut seats: Vec<Seat> = asked.urls.iter().map(|_| begin()).collect();
        loop {
            let size = *head.borrow_and_update();
            let is_behind = |seat: &&mut Seat| seat.settled < size;
            // Witnesses that wait after a failure are asked when their time has come, whether the log grows or not.
            let due = seats.iter_mut().filter(is_behind).map(|seat| seat.due).min();
            match due {
                Some(due) if due > Instant::now() => {
                    tokio::select! {
                        () = sleep_until(due) => {}
                        changed = head.changed() => if changed.is_err() { return },
                    }
                    sleep(Duration::from_millis(self.plan.every_ms)).await;
                    continue;
                }
                Some(_) => {}
                None => {
                    if head.changed().await.is_err() {
                        return;
                    }
                    continue;
                }
            }
            self.round(&log, &asked, size, &mut seats).await;
            sleep(Duration::from_millis(self.plan.every_ms)).await;
        }
    }

    /// Asks each witness that is due for a cosignature of one head.
    async fn round(&self, log: &LogName, asked: &AskedPolicy, size: u64, seats: &mut [Seat]) {
        let Some((head, note)) = self.checkpoint(log, size).await else {
            return postpone(seats);
        };
        let now = Instant::now();
        let pushes = seats.iter_mut().enumerate().filter(|(_, seat)| seat.settled < size && seat.due <= now);
        let pushes = pushes.map(async |(at, seat)| {
            let outcome = self.push(log, asked, at, &head, &note, &mut seat.old_size).await;
            self.settle(log, asked, at, size, seat, &outcome);
            if let Pushed::Cosigned(cosignature) = outcome {
                self.cosignatures.add(log, &head, &note, cosignature);
            }
        });
        join_all(pushes).await;
        let lag = self
            .cosignatures
            .newest(log)
            .filter(|newest| newest.is_quorum)
            .map_or(size, |newest| size.saturating_sub(newest.size));
        let labels = [(&log.jurisdiction).into(), log.kind.word().into()];
        self.metrics.set_gauge(&table::WITNESS_LAG, &labels, lag);
        self.uncosigned.send_if_modified(|logs| if lag == 0 { logs.remove(log) } else { logs.insert(log.clone()) });
    }

    /// The checkpoint of a size that was published.
    async fn checkpoint(&self, log: &LogName, size: u64) -> Option<(Head, String)> {
        let of_log = log.clone();
        let note = self.read(move |reader| reader.checkpoint_at(&of_log, size)).await?.ok()??;
        let head = Head::open(&note, &origin(&self.origin, log), &self.keys.load()).ok()?;
        Some((head, note))
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<Result<T, StoreError>> {
        let reader = Arc::clone(&self.reader);
        tokio::task::spawn_blocking(move || read(&*reader)).await.ok()
    }

    /// Pushes a head to one witness, from the size that it says it has.
    async fn push(
        &self,
        log: &LogName,
        asked: &AskedPolicy,
        at: usize,
        head: &Head,
        note: &str,
        old_size: &mut u64,
    ) -> Pushed {
        let failed = |why: &str| Pushed::Failed(why.to_owned());
        let Some(url) = asked.urls.get(at) else { return failed("it has no URL") };
        for _ in 0..SIZES_MAX {
            if *old_size > head.size() {
                return self.beyond(log, *old_size).await;
            }
            let proof = match (*old_size, head.size()) {
                (0, _) => Vec::new(),
                (old, new) if old == new => Vec::new(),
                (old, new) => {
                    let of_log = log.clone();
                    let prove =
                        move |reader: &dyn Reader| Ok(prove_consistency(old, new, |tile| reader.tile(&of_log, tile))?);
                    match self.read(prove).await {
                        Some(Ok(proof)) => proof,
                        Some(Err(_)) | None => return failed("the store cannot be read"),
                    }
                }
            };
            let request = AddCheckpoint { old_size: *old_size, proof, note: note.to_owned() };
            let answer = match self.plan.client.post(url, "add-checkpoint", request.to_string()).await {
                Ok(answer) => answer,
                Err(error) => return Pushed::Failed(error.to_string()),
            };
            match answer.status {
                200 => {
                    let Some(cosignature) = cosignature(asked, at, head, note, &answer) else {
                        return failed("its answer is no cosignature by its key");
                    };
                    *old_size = head.size();
                    return Pushed::Cosigned(cosignature);
                }
                409 => match size_of(&answer) {
                    Some(size) if size != *old_size => *old_size = size,
                    Some(_) | None => return failed("it says that it has another size, and names none"),
                },
                // Of an empty log's wrong root too: it says that what we sent does not fit.
                422 => return Pushed::Refused,
                403 => return failed("it knows none of the log's keys (403)"),
                404 => return failed("it does not watch this log (404)"),
                status => return Pushed::Failed(format!("it answered {status}")),
            }
        }
        failed("it says another size each time")
    }

    /// A witness has cosigned more than the head that it is asked for. Another gateway may have pushed it; or the store was restored
    /// from an older copy.
    async fn beyond(&self, log: &LogName, cosigned: u64) -> Pushed {
        let of_log = log.clone();
        match self.read(move |reader| reader.head(&of_log)).await {
            Some(Ok(stored)) if stored.unwrap_or(0) >= cosigned => Pushed::Behind,
            Some(Ok(_)) => Pushed::Ahead(cosigned),
            Some(Err(_)) | None => Pushed::Failed("the store cannot be read".to_owned()),
        }
    }

    /// Takes note of what a witness said: when it is asked again, and what an operator must know.
    fn settle(&self, log: &LogName, asked: &AskedPolicy, at: usize, size: u64, seat: &mut Seat, pushed: &Pushed) {
        let witness = asked.policy.witnesses().get(at).map_or("", |witness| witness.name.as_str());
        let is_new = seat.said.as_ref() != Some(pushed);
        let outcome = match pushed {
            Pushed::Cosigned(_) => {
                if matches!(seat.said, Some(Pushed::Failed(_) | Pushed::Refused | Pushed::Ahead(_))) {
                    tracing::info!(witness, %log, "a witness cosigns again");
                }
                (seat.settled, seat.back_off, seat.said) = (size, BACK_OFF, None);
                "cosigned"
            }
            Pushed::Behind => "behind",
            Pushed::Refused => {
                if is_new {
                    tracing::error!(witness, %log, size, "a witness refuses this log: it has cosigned another history of it");
                }
                "refused"
            }
            Pushed::Ahead(cosigned) => {
                if is_new {
                    tracing::error!(witness, %log, size, cosigned, "a witness has cosigned more of this log than the store holds");
                }
                "ahead"
            }
            Pushed::Failed(error) => {
                if is_new {
                    tracing::warn!(witness, %log, error, "a witness does not cosign");
                }
                "failed"
            }
        };
        if !matches!(pushed, Pushed::Cosigned(_)) {
            seat.due = Instant::now() + if matches!(pushed, Pushed::Behind) { Duration::ZERO } else { seat.back_off };
            seat.back_off = seat.back_off.saturating_mul(2).min(BACK_OFF_MAX);
            seat.said = Some(pushed.clone());
        }
        self.metrics.increment(&table::WITNESS_PUSHES, &[outcome.into()]);
    }
}

fn postpone(seats: &mut [Seat]) {
    for seat in seats {
        seat.due = Instant::now() + BACK_OFF;
    }
}

/// The cosignature in an answer: of this head, by this witness's key, with its time.
fn cosignature(asked: &AskedPolicy, at: usize, head: &Head, note: &str, answer: &HttpAnswer) -> Option<Cosignature> {
    let found = head.cosignatures(&format!("{note}{}", answer.body), asked.policy.witness_keys()).ok()?;
    found.into_iter().find(|found| found.key == at && found.time != 0)
}

/// The size in a 409 (C2SP tlog-witness).
fn size_of(answer: &HttpAnswer) -> Option<u64> {
    if answer.content_type.as_deref() != Some("text/x.tlog.size") {
        return None;
    }
    let digits = answer.body.strip_suffix('\n')?;
    let size: u64 = digits.parse().ok()?;
    (size.to_string() == digits).then_some(size)
}

//! What may happen to a gateway's store: writes that come together, restarts in order, crashes at any point, a clock
//! that steps back.

use comity::domain::detainer::{AnswerKind, Finding};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::properties::steps::{Entered, PickUp, Step, step};
use crate::sample;

/// Minutes that a clock may step back: a day.
const BACK_MINS: i64 = 24 * 60;
/// After the end of any hold.
const LATER_MINS: i64 = 30 * 24 * 60;
const FORTH_MINS: i64 = 3 * 24 * 60;

#[derive(Debug, Clone)]
pub(super) enum Move {
    /// Writes that come in one batch, and what befalls it, if anything does.
    Batch { drafts: Vec<Draft>, fault: Option<Fault> },
    /// The gateway is stopped in order and opened again.
    Restart { before: Option<WrongKey>, opening: Opening },
    /// The clock moves.
    Clock { mins: i64 },
    /// What is due fires.
    Tick,
}

/// What befalls a batch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// The process dies, and is started again.
    Dies(CrashAt, Opening),
    /// The database goes away and comes back; the process goes on by itself.
    Away(Away),
}

/// When the database goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Away {
    /// While what the batch needs is read.
    Loading,
    /// When nothing of the batch is durable.
    BeforeCommit,
    /// When all of it is durable, and the writer was not told.
    AfterCommit,
}

/// Where a process dies.
#[derive(Debug, Clone, Copy)]
pub(super) enum CrashAt {
    /// While it reads what the batch needs: at the first read, at the next.
    Loading(usize),
    /// When nothing of the batch is durable.
    BeforeCommit,
    /// When a part of the transaction is in the write-ahead log.
    WithinCommit(Index),
    /// When all of it is durable, and nobody was told.
    AfterCommit,
    /// When everybody was told.
    Answered,
}

/// How a store is opened again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening {
    /// How far the clock has moved meanwhile.
    pub(super) mins: i64,
    /// Which policy set is in force from now on.
    pub(super) law: usize,
}

/// A key that is not the store's, with which opening it is tried first.
#[derive(Debug, Clone, Copy)]
pub(super) enum WrongKey {
    Signing,
    Wrapping,
}

/// A write to be made of what there is when it is taken.
#[derive(Debug, Clone)]
pub(super) enum Draft {
    /// A command upon a case.
    Command { place: usize, step: Step, seen: Seen, by: By },
    /// An inbox is confirmed: up to a share of what there is.
    Confirm { place: usize, agency: &'static str, exchange: Index, seen: Index, custody: Index },
    /// The request id of an earlier write, recorded or not.
    Again { earlier: Index, how: Again },
}

/// What a caller says that it has seen of the resource.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seen {
    Nothing,
    Newest,
    Older,
}

/// Who signs a command.
#[derive(Debug, Clone, Copy)]
pub(super) enum By {
    Officer,
    Nobody,
    Stranger,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Again {
    Same,
    OtherCommand,
    OtherAgency,
}

/// A sequence. Most begin with a detainer that comes some way: what follows then has something to go on with.
pub(super) fn moves() -> impl Strategy<Value = Vec<Move>> {
    let answer = prop_oneof![Just(AnswerKind::HonorHold), Just(AnswerKind::NotifyOnly)];
    // In some ends a while passes at once: what was forgotten is due then, a person who is still held above all.
    let ending = proptest::option::weighted(0.2, Just([Move::Clock { mins: LATER_MINS }, Move::Tick]));
    let parts = (0..2usize, 0..=5usize, beginning(answer), vec(one_move(), 5..11), ending);
    parts.prop_map(|(home, len, beginning, rest, ending)| {
        let ending = ending.into_iter().flatten();
        let mut moves: Vec<Move> = beginning.into_iter().take(len).chain(rest).chain(ending).collect();
        for one in &mut moves {
            let Move::Batch { drafts, .. } = one else { continue };
            for draft in drafts {
                if let Draft::Command { place, .. } | Draft::Confirm { place, .. } = draft {
                    *place = (*place + home) % 2;
                }
            }
        }
        moves
    })
}

fn beginning(answer: impl Strategy<Value = AnswerKind>) -> impl Strategy<Value = Vec<Move>> {
    let index = any::<Index>;
    (answer, index(), index(), prop_oneof![Just(PickUp::Offer { open_mins: 100_000 }), Just(PickUp::Accept)]).prop_map(
        |(kind, detainer, custody, what)| {
            let (finding, corrects) = (Finding::MatchedCustody, false);
            let offer = PickUp::Offer { open_mins: 100_000 };
            let steps = [
                vec![
                    Step::Lodge { issuer: "ice", addressee: Some("doccs") },
                    Step::Open { custodian: "doccs", juvenile: false },
                ],
                vec![Step::Acknowledge { detainer, custody, finding, corrects }],
                vec![Step::Answer { detainer, kind, corrects }],
                vec![Step::PickUp { detainer, what: offer }, Step::Enter { custody, what: Entered::Schedule }],
                vec![Step::PickUp { detainer, what }],
            ];
            let command = |step| Draft::Command { place: 0, step, seen: Seen::Nothing, by: By::Officer };
            let batch =
                |steps: Vec<Step>| Move::Batch { drafts: steps.into_iter().map(command).collect(), fault: None };
            steps.map(batch).into()
        },
    )
}

fn one_move() -> impl Strategy<Value = Move> {
    let away = prop_oneof![1 => Just(Away::Loading), 2 => Just(Away::BeforeCommit), 3 => Just(Away::AfterCommit)];
    let fault = prop_oneof![
        3 => (crash_at(), opening()).prop_map(|(at, opening)| Fault::Dies(at, opening)),
        1 => away.prop_map(Fault::Away),
    ];
    let fault = proptest::option::weighted(0.24, fault);
    prop_oneof![
        20 => (drafts(), fault).prop_map(|(drafts, fault)| Move::Batch { drafts, fault }),
        1 => (proptest::option::of(select(vec![WrongKey::Signing, WrongKey::Wrapping])), opening())
            .prop_map(|(before, opening)| Move::Restart { before, opening }),
        3 => clock().prop_map(|mins| Move::Clock { mins }),
        3 => Just(Move::Tick),
    ]
}

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    prop_oneof![4 => vec(draft(), 1), 3 => vec(draft(), 2), 2 => vec(draft(), 3), 1 => vec(draft(), 4)]
}

fn draft() -> impl Strategy<Value = Draft> {
    let index = any::<Index>;
    let seen = prop_oneof![8 => Just(Seen::Nothing), 2 => Just(Seen::Newest), 1 => Just(Seen::Older)];
    let by = prop_oneof![30 => Just(By::Officer), 1 => Just(By::Nobody), 1 => Just(By::Stranger)];
    let agency = select(sample::AGENCIES.to_vec());
    let how = prop_oneof![5 => Just(Again::Same), 2 => Just(Again::OtherCommand), 1 => Just(Again::OtherAgency)];
    // Most in one place.
    let place = || prop_oneof![4 => Just(0), 1 => Just(1)];
    prop_oneof![
        14 => (place(), step(), seen, by).prop_map(|(place, step, seen, by)| Draft::Command { place, step, seen, by }),
        3 => (place(), agency, index(), index(), index()).prop_map(|(place, agency, exchange, seen, custody)| {
            Draft::Confirm { place, agency, exchange, seen, custody }
        }),
        4 => (index(), how).prop_map(|(earlier, how)| Draft::Again { earlier, how }),
    ]
}

fn crash_at() -> impl Strategy<Value = CrashAt> {
    prop_oneof![
        1 => (0..2usize).prop_map(CrashAt::Loading),
        1 => Just(CrashAt::BeforeCommit),
        2 => any::<Index>().prop_map(CrashAt::WithinCommit),
        2 => Just(CrashAt::AfterCommit),
        2 => Just(CrashAt::Answered),
    ]
}

fn opening() -> impl Strategy<Value = Opening> {
    (clock(), 0..2usize).prop_map(|(mins, law)| Opening { mins, law })
}

fn clock() -> impl Strategy<Value = i64> {
    prop_oneof![1 => -BACK_MINS..0, 2 => 0..FORTH_MINS]
}

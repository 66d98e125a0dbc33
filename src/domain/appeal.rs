//! An appeal: a formal demand by an issuer over many of its detainers in one jurisdiction, and what is answered to it.
//!
//! It changes no detainer. An answer to it says nothing that the detainer itself does not say, and is told no further:
//! so it is no way round the law that the detainer was answered under.

mod standing;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use standing::{AppealItemView, AppealViewpoint, StandingCounts};

use crate::domain::charge::{self, Charge, OffenceCategory};
use crate::domain::detainer::{Addressee, Answer, AnswerKind, Detainer, DetainerState, Finding};
use crate::domain::determination::{Determination, FieldClass, LawAction};
use crate::domain::ids::{AgencyId, CaseName};
use crate::domain::range::within;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What a custodian answers to an appeal, of one detainer.
    pub enum AppealAnswerKind {
        /// It stands by the answer that it gave to the detainer.
        StandsByAnswer = "stands-by-answer",
        /// The person will be held: the detainer was answered so.
        WillHold = "will-hold",
        /// The issuer will be notified: the detainer was answered so.
        WillNotify = "will-notify",
        /// The person was released.
        AlreadyReleased = "already-released",
        /// There is nobody of that description.
        NoSuchPerson = "no-such-person",
        /// The law cited bars it.
        Barred = "barred",
    }
}

vocabulary! {
    /// How a detainer stands in an appeal, from where somebody looks.
    pub enum AppealStanding {
        /// Nothing answers the appeal yet.
        Open = "open",
        /// The custodian stands by its answer.
        StandsByAnswer = "stands-by-answer",
        /// The person will be held.
        WillHold = "will-hold",
        /// The issuer will be notified.
        WillNotify = "will-notify",
        /// The person was released.
        AlreadyReleased = "already-released",
        /// There is nobody of that description.
        NoSuchPerson = "no-such-person",
        /// There is somebody, but not the person meant.
        IdentityMismatch = "identity-mismatch",
        /// By the custodian's answer, or by the law as the gateway judged it.
        Barred = "barred",
        /// The custody ended without a release.
        Closed = "closed",
        /// The issuer lifted the detainer.
        Withdrawn = "withdrawn",
    }
}

/// Limits of appeals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Detainers in one appeal.
    #[serde(deserialize_with = "within::<_, _, 1, 100_000>")]
    pub members_max: usize,
    /// Appeals of one issuer in one jurisdiction that are not due yet.
    #[serde(deserialize_with = "within::<_, _, 1, 1_000_000>")]
    pub open_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { members_max: 20_000, open_max: 64 }
    }
}

/// An appeal as issued. It does not change: what is answered stands with each detainer in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appeal {
    /// Its name.
    pub name: CaseName,
    /// Who demands it.
    pub issuer: AgencyId,
    /// On what ground.
    pub ground: String,
    /// By when the issuer asks to be answered.
    pub due_at: Timestamp,
    /// Detainers in it.
    pub size: u32,
    /// To whom its detainers were addressed, as the issuer knew then.
    pub custodians: BTreeSet<AgencyId>,
    /// Some were addressed to whoever holds the person.
    pub to_jurisdiction: bool,
    /// When it was issued, by our clock.
    pub issued_at: Timestamp,
}

impl Appeal {
    /// Whether it was addressed to a custodian, as the issuer knew.
    pub fn addresses(&self, custodian: &AgencyId) -> bool {
        self.to_jurisdiction || self.custodians.contains(custodian)
    }
}

/// Which detainers an appeal is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Those of the issuer's that pass.
    Filter(Filter),
    /// These, in order and each once.
    Listed(BTreeSet<Uuid>),
}

/// Held against a detainer as its issuer sees it. What is empty lets everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Where it stands.
    pub states: BTreeSet<DetainerState>,
    /// Lodged then or later.
    pub lodged_from: Option<Timestamp>,
    /// Lodged earlier than that.
    pub lodged_before: Option<Timestamp>,
    /// Addressed to it, or taken on by it as told.
    pub custodian: Option<AgencyId>,
    /// Group of the leading charge of the request.
    pub offences: BTreeSet<OffenceCategory>,
}

impl Filter {
    /// Whether a detainer passes. `seen` is as its issuer may be told of it.
    pub fn passes(&self, seen: &Detainer) -> bool {
        let offence = || charge::leading(&seen.request.charges).map(Charge::category);
        (self.states.is_empty() || self.states.contains(&seen.issuer_view.state))
            && self.lodged_from.is_none_or(|from| seen.lodged_at >= from)
            && self.lodged_before.is_none_or(|before| seen.lodged_at < before)
            && self.custodian.as_ref().is_none_or(|custodian| holder_known_to_issuer(seen) == Some(custodian))
            && (self.offences.is_empty() || offence().is_some_and(|group| self.offences.contains(&group)))
    }
}

/// Whoever holds the person as far as the issuer was told. None: whoever in the jurisdiction does.
pub fn holder_known_to_issuer(seen: &Detainer) -> Option<&AgencyId> {
    let addressee = match &seen.request.addressee {
        Addressee::Agency(agency) => Some(agency),
        Addressee::Jurisdiction => None,
    };
    seen.issuer_view.custodian.as_ref().or(addressee)
}

/// What an issuer demands, with what was found of each detainer on the way to the writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// As asked.
    pub selection: Selection,
    /// On what ground.
    pub ground: String,
    /// By when it asks to be answered.
    pub due_at: Timestamp,
    /// What the selection came to, in order and each once. One that is not the issuer's is among them, for the gate to
    /// refuse.
    pub members: Vec<Member>,
}

/// A detainer chosen, as its issuer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Last part of its name.
    pub id: Uuid,
    /// To whom it is addressed, as told.
    pub addressed: Option<AgencyId>,
    /// How it stands before anybody answered.
    pub standing: AppealStanding,
}

/// What a custodian answers of one detainer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppealAnswer {
    /// What.
    pub kind: AppealAnswerKind,
    /// The law relied on, as a citation.
    pub legal_basis: String,
    /// Why, where a person decided or a duty was departed from. Stays with the custodian.
    pub reason: Option<String>,
    /// When, as the custodian says.
    pub occurred_at: Option<Timestamp>,
}

/// An answer that the issuer was told, with the class that it tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisclosedAnswer {
    /// Without its reason.
    pub answer: AppealAnswer,
    /// The class that it tells of.
    #[serde(rename = "gist")]
    pub revealed_class: FieldClass,
}

/// What was answered of one detainer of an appeal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppealItem {
    /// By the custodian, last.
    pub given: Option<AppealAnswer>,
    /// As far as the issuer was told.
    #[serde(rename = "told")]
    pub disclosed: Option<DisclosedAnswer>,
    /// By law. Both sides know.
    pub barred: Option<Bar>,
}

/// What bars a detainer, by the law as the gateway judged it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// Which act.
    pub action: LawAction,
    /// The law, as cited.
    pub citations: Vec<String>,
}

/// Detainers that the law bars on one ground.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bars {
    /// Which act.
    pub action: LawAction,
    /// On what ground.
    pub determination: Arc<Determination>,
    /// Which, in order.
    pub detainers: Vec<Uuid>,
}

impl Bars {
    /// As it stands with each of them.
    pub fn bar(&self) -> Bar {
        Bar { action: self.action, citations: self.determination.citations.clone() }
    }
}

/// An answer by law, as it was found on the way to the writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerByLaw {
    /// What is barred, ground by ground.
    pub bars: Vec<Bars>,
    /// How many of the custodian's are left open.
    pub open: u32,
    /// Size of the exchange log when it was found: whatever was told since is not judged by it.
    pub as_of: u64,
    /// The appeal was answered by law since.
    pub overtaken: bool,
    /// Digest of the policy set that was asked.
    pub policy_digest: Option<[u8; 32]>,
}

impl AnswerByLaw {
    /// Leaves open what something has happened to since.
    pub fn leave(&mut self, is_stale: impl Fn(Uuid) -> bool) {
        for bars in &mut self.bars {
            let before = bars.detainers.len();
            bars.detainers.retain(|id| !is_stale(*id));
            let left = before.saturating_sub(bars.detainers.len());
            self.open = self.open.saturating_add(u32::try_from(left).unwrap_or(u32::MAX));
        }
        self.bars.retain(|bars| !bars.detainers.is_empty());
    }
}

/// What a detainer says of itself, as one side knows it.
#[derive(Debug, Clone, Copy)]
pub struct DetainerOutcome<'a> {
    /// Where it stands.
    pub state: DetainerState,
    /// What was found.
    pub finding: Option<Finding>,
    /// What was answered.
    pub answer: Option<&'a Answer>,
}

impl<'a> DetainerOutcome<'a> {
    /// In truth, as its custodian knows.
    pub fn known_to_custodian(detainer: &'a Detainer) -> Self {
        let finding = detainer.acknowledgement.as_ref().map(|found| found.finding);
        Self { state: detainer.state, finding, answer: detainer.answer.as_ref() }
    }

    /// As its issuer was told.
    pub fn known_to_issuer(seen: &'a Detainer) -> Self {
        Self {
            state: seen.issuer_view.state,
            finding: seen.issuer_view.finding,
            answer: seen.issuer_view.answer.as_ref(),
        }
    }

    /// Whether the detainer itself says what an answer to an appeal would.
    pub fn supports(self, kind: AppealAnswerKind) -> bool {
        let promised = matches!(self.state, DetainerState::HoldHonored | DetainerState::NotifyOnly);
        match kind {
            AppealAnswerKind::StandsByAnswer => self.answer.is_some(),
            AppealAnswerKind::WillHold => self.state == DetainerState::HoldHonored,
            AppealAnswerKind::WillNotify => promised,
            AppealAnswerKind::AlreadyReleased => self.state == DetainerState::Released,
            AppealAnswerKind::NoSuchPerson => self.finding == Some(Finding::NoSuchPerson),
            // The law is no fact of the detainer's; but nobody is barred from what it promised.
            AppealAnswerKind::Barred => !promised,
        }
    }
}

/// The class that an answer to an appeal tells of. `addressee` is the jurisdiction for whoever answers in the place of
/// the one addressed: it holds the person.
pub fn revealed_class(
    kind: AppealAnswerKind,
    standing_answer: Option<AnswerKind>,
    addressee: &Addressee,
) -> FieldClass {
    match kind {
        AppealAnswerKind::StandsByAnswer => standing_answer.unwrap_or(AnswerKind::Decline).revealed_class(addressee),
        AppealAnswerKind::Barred => AnswerKind::Decline.revealed_class(addressee),
        AppealAnswerKind::WillHold | AppealAnswerKind::WillNotify => AnswerKind::NotifyOnly.revealed_class(addressee),
        AppealAnswerKind::AlreadyReleased => FieldClass::ReleaseDate,
        AppealAnswerKind::NoSuchPerson => FieldClass::Custody,
    }
}

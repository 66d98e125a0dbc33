//! An appeal: a formal demand by an issuer about many of its detainers in one jurisdiction, and the answers to it.
//!
//! It changes no detainer. An answer says nothing that the detainer itself does not say, and is disclosed no further.
//! So an appeal is no way around the law that the detainer was answered under.

mod standing;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use standing::{AppealItemView, AppealViewpoint, StandingCounts};

use crate::domain::charge::{self, Charge, OffenceCategory};
use crate::domain::detainer::{Addressee, Answer, AnswerKind, Detainer, DetainerState, Finding};
use crate::domain::determination::{Determination, FieldClass, LawAction};
use crate::domain::ids::{AgencyId, CaseName};
use crate::domain::range::Within;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What a custodian answers to an appeal for one detainer.
    pub enum AppealAnswerKind {
        /// It stands by its answer to the detainer.
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
    /// The standing of a detainer in an appeal, as one side sees it.
    pub enum AppealStanding {
        /// The appeal is not answered yet.
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
        /// Another detainer of the same issuer asks for the same.
        Duplicate = "duplicate",
        /// The custodian did not have the person by the day that it gave.
        NotFoundInTime = "not-found-in-time",
    }
}

/// Limits of appeals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How many detainers one appeal may have.
    #[serde(with = "Within::<1, 100_000>")]
    pub members_max: usize,
    /// How many appeals an issuer may have in one jurisdiction that are not due yet.
    #[serde(with = "Within::<1, 1_000_000>")]
    pub open_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { members_max: 20_000, open_max: 64 }
    }
}

/// An appeal as issued. It does not change: answers are stored with each detainer in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appeal {
    /// Its name.
    pub name: CaseName,
    /// Who demands it.
    pub issuer: AgencyId,
    /// On what ground.
    pub ground: String,
    /// When the issuer asks to be answered.
    pub due_at: Timestamp,
    /// Detainers in it.
    pub size: u32,
    /// The agencies that its detainers were addressed to, as far as the issuer knew.
    pub custodians: BTreeSet<AgencyId>,
    /// Some were addressed to the jurisdiction.
    pub to_jurisdiction: bool,
    /// When it was issued, by our clock.
    pub issued_at: Timestamp,
}

impl Appeal {
    /// Whether it was addressed to a custodian, as far as the issuer knew.
    pub fn addresses(&self, custodian: &AgencyId) -> bool {
        self.to_jurisdiction || self.custodians.contains(custodian)
    }
}

/// How the detainers of an appeal are chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// The issuer's detainers that pass a filter.
    Filter(Filter),
    /// These, in order, each once.
    Listed(BTreeSet<Uuid>),
}

/// A filter on detainers as their issuer sees them. An empty field lets everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Where it stands.
    pub states: BTreeSet<DetainerState>,
    /// Lodged then or later.
    pub lodged_from: Option<Timestamp>,
    /// Lodged earlier than that.
    pub lodged_before: Option<Timestamp>,
    /// The custodian that it is addressed to, or that took it on as far as the issuer knows.
    pub custodian: Option<AgencyId>,
    /// The offence group of the request's leading charge.
    pub offences: BTreeSet<OffenceCategory>,
    /// The issuer was told that the person becomes eligible for a release before this day.
    pub eligible_before: Option<Date>,
}

impl Filter {
    /// Whether a detainer passes. `seen` MUST be redacted for its issuer.
    pub fn passes(&self, seen: &Detainer) -> bool {
        let offence = || charge::leading(&seen.request.charges).map(Charge::category);
        (self.states.is_empty() || self.states.contains(&seen.issuer_view.state))
            && self.lodged_from.is_none_or(|from| seen.lodged_at >= from)
            && self.lodged_before.is_none_or(|before| seen.lodged_at < before)
            && self.custodian.as_ref().is_none_or(|custodian| holder_known_to_issuer(seen) == Some(custodian))
            && self
                .eligible_before
                .is_none_or(|before| seen.issuer_view.eligibilities.iter().any(|told| told.eligible_on < before))
            && (self.offences.is_empty() || offence().is_some_and(|group| self.offences.contains(&group)))
    }
}

/// The agency that holds the person as far as the issuer knows. None: the jurisdiction is addressed.
pub fn holder_known_to_issuer(seen: &Detainer) -> Option<&AgencyId> {
    let addressee = match &seen.request.addressee {
        Addressee::Agency(agency) => Some(agency),
        Addressee::Jurisdiction => None,
    };
    seen.issuer_view.custodian.as_ref().or(addressee)
}

/// An appeal that an issuer asks for, with the detainers that were selected before the writer got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The selection as asked.
    pub selection: Selection,
    /// On what ground.
    pub ground: String,
    /// When the issuer asks to be answered.
    pub due_at: Timestamp,
    /// The selected detainers, in order, each once. Detainers of others are among them, for the gate to refuse.
    pub members: Vec<Member>,
}

/// A selected detainer, as its issuer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Last part of its name.
    pub id: Uuid,
    /// The agency that it is addressed to as far as the issuer knows.
    pub addressed: Option<AgencyId>,
    /// Its standing before any answer.
    pub standing: AppealStanding,
}

/// What a custodian answers for one detainer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppealAnswer {
    /// What.
    pub kind: AppealAnswerKind,
    /// The law relied on, as a citation.
    pub legal_basis: String,
    /// Why, where a person decided or departed from a duty. Stays with the custodian.
    pub reason: Option<String>,
    /// When, as the custodian says.
    pub occurred_at: Option<Timestamp>,
}

/// An answer that was disclosed to the issuer, with the class that it reveals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisclosedAnswer {
    /// The answer, without its reason.
    pub answer: AppealAnswer,
    /// The class that it reveals.
    #[serde(rename = "gist")]
    pub revealed_class: FieldClass,
}

/// The answers for one detainer of an appeal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppealItem {
    /// The custodian's last answer.
    pub given: Option<AppealAnswer>,
    /// The answer as far as it was disclosed to the issuer.
    #[serde(rename = "told")]
    pub disclosed: Option<DisclosedAnswer>,
    /// What bars it by law. Both sides know.
    pub barred: Option<Bar>,
}

/// What bars a detainer, as the gateway judged the law.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// Which act: what the form asks for first.
    pub action: LawAction,
    /// Of notice and transfer, what the law forbids besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<LawAction>,
    /// The law, as cited.
    pub citations: Vec<String>,
}

impl Bar {
    /// Every act that is barred.
    pub fn actions(&self) -> Vec<LawAction> {
        std::iter::once(self.action).chain(self.also.iter().copied()).collect()
    }
}

/// Detainers that the law bars on the same ground.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bars {
    /// Which act: what the form asks for first.
    pub action: LawAction,
    /// Of notice and transfer, what the law forbids besides.
    pub also: Vec<LawAction>,
    /// On what ground.
    pub determination: Arc<Determination>,
    /// Which, in order.
    pub detainers: Vec<Uuid>,
}

impl Bars {
    /// What is stored with each of them.
    pub fn bar(&self) -> Bar {
        Bar { action: self.action, also: self.also.clone(), citations: self.determination.citations.clone() }
    }
}

/// An answer by law, prepared before the writer got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerByLaw {
    /// The barred detainers, grouped by ground.
    pub bars: Vec<Bars>,
    /// How many of the custodian's detainers stay open.
    pub open: u32,
    /// Size of the exchange log when it was prepared. What was disclosed after that is not judged.
    pub as_of: u64,
    /// The appeal was answered by law since then.
    pub overtaken: bool,
    /// Digest of the policy set that was asked.
    pub policy_digest: Option<[u8; 32]>,
}

impl AnswerByLaw {
    /// Leaves open the detainers that changed since the answer was prepared.
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

/// What one side knows of a detainer's outcome.
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
    /// As the custodian knows it: the whole truth.
    pub fn known_to_custodian(detainer: &'a Detainer) -> Self {
        let finding = detainer.acknowledgement.as_ref().map(|found| found.finding);
        Self { state: detainer.state, finding, answer: detainer.answer.as_ref() }
    }

    /// As it was disclosed to the issuer. `seen` MUST be redacted for it.
    pub fn known_to_issuer(seen: &'a Detainer) -> Self {
        Self {
            state: seen.issuer_view.state,
            finding: seen.issuer_view.finding,
            answer: seen.issuer_view.answer.as_ref(),
        }
    }

    /// Whether the detainer itself says what an answer to an appeal would say.
    pub fn supports(self, kind: AppealAnswerKind) -> bool {
        let promised = matches!(self.state, DetainerState::HoldHonored | DetainerState::NotifyOnly);
        match kind {
            AppealAnswerKind::StandsByAnswer => self.answer.is_some(),
            AppealAnswerKind::WillHold => self.state == DetainerState::HoldHonored,
            AppealAnswerKind::WillNotify => promised,
            AppealAnswerKind::AlreadyReleased => self.state == DetainerState::Released,
            AppealAnswerKind::NoSuchPerson => self.finding == Some(Finding::NoSuchPerson),
            // A bar is the law's and not stored on the detainer. But what was promised is not barred.
            AppealAnswerKind::Barred => !promised,
        }
    }
}

/// The class that an answer to an appeal reveals. `addressee` is the jurisdiction if the answering agency is not the
/// one addressed, because its answer reveals that it holds the person.
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

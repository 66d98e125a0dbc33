//! The case question: may this caller do this to this case, and what does the law say of it?
//!
//! The only maker of [`Permitted`]. Asked once per command, inside the writer, with the case's facts of that moment.

mod again;
mod appeal;
mod hand_over;
#[cfg(test)]
mod possible;
mod question;
mod within;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

pub use again::Again;
pub use appeal::Barring;

use crate::domain::agency::{Agency, AgencyKind, Caller};
use crate::domain::case::Case;
use crate::domain::command::CaseCommand;
use crate::domain::custody::Custody;
use crate::domain::decide::stands_on;
use crate::domain::detainer::{Addressee, Detainer, Viewpoint};
use crate::domain::determination::{Determination, LawAction, LawView, Withheld};
use crate::domain::disclosure::{self, IssuerClasses};
use crate::domain::facts::{AsOf, CaseFacts, Stage};
use crate::domain::ids::{AgencyId, CaseName, JurisdictionId};
use crate::domain::matching::Disagreement;
use crate::domain::permit::{Admitted, Permitted};
use crate::domain::times::{self, ImpossibleTime};
use crate::domain::warrant::differing;
use crate::domain::zone::Zones;
use crate::policy::admit::AdmitError;
use crate::policy::engine::Engine;
use crate::policy::gate::question::{Question, facts_of, facts_of_detainer};

/// Why the gate does not let a command pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// No rule of the set that judges admits this kind of caller to this method, whatever the door said.
    #[error("no policy lets this caller call this method")]
    NotAdmitted,
    /// No such case, or none of the caller's. Both read the same from outside.
    #[error("there is no such case")]
    NotFound,
    /// The jurisdiction is not one the caller takes part in.
    #[error("there is no such jurisdiction")]
    NoSuchJurisdiction,
    /// Nobody in particular acts: a write needs a token.
    #[error("a write needs a token that names who acts")]
    Unattributed,
    /// The detainer is addressed to no custodian of the jurisdiction.
    #[error("the addressee is not a custodian of the jurisdiction")]
    NotACustodian,
    /// The addressee of a detainer stays: another is another detainer.
    #[error("the addressee of a detainer stays")]
    AddresseeFixed,
    /// The person cannot be moved to such an agency.
    #[error("not another custodian of the jurisdiction")]
    NoSuchCustodian,
    /// The records do not bear a match out, and no officer vouches for it with a reason.
    #[error("the records do not agree in what the match was made by: an officer must vouch for it and give a reason")]
    MatchDisputed(Vec<Disagreement>),
    /// Times or days that cannot be.
    #[error("one or more fields are at fault")]
    Impossible(Vec<ImpossibleTime>),
    /// A person must act, and a machine did.
    #[error("the law leaves it to a person: an officer must decide and give a reason")]
    OfficerRequired,
    /// The law forbids it.
    #[error("the law of the jurisdiction forbids it")]
    Forbidden {
        /// What it forbids.
        action: LawAction,
        /// On what ground.
        determination: Arc<Determination>,
    },
    /// The law leaves it to a person, and none spoke, or without a reason.
    #[error("the law leaves it to a person: an officer must decide and give a reason")]
    ReviewRequired {
        /// What it leaves open.
        action: LawAction,
        /// On what ground.
        determination: Arc<Determination>,
    },
    /// The law forbids it but for what the requester alone says.
    #[error("the law turns on a claim that nobody has verified: verify it first")]
    VerificationRequired {
        /// What it leaves open.
        action: LawAction,
        /// On what ground.
        determination: Arc<Determination>,
    },
    /// The law did not allow handing the person over, and no officer says why it was done.
    #[error("the law did not allow handing the person over: an officer must record it and give a reason")]
    HandOverUnexplained {
        /// On what ground. `None`: no detainer asks for the person.
        determination: Option<Arc<Determination>>,
    },
    /// The law makes it a duty, and no reason was given for departing from it.
    #[error("the law makes it a duty: departing from it needs a reason")]
    ReasonRequired {
        /// What it asks.
        action: LawAction,
        /// On what ground.
        determination: Arc<Determination>,
    },
}

/// Knows the agencies and asks the law.
#[derive(Debug)]
pub struct Gate {
    engine: Arc<Engine>,
    agencies: Arc<BTreeMap<AgencyId, Agency>>,
    since: Option<Timestamp>,
    zones: Zones,
}

impl Gate {
    /// A gate over these agencies and policies.
    pub fn new(engine: Arc<Engine>, agencies: Arc<BTreeMap<AgencyId, Agency>>) -> Self {
        Self { engine, agencies, zones: Zones::default(), since: None }
    }

    /// The same, with the days of each jurisdiction counted in these zones.
    #[must_use]
    pub fn with_zones(self, zones: Zones) -> Self {
        Self { zones, ..self }
    }

    /// A gate over the same agencies and another policy set, in force since then.
    #[must_use]
    pub fn under(&self, engine: Arc<Engine>, since: Timestamp) -> Self {
        Self { engine, agencies: Arc::clone(&self.agencies), zones: self.zones.clone(), since: Some(since) }
    }

    /// The policy set that it asks.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Since when that set is in force in this store. None: it was never said to be.
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Whether this kind of caller may call this method at all, by the set that this gate asks everything else.
    pub fn admit(&self, caller: &Caller, method: &str) -> Result<(), AdmitError> {
        self.engine.admit(caller, method)
    }

    /// Digest of the policy set that answers.
    pub fn digest(&self) -> [u8; 32] {
        self.engine.digest()
    }

    /// The time zone of each jurisdiction: days of law are counted, and its clocks run, in no other.
    pub fn zones(&self) -> &Zones {
        &self.zones
    }

    /// Lets a command pass, or says why not. `id` is the id of the case that the command would make.
    pub fn permit(
        &self,
        admitted: Admitted<CaseCommand>,
        case: &Case,
        id: Uuid,
        now: Timestamp,
    ) -> Result<Permitted<CaseCommand>, Denial> {
        let caller = &admitted.caller;
        let jurisdiction = &admitted.jurisdiction;
        if !caller.takes_part_in(jurisdiction) {
            return Err(Denial::NoSuchJurisdiction);
        }
        // Asked at the door before, of the set of that moment: here access and law are asked of one set.
        self.admit(caller, admitted.value.method().rpc()).map_err(|_| Denial::NotAdmitted)?;
        let laws = Question { gate: self, admitted: &admitted, case, now }.laws(id)?;
        // Last: whoever may not do it learns nothing of what stands on record.
        let mut impossible = times::impossible_times(&admitted.value, case, now, self.zones.of(jurisdiction));
        impossible.extend(told_apart(&admitted.value, case));
        if !impossible.is_empty() {
            return Err(Denial::Impossible(impossible));
        }
        Ok(Permitted::by_gate(admitted, laws))
    }

    /// What the law says of each detainer that stands on the custody of a case as a command leaves it: of the answer that
    /// its custodian may give.
    pub fn after(&self, case: &Case, now: Timestamp) -> BTreeMap<CaseName, LawView> {
        let Some(custody) = &case.custody else { return BTreeMap::new() };
        let class = self.agencies.get(&custody.custodian).and_then(|agency| agency.class);
        let law = |detainer: &Detainer| {
            let jurisdiction = &detainer.name.jurisdiction;
            let requester = self.requester(detainer);
            let as_of = self.as_of(jurisdiction, now);
            let facts = facts_of_detainer(Stage::Answer, requester, detainer, Some(custody), as_of);
            let facts = CaseFacts { custodian_class: class, ..facts };
            (detainer.name.clone(), self.engine.law(jurisdiction, &facts, now))
        };
        case.concerned().filter(|detainer| stands_on(detainer, custody)).map(law).collect()
    }

    /// What day it is in a jurisdiction, and by which table its law reads charges.
    fn as_of(&self, jurisdiction: &JurisdictionId, now: Timestamp) -> AsOf<'_> {
        AsOf { today: self.zones.date_in(jurisdiction, now), statutes: self.engine.statutes(jurisdiction) }
    }

    /// An agency of the registry.
    pub fn agency(&self, id: &AgencyId) -> Option<&Agency> {
        self.agencies.get(id)
    }

    /// Classes that the issuer of a detainer may be shown of what its custodian did, by the facts and the law of now.
    /// What was committed to be shown is shown no further than this.
    pub fn disclosable(&self, detainer: &Detainer, custody: Option<&Custody>, now: Timestamp) -> IssuerClasses {
        let holder = detainer.custodian.as_ref().or(addressee(detainer));
        // Never by the law of before it was recorded, should the clock step back.
        disclosure::visible_to_issuer(
            detainer,
            &self.of_delivery(detainer, holder, custody, now.max(detainer.updated_at)),
        )
    }

    /// Classes that the law withholds from the issuer of a detainer, with its citations. INVARIANT: judged on what the
    /// issuer itself asked and whom it asked, so that no citation tells it more than its own request does.
    pub fn withheld(&self, detainer: &Detainer, now: Timestamp) -> Arc<[Withheld]> {
        disclosure::withheld(&self.of_delivery(detainer, addressee(detainer), None, now))
    }

    fn of_delivery(
        &self,
        detainer: &Detainer,
        holder: Option<&AgencyId>,
        custody: Option<&Custody>,
        now: Timestamp,
    ) -> LawView {
        let jurisdiction = &detainer.name.jurisdiction;
        let requester = self.requester(detainer);
        let as_of = self.as_of(jurisdiction, now);
        let facts = match custody {
            Some(_) => facts_of_detainer(Stage::Deliver, requester, detainer, custody, as_of),
            // Of what the issuer asked alone.
            None => facts_of(Stage::Deliver, requester, &detainer.request, (None, None), as_of),
        };
        let custodian_class = holder.and_then(|id| self.agencies.get(id)?.class);
        let facts = CaseFacts { custodian_class, ..facts };
        self.engine.law(jurisdiction, &facts, now)
    }

    /// A case as its issuer may be told of it now, with what is withheld listed. `None`: the caller is not its issuer.
    pub fn redacted_for_issuer(&self, caller: &Caller, case: &Case, now: Timestamp) -> Option<Case> {
        let detainer = case.detainer.as_ref().filter(|detainer| detainer.issuer == caller.agency.id)?;
        let mut told = if detainer.anything_disclosed() {
            detainer.redacted_for_issuer(self.disclosable(detainer, case.custody.as_ref(), now))
        } else {
            detainer.clone()
        };
        let withheld = self.withheld(detainer, now);
        // Once more than nothing was told, that it became less shows; by what it did is not said.
        let narrowed = std::mem::take(&mut told.issuer_view.withheld).into_iter();
        let unlisted = narrowed.filter(|one| !withheld.iter().any(|known| known.class == one.class));
        told.issuer_view.withheld = withheld.iter().cloned().chain(unlisted).collect();
        told.issuer_view.withheld.sort_unstable_by_key(|one| one.class);
        told.issuer_view.withheld.dedup_by_key(|one| one.class);
        Some(Case { detainer: Some(told), custody: case.custody.clone(), ..Case::default() })
    }

    /// From where a caller may look at a detainer. `None`: for this caller it does not exist.
    pub fn viewpoint(&self, caller: &Caller, detainer: &Detainer) -> Option<Viewpoint> {
        if !caller.takes_part_in(&detainer.name.jurisdiction) {
            return None;
        }
        if detainer.issuer == caller.agency.id {
            return Some(Viewpoint::Issuer);
        }
        let overseen = caller.agency.kind == AgencyKind::Oversight;
        (overseen || is_addressed_to(detainer, caller)).then_some(Viewpoint::Custodian)
    }

    /// Whether a caller may see a custody: its own, or as oversight of the jurisdiction.
    pub fn may_see_custody(&self, caller: &Caller, custody: &Custody) -> bool {
        caller.takes_part_in(&custody.name.jurisdiction)
            && (custody.custodian == caller.agency.id || caller.agency.kind == AgencyKind::Oversight)
    }

    /// Whether the detainer waits for the caller, in truth: it holds the person, or may.
    pub fn is_custodian_of(&self, caller: &Caller, detainer: &Detainer) -> bool {
        is_addressed_to(detainer, caller)
    }

    /// An agency that holds people in a jurisdiction.
    fn custodian_of(&self, jurisdiction: &JurisdictionId, id: &AgencyId) -> Option<&Agency> {
        let agency = self.agencies.get(id)?;
        (agency.kind.holds_people() && agency.jurisdictions.contains(jurisdiction)).then_some(agency)
    }

    fn requester(&self, detainer: &Detainer) -> AgencyKind {
        self.agencies.get(&detainer.issuer).map_or(AgencyKind::Federal, |agency| agency.kind)
    }
}

/// What of a warrant an officer has verified though it reads otherwise than in the request: such a warrant is refused, or the
/// request is amended; and a document that is said to hold a person beside the request that it came with.
fn told_apart(command: &CaseCommand, case: &Case) -> Vec<ImpossibleTime> {
    if let CaseCommand::VerifyWarrant { verification, .. } = command {
        let asserted = case.detainer.as_ref().map(|detainer| &detainer.request.warrant);
        let differing = asserted.map(|asserted| differing(verification, asserted)).unwrap_or_default();
        let at_fault = |field| ImpossibleTime {
            field: format!("verification.seen.{field}"),
            expected: "what the request says of it, where the warrant is verified: else it is refused",
        };
        return differing.into_iter().map(at_fault).collect();
    }
    let cited = command.other_ground().map(|ground| ground.document_sha256);
    let came_with = |detainer: &Detainer| {
        let found = detainer.verified.as_ref();
        let looked_at = found.map(|found| [&found.asserted, &found.verification.seen]).into_iter().flatten();
        let documents = looked_at.chain([&detainer.request.warrant]);
        documents.filter_map(|warrant| warrant.document.as_ref()).any(|document| Some(document.sha256) == cited)
    };
    let of_a_request = case.linked.iter().any(came_with);
    let at_fault = ImpossibleTime {
        field: "other_ground.document_sha256".to_owned(),
        expected: "another document than the warrant that came with a request",
    };
    of_a_request.then_some(at_fault).into_iter().collect()
}

/// Whom a detainer names.
fn addressee(detainer: &Detainer) -> Option<&AgencyId> {
    match &detainer.request.addressee {
        Addressee::Agency(agency) => Some(agency),
        Addressee::Jurisdiction => None,
    }
}

/// Whether the caller is the one, or one of those, that a detainer waits for.
fn is_addressed_to(detainer: &Detainer, caller: &Caller) -> bool {
    match (&detainer.custodian, &detainer.request.addressee) {
        (Some(agency), _) | (None, Addressee::Agency(agency)) => *agency == caller.agency.id,
        (None, Addressee::Jurisdiction) => caller.agency.kind.holds_people(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::charge::{Charge, ChargeStatus};
    use crate::domain::custody::Intake;
    use crate::domain::detainer::{
        Acknowledgement, DetainerBasis, DetainerForm, DetainerState, Finding, Request, Warrant,
    };
    use crate::domain::determination::Ruling;
    use crate::domain::subject::{Flags, Identifiers, MatchMethod, PersonName, Subject};
    use crate::policy::samples::with_law;

    /// Turns on nothing but the age of a conviction.
    const FIVE_YEARS: &str = r#"
        @id("us-zz.recent") @cite("c") permit (principal, action == Action::"hold", resource)
        when { context.convictions_5y.contains(Offence::"burglary") };
        @id("us-zz.older") @cite("c") forbid (principal, action == Action::"hold", resource)
        when { context.convictions.contains(Offence::"burglary") }
        unless { context.convictions_5y.contains(Offence::"burglary") || context.undated_conviction };
    "#;

    fn convicted(on: Option<&str>) -> Charge {
        Charge {
            statute: None,
            ncic: Some("2299".parse().unwrap()),
            nibrs: None,
            severity: None,
            status: ChargeStatus::Convicted,
            charged_on: None,
            convicted_on: on.map(|day| day.parse().unwrap()),
            sentence_days: None,
        }
    }

    fn somebody() -> Subject {
        Subject {
            name: PersonName { given: String::new(), family: "Quackenbush".to_owned() },
            aliases: Vec::new(),
            birth_date: None,
            sex: None,
            identifiers: Identifiers::default(),
            citizenship: None,
            home_address: None,
            work_address: None,
        }
    }

    /// A detainer that stands on the custody of somebody of whom its custodian knows this.
    fn held(jurisdiction: &JurisdictionId, charge: Charge) -> Case {
        let now = Timestamp::UNIX_EPOCH;
        let request = Request {
            addressee: Addressee::Jurisdiction,
            form: DetainerForm::I247a,
            basis: vec![DetainerBasis::FinalOrder],
            warrant: Warrant::NONE,
            subject: somebody(),
            charges: Vec::new(),
            terrorist_list_match: false,
            flags: Flags::default(),
            contact_phone: None,
            occurred_at: None,
        };
        let name = CaseName::custody(jurisdiction.clone(), Uuid::from_u128(2));
        let intake = Intake {
            facility: "ZZ001".parse().unwrap(),
            subject: somebody(),
            charges: vec![charge],
            flags: Flags::default(),
            occurred_at: None,
            medical_note: None,
            victim_contact: None,
        };
        let custodian: AgencyId = "us-zz-jail".parse().unwrap();
        let custody = Custody::opened(name.clone(), custodian.clone(), intake, now);
        let acknowledgement = Acknowledgement {
            finding: Finding::MatchedCustody,
            custody: Some(name),
            method: Some(MatchMethod::Biometric),
            confidence_percent: None,
            occurred_at: None,
            reason: None,
        };
        let lodged = CaseName::detainer(jurisdiction.clone(), Uuid::from_u128(1));
        let detainer = Detainer {
            custodian: Some(custodian),
            acknowledgement: Some(acknowledgement),
            state: DetainerState::Matched,
            ..Detainer::lodged(lodged, "us-ice".parse().unwrap(), request, now)
        };
        Case { custody: Some(custody), linked: vec![detainer], ..Case::default() }
    }

    #[test]
    fn a_conviction_ages_at_midnight_in_the_jurisdiction_whatever_is_remembered() {
        let jurisdiction: JurisdictionId = "us-zz".parse().unwrap();
        let zones = BTreeMap::from([(jurisdiction.clone(), "America/New_York".to_owned())]);
        let engine = Arc::new(Engine::new(with_law("us-zz", FIVE_YEARS).unwrap()));
        let gate = Gate::new(engine, Arc::default()).with_zones(Zones::with(&zones).unwrap());
        let check = |convicted_on: Option<&str>, now: &str, expected: Ruling| {
            let case = held(&jurisdiction, convicted(convicted_on));
            let name = case.linked[0].name.clone();
            let law = gate.after(&case, now.parse().unwrap()).remove(&name).unwrap();
            assert_eq!(law.hold.ruling, expected, "convicted on {convicted_on:?}, asked at {now}");
        };
        // Twice, so that each question is also answered from memory, and next to the others.
        for _ in 0..2 {
            check(Some("2021-03-10"), "2026-03-09T12:00:00-04:00", Ruling::May);
            check(Some("2021-03-10"), "2026-03-11T03:59:59.999999999Z", Ruling::May);
            check(Some("2021-03-10"), "2026-03-11T04:00:00Z", Ruling::MustNot);
            check(Some("2024-02-29"), "2029-02-28T23:59:59-05:00", Ruling::May);
            check(Some("2024-02-29"), "2029-03-01T00:00:00-05:00", Ruling::MustNot);
            check(None, "2026-03-09T12:00:00-04:00", Ruling::Review);
            check(Some("2026-03-10"), "2026-03-09T23:59:59-04:00", Ruling::Review);
            check(Some("2026-03-10"), "2026-03-10T00:00:00-04:00", Ruling::May);
        }
    }
}

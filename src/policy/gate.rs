//! The gate: may this caller do this to this case, and what does the law say of it?
//!
//! The writer asks once per command (`permit`), with the facts that the case has at that moment. Readers ask what they
//! may see.

mod appeal;
mod denial;
mod facts;
mod hand_over;
mod next_judgment;
mod permit;
#[cfg(test)]
mod possible;
mod question;
mod within;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

pub use appeal::LegalBar;
pub use denial::Denial;
pub use next_judgment::NextJudgment;

use crate::domain::agency::{Agency, AgencyKind, Caller};
use crate::domain::case::Case;
use crate::domain::custody::Custody;
use crate::domain::decide::is_active_on;
use crate::domain::detainer::{Addressee, Detainer, Viewpoint};
use crate::domain::determination::{LawView, Withheld};
use crate::domain::disclosure::{self, IssuerClasses};
use crate::domain::facts::{AsOf, CaseFacts, Stage};
use crate::domain::ids::{AgencyId, CaseName, JurisdictionId};
use crate::domain::zone::Zones;
use crate::policy::engine::{AdmitError, Engine};
use crate::policy::gate::facts::{facts_of, facts_of_detainer};

/// Knows the agencies and asks the law.
#[derive(Debug)]
pub struct Gate {
    engine: Arc<Engine>,
    agencies: Arc<BTreeMap<AgencyId, Arc<Agency>>>,
    since: Option<Timestamp>,
    zones: Zones,
}

impl Gate {
    /// A gate over these agencies and policies.
    pub fn new(engine: Arc<Engine>, agencies: Arc<BTreeMap<AgencyId, Arc<Agency>>>) -> Self {
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

    /// A gate over other agencies, and otherwise the same.
    #[must_use]
    pub fn over(&self, agencies: Arc<BTreeMap<AgencyId, Arc<Agency>>>) -> Self {
        Self { engine: Arc::clone(&self.engine), agencies, zones: self.zones.clone(), since: self.since }
    }

    /// Whether it knows exactly these agencies.
    pub fn is_over(&self, agencies: &BTreeMap<AgencyId, Arc<Agency>>) -> bool {
        *self.agencies == *agencies
    }

    /// The policy set that it asks.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Since when that set is in force in this store. None: its activation was never recorded.
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Whether this kind of caller may call this method at all. Asks the same policy set that answers everything else
    /// here.
    pub fn admit(&self, caller: &Caller, method: &str) -> Result<(), AdmitError> {
        self.engine.admit(caller, method)
    }

    /// Digest of the policy set that this gate asks.
    pub fn digest(&self) -> [u8; 32] {
        self.engine.digest()
    }

    /// The time zone of each jurisdiction. Legal days are counted, and legal clocks run, in this zone only.
    pub fn zones(&self) -> &Zones {
        &self.zones
    }

    /// What the law says of the answer that the custodian may give to each detainer on the custody of a case. The case
    /// is given as the command leaves it.
    pub fn laws_on_answers(&self, case: &Case, now: Timestamp) -> BTreeMap<CaseName, LawView> {
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
        case.concerned().filter(|detainer| is_active_on(detainer, custody)).map(law).collect()
    }

    /// What the law says of a detainer whose custodian did not have the person in time: as of a finding without a custody.
    pub fn law_on_expiry(&self, detainer: &Detainer, now: Timestamp) -> LawView {
        let jurisdiction = &detainer.name.jurisdiction;
        let as_of = self.as_of(jurisdiction, now);
        let facts = facts_of_detainer(Stage::Acknowledge, self.requester(detainer), detainer, None, as_of);
        let custodian_class = detainer.holder().and_then(|id| self.agencies.get(id)?.class);
        self.engine.law(jurisdiction, &CaseFacts { custodian_class, ..facts }, now)
    }

    /// Today's date in a jurisdiction, and the table of offences by which its law reads charges.
    fn as_of(&self, jurisdiction: &JurisdictionId, now: Timestamp) -> AsOf<'_> {
        AsOf { today: self.zones.date_in(jurisdiction, now), statutes: self.engine.statutes(jurisdiction) }
    }

    /// An agency of the registry.
    pub fn agency(&self, id: &AgencyId) -> Option<&Arc<Agency>> {
        self.agencies.get(id)
    }

    /// The field classes that the issuer of a detainer may be shown of what its custodian did, by today's facts and
    /// law. An audience fixed at commit is narrowed to these, and never widened.
    pub fn disclosable(&self, detainer: &Detainer, custody: Option<&Custody>, now: Timestamp) -> IssuerClasses {
        // If the clock steps back, the law is not asked at a time before the detainer's last change.
        disclosure::visible_to_issuer(
            detainer,
            &self.law_on_delivery(detainer, detainer.holder(), custody, now.max(detainer.updated_at)),
        )
    }

    /// The field classes that the law withholds from the issuer of a detainer, with its citations. INVARIANT: judged
    /// only on what the issuer asked and whom it asked, so that no citation tells it more than its own request does.
    pub fn withheld(&self, detainer: &Detainer, now: Timestamp) -> Arc<[Withheld]> {
        disclosure::withheld(&self.law_on_delivery(detainer, addressee(detainer), None, now))
    }

    fn law_on_delivery(
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
            // Only what the issuer asked.
            None => facts_of(Stage::Deliver, requester, &detainer.request, (None, None), as_of),
        };
        let custodian_class = holder.and_then(|id| self.agencies.get(id)?.class);
        let facts = CaseFacts { custodian_class, ..facts };
        self.engine.law(jurisdiction, &facts, now)
    }

    /// A case as its issuer may see it now, with the withheld classes listed. `None`: the caller is not its issuer.
    pub fn redacted_for_issuer(&self, caller: &Caller, case: &Case, now: Timestamp) -> Option<Case> {
        let detainer = case.detainer.as_ref().filter(|detainer| detainer.issuer == caller.agency.id)?;
        let mut redacted = if detainer.anything_disclosed() {
            detainer.redacted_for_issuer(self.disclosable(detainer, case.custody.as_ref(), now))
        } else {
            detainer.clone()
        };
        let withheld = self.withheld(detainer, now);
        // If anything was disclosed before, the reader sees that it was narrowed, but not why.
        let narrowed = std::mem::take(&mut redacted.issuer_view.withheld).into_iter();
        let unlisted = narrowed.filter(|one| !withheld.iter().any(|known| known.class == one.class));
        redacted.issuer_view.withheld = withheld.iter().cloned().chain(unlisted).collect();
        redacted.issuer_view.withheld.sort_unstable_by_key(|one| one.class);
        redacted.issuer_view.withheld.dedup_by_key(|one| one.class);
        Some(Case { detainer: Some(redacted), custody: case.custody.clone(), ..Case::default() })
    }

    /// In which role a caller may look at a detainer. `None`: for this caller the detainer does not exist.
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

    /// A custody as it stands in a caller's own lists: what it holds or oversees, or the record that it keeps of a person whom
    /// it handed on.
    pub fn own_custody<'a>(&self, caller: &Caller, custody: &'a Custody) -> Option<&'a Custody> {
        if self.may_see_custody(caller, custody) {
            return Some(custody);
        }
        custody.record_of(&caller.agency.id).filter(|record| caller.takes_part_in(&record.name.jurisdiction))
    }

    /// A custody as a caller is shown it: one of its own, or one that is offered to it.
    pub fn custody_for<'a>(&self, caller: &Caller, custody: &'a Custody) -> Option<Cow<'a, Custody>> {
        let offered = custody.is_offered_to(&caller.agency.id) && caller.takes_part_in(&custody.name.jurisdiction);
        if offered {
            return Some(Cow::Owned(custody.as_offered()));
        }
        self.own_custody(caller, custody).map(Cow::Borrowed)
    }

    /// Whether a caller may see a custody: it holds the person, or it oversees the jurisdiction.
    pub fn may_see_custody(&self, caller: &Caller, custody: &Custody) -> bool {
        caller.takes_part_in(&custody.name.jurisdiction)
            && (custody.custodian == caller.agency.id || caller.agency.kind == AgencyKind::Oversight)
    }

    /// Whether the detainer is addressed to the caller: it holds the person, or may hold the person.
    pub fn is_custodian_of(&self, caller: &Caller, detainer: &Detainer) -> bool {
        is_addressed_to(detainer, caller)
    }

    /// An agency that holds people in a jurisdiction.
    fn custodian_of(&self, jurisdiction: &JurisdictionId, id: &AgencyId) -> Option<&Arc<Agency>> {
        let agency = self.agencies.get(id)?;
        (agency.kind.holds_people() && agency.jurisdictions.contains(jurisdiction)).then_some(agency)
    }

    fn requester(&self, detainer: &Detainer) -> AgencyKind {
        self.agencies.get(&detainer.issuer).map_or(AgencyKind::Federal, |agency| agency.kind)
    }
}

/// The agency that a detainer names as its addressee, if it names one.
fn addressee(detainer: &Detainer) -> Option<&AgencyId> {
    match &detainer.request.addressee {
        Addressee::Agency(agency) => Some(agency),
        Addressee::Jurisdiction => None,
    }
}

/// Whether a detainer is addressed to the caller, alone or among others.
fn is_addressed_to(detainer: &Detainer, caller: &Caller) -> bool {
    match (&detainer.custodian, &detainer.request.addressee) {
        (Some(agency), _) | (None, Addressee::Agency(agency)) => *agency == caller.agency.id,
        (None, Addressee::Jurisdiction) => caller.agency.kind.holds_people(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::charge::{Charge, ChargeStatus};
    use crate::domain::custody::Intake;
    use crate::domain::detainer::{
        Acknowledgement, DetainerBasis, DetainerForm, DetainerState, Finding, Request, Warrant,
    };
    use crate::domain::determination::Ruling;
    use crate::domain::subject::{Flags, Identifiers, MatchMethod, PersonName, Subject};
    use crate::policy::tests::samples::with_law;

    /// Depends on nothing but the age of a conviction.
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

    /// A case of a detainer on a custody whose custodian knows this charge.
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
            duplicate_of: None,
            ask_again_until: None,
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
            let law = gate.laws_on_answers(&case, now.parse().unwrap()).remove(&name).unwrap();
            assert_eq!(law.hold.ruling, expected, "convicted on {convicted_on:?}, asked at {now}");
        };
        // Twice, so that each question is also answered from the cache, between other questions.
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

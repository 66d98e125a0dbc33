//! One of each: a person, a request, a custody, a law, the agencies that meet. Plain values that tests vary.

use std::collections::BTreeSet;
use std::sync::Arc;

use comity::domain::agency::{Actor, ActorKind, Agency, AgencyClass, AgencyKind, Caller};
use comity::domain::charge::{Charge, ChargeStatus};
use comity::domain::claim::Claim;
use comity::domain::command::CaseCommand;
use comity::domain::correction::Correction;
use comity::domain::custody::{
    ActualRelease, Closing, ClosingReason, Intake, MoveAcceptance, MoveProposal, MovementKind, Place, ReleaseDateBasis,
    ReleaseEligibility, ReleaseEligibilityKind, ReleaseReason, ReleaseRecipient, ScheduledRelease,
};
use comity::domain::detainer::{
    Acknowledgement, Addressee, Answer, AnswerKind, DeclineGround, DetainerBasis, DetainerForm, Finding,
    IssuingAuthority, Request, Warrant, WarrantKind,
};
use comity::domain::determination::{Determination, FieldClasses, LawView, Obligation, Ruling};
use comity::domain::disclosure::DisclosableClasses;
use comity::domain::expungement::{ExpungementKind, ExpungementOrder};
use comity::domain::facts::{AsOf, Assertions, CaseFacts, Offence, Stage};
use comity::domain::ids::{CaseName, JurisdictionId};
use comity::domain::interview::{
    AdvisalMethod, InterviewAdvisal, InterviewAnswer, InterviewMode, InterviewOutcome, InterviewRequest,
};
use comity::domain::obligation::{Evidence, EvidenceMethod};
use comity::domain::review::Ground;
use comity::domain::service::{ServiceMethod, ServiceOfCopy};
use comity::domain::statute::Statutes;
use comity::domain::subject::{Flags, Identifiers, MatchMethod, PersonName, Sex, Subject};
use comity::domain::timetable::Timetable;
use comity::domain::transfer::TransferWindow;
use comity::domain::warrant::{
    VerificationMethod, VerificationOutcome, WarrantDetail, WarrantDocument, WarrantVerification,
};
use comity::domain::{appeal, inbox};
use comity::policy::gate::Gate;
use comity::recorder::Duties;
use comity::recorder::plan::rules::Rules;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Words that must never be found where nothing personal may be.
pub(crate) const CANARIES: [&str; 6] =
    ["Zebulon", "Quackenbush", "Quigley", "079314159", "Ferdinand-Avenue", "Statute-7391"];

/// How long a custodian has for an answer, unless a test says otherwise.
pub(crate) const ANSWER_WITHIN: SignedDuration = SignedDuration::from_hours(48);

/// A time to begin at.
pub(crate) fn start() -> Timestamp {
    "2026-02-01T12:00:00Z".parse().unwrap()
}

/// When what has happened did, just before.
pub(crate) fn happened_at() -> Timestamp {
    "2026-02-01T11:57:00Z".parse().unwrap()
}

pub(crate) fn jurisdiction() -> JurisdictionId {
    "us-ny".parse().unwrap()
}

/// An officer of an agency: `ice`, `cbp`, `doccs` (a state prison), `nassau` and `erie` (county jails), `comptroller`
/// (oversight). Each takes part in New York and Texas.
pub(crate) fn officer(agency: &str) -> Caller {
    let (id, kind, class) = match agency {
        "ice" => ("us-ice", AgencyKind::Federal, None),
        "cbp" => ("us-cbp", AgencyKind::Federal, None),
        "doccs" => ("us-ny-doccs", AgencyKind::State, Some(AgencyClass::StatePrison)),
        "nassau" => ("us-ny-nassau", AgencyKind::County, Some(AgencyClass::CountyJail)),
        "erie" => ("us-ny-erie", AgencyKind::County, Some(AgencyClass::CountyJail)),
        "comptroller" => ("us-ny-comptroller", AgencyKind::Oversight, None),
        unknown => panic!("no sample agency {unknown}"),
    };
    let jurisdictions: BTreeSet<_> = ["us-ny", "us-tx"].map(|id| id.parse().unwrap()).into();
    let pseudonym = "0123456789abcdef0123456789abcdef".parse().unwrap();
    Caller {
        agency: Agency { id: id.parse().unwrap(), kind, class, jurisdictions }.into(),
        actor: Some(Actor { pseudonym, kind: ActorKind::Officer }),
    }
}

/// Everybody that [`officer`] knows.
pub(crate) const AGENCIES: [&str; 6] = ["ice", "cbp", "doccs", "nassau", "erie", "comptroller"];

pub(crate) fn subject() -> Subject {
    Subject {
        name: PersonName { given: "Zebulon".to_owned(), family: "Quackenbush".to_owned() },
        aliases: vec![PersonName { given: String::new(), family: "Quigley".to_owned() }],
        birth_date: Some("1987-06-05".parse().unwrap()),
        sex: Some(Sex::Male),
        identifiers: Identifiers { alien_number: Some("079314159".parse().unwrap()), ..Identifiers::default() },
        citizenship: Some("CAN".parse().unwrap()),
        home_address: None,
        work_address: None,
    }
}

pub(crate) fn charge() -> Charge {
    Charge {
        statute: Some("Statute-7391".to_owned()),
        ncic: Some("1399".parse().unwrap()),
        nibrs: None,
        severity: None,
        status: ChargeStatus::Pending,
        charged_on: None,
        convicted_on: None,
        sentence_days: None,
    }
}

/// A request addressed to one of [`AGENCIES`], or to the jurisdiction.
pub(crate) fn request(addressee: Option<&str>) -> Request {
    Request {
        addressee: addressee
            .map_or(Addressee::Jurisdiction, |agency| Addressee::Agency(officer(agency).agency.id.clone())),
        form: DetainerForm::I247a,
        basis: vec![DetainerBasis::FinalOrder],
        warrant: Warrant {
            kind: WarrantKind::I205,
            issuing_authority: IssuingAuthority::ImmigrationOfficer,
            document: Some(WarrantDocument { sha256: [5; 32], media_type: "application/pdf".to_owned() }),
            ..Warrant::NONE
        },
        subject: subject(),
        charges: vec![charge()],
        terrorist_list_match: false,
        flags: Flags::default(),
        contact_phone: Some("Ferdinand-Avenue".to_owned()),
        occurred_at: Some("2026-01-31T12:00:00Z".parse().unwrap()),
    }
}

pub(crate) fn intake() -> Intake {
    Intake {
        facility: "NY029".parse().unwrap(),
        subject: subject(),
        charges: vec![charge()],
        flags: Flags::default(),
        occurred_at: Some("2026-01-21T12:00:00Z".parse().unwrap()),
        medical_note: None,
        victim_contact: None,
    }
}

pub(crate) fn found(finding: Finding, custody: Option<&CaseName>) -> Acknowledgement {
    Acknowledgement {
        finding,
        custody: custody.cloned(),
        method: Some(MatchMethod::Biometric),
        confidence_percent: Some(99),
        occurred_at: None,
        reason: None,
        duplicate_of: None,
        ask_again_until: (finding == Finding::NotInCustody).then(|| "2026-06-01".parse().unwrap()),
    }
}

pub(crate) fn answer(kind: AnswerKind) -> Answer {
    Answer {
        kind,
        ground: (kind == AnswerKind::Decline).then_some(DeclineGround::ProhibitedByLaw),
        legal_basis: "8 CFR 287.7(a)".to_owned(),
        reason: Some("decided by a person who knew of Quigley".to_owned()),
        occurred_at: None,
    }
}

pub(crate) fn scheduled() -> ScheduledRelease {
    ScheduledRelease {
        expected_at: "2026-03-01T12:00:00Z".parse().unwrap(),
        basis: ReleaseDateBasis::Projected,
        as_of: None,
        date_public: false,
        place: None,
    }
}

pub(crate) fn eligibility() -> ReleaseEligibility {
    ReleaseEligibility { kind: ReleaseEligibilityKind::Parole, eligible_on: "2027-03-01".parse().unwrap(), as_of: None }
}

pub(crate) fn released() -> ActualRelease {
    ActualRelease {
        released_at: happened_at(),
        reason: ReleaseReason::SentenceServed,
        recipient: ReleaseRecipient::Community,
        ordered_by: "Parole board".to_owned(),
        date_public: false,
        place: None,
    }
}

/// An ordinary request, as the law sees it.
pub(crate) fn facts() -> CaseFacts {
    let asked = request(None);
    let (today, statutes) = (start().to_zoned(TimeZone::UTC).date(), Statutes::default());
    let as_of = AsOf { today, statutes: &statutes };
    CaseFacts {
        stage: Stage::Answer,
        requester_kind: AgencyKind::Federal,
        custodian_class: Some(AgencyClass::CountyJail),
        form: asked.form,
        asks_for_hold: asked.form.asks_for_hold(),
        basis: asked.basis.into_iter().collect(),
        warrant: asked.warrant.kind,
        final_order: false,
        date_public: false,
        match_disputed: false,
        record: Assertions { offences: [Offence::of(&charge(), as_of)].into(), ..Assertions::default() },
        asserted: Assertions::default(),
    }
}

/// A law that rules on handing over as it does on holding, and lets these classes be shown.
pub(crate) fn law(hold: Ruling, notify: Ruling, disclosable: FieldClasses) -> LawView {
    let ruled = |ruling, policy: &str| {
        Arc::new(Determination {
            ruling,
            policies: vec![policy.to_owned()],
            citations: vec!["a statute".to_owned()],
            obligations: vec![Obligation::ServeCopy, Obligation::RecordInFile],
            reviews: if ruling == Ruling::Review { vec!["a person decides".to_owned()] } else { Vec::new() },
            failed: false,
            unverified: false,
            clock: None,
            on_receipt: Vec::new(),
        })
    };
    LawView {
        hold: ruled(hold, "sample.hold"),
        notify: ruled(notify, "sample.notify"),
        transfer: ruled(hold, "sample.transfer"),
        interview: ruled(hold, "sample.interview"),
        disclosable: DisclosableClasses::by_law(disclosable),
        review: FieldClasses::NONE,
        withheld: Arc::default(),
        disclosure: vec![ruled(Ruling::May, "sample.disclose")],
        policy_digest: [7; 32],
        facts: Arc::new(facts()),
        judged_at: start(),
    }
}

pub(crate) fn correction() -> Correction {
    Correction { reason: "it was Quigley's cousin".to_owned() }
}

/// What an officer decides a review on.
pub(crate) fn ground() -> Ground {
    Ground { reason: "Quigley was asked".to_owned(), citation: Some("a statute".to_owned()) }
}

/// That an obligation was met.
pub(crate) fn evidence() -> Evidence {
    Evidence { method: EvidenceMethod::InPerson, met_at: start(), note: Some("Quigley was told".to_owned()) }
}

/// What a batch is planned by, as a gateway does that is told nothing else.
pub(crate) fn rules<'a>(gate: &'a Gate, timetable: &'a Timetable) -> Rules<'a> {
    let (duties, limits, appeal_limits) = (Duties::default(), inbox::Limits::default(), appeal::Limits::default());
    Rules { gate, timetable, duties, limits, appeal_limits }
}

/// An officer found the warrant to be what it is said to be.
pub(crate) fn verification() -> WarrantVerification {
    WarrantVerification {
        outcome: VerificationOutcome::Verified,
        method: VerificationMethod::DocketChecked,
        compared: vec![WarrantDetail::Subject, WarrantDetail::Docket, WarrantDetail::DocumentHash],
        seen: judges_warrant(),
        final_order_seen: false,
        reason: None,
        occurred_at: None,
    }
}

/// A federal judge's.
pub(crate) fn judges_warrant() -> Warrant {
    Warrant {
        kind: WarrantKind::Judicial,
        issuing_authority: IssuingAuthority::FederalJudge,
        signed_at: Some(start()),
        court: Some("W.D.N.Y.".to_owned()),
        signer: Some("a magistrate judge".to_owned()),
        docket: Some("26-mj-0001".to_owned()),
        document: Some(WarrantDocument { sha256: [6; 32], media_type: "application/pdf".to_owned() }),
        ..Warrant::NONE
    }
}

pub(crate) fn service() -> ServiceOfCopy {
    ServiceOfCopy {
        served_at: start(),
        method: ServiceMethod::InPerson,
        language: "es".parse().unwrap(),
        copy_sha256: [7; 32],
        counsel_told: true,
    }
}

/// What an issuer asks that would speak with the person.
pub(crate) fn interview_request() -> InterviewRequest {
    InterviewRequest { mode: InterviewMode::Video, language: "es".parse().unwrap(), proposed_at: None }
}

/// What the person says, who was advised in writing; or that the custodian declines.
pub(crate) fn interview_answer(outcome: InterviewOutcome) -> InterviewAnswer {
    let advisal = InterviewAdvisal {
        advised_at: start(),
        method: AdvisalMethod::Written,
        language: "es".parse().unwrap(),
        form_sha256: Some([9; 32]),
    };
    InterviewAnswer {
        outcome,
        advisal: Some(advisal).filter(|_| outcome != InterviewOutcome::Declined),
        counsel_told: outcome == InterviewOutcome::ConsentedWithCounsel,
        starts_at: None,
        reason: Some("Quigley was asked".to_owned()),
    }
}

pub(crate) fn claim() -> Claim {
    Claim { occurred_at: Some(start()), grounds: Some("Quigley was born here".to_owned()) }
}

/// A movement of each kind; to another agency, an offer to this one.
pub(crate) fn moving(custody: CaseName, kind: MovementKind, next: &str) -> CaseCommand {
    let to = match kind {
        MovementKind::Facility => Place::Facility("NY030".parse().unwrap()),
        MovementKind::Hospital => Place::Hospital,
        MovementKind::Court => Place::Court,
        MovementKind::Agency => return CaseCommand::OfferMove { custody, proposal: proposal(next) },
    };
    CaseCommand::MoveCustody { custody, to, occurred_at: None }
}

/// To an agency, as the tests begin.
pub(crate) fn proposal(next: &str) -> MoveProposal {
    MoveProposal { to: officer(next).agency.id.clone(), facility: None, planned_at: start() }
}

/// How the person was taken over.
pub(crate) fn taking_over(custody: CaseName) -> CaseCommand {
    let acceptance =
        MoveAcceptance { occurred_at: happened_at(), facility: "NY031".parse().unwrap(), booking_number: None };
    CaseCommand::AcceptMove { custody, acceptance }
}

pub(crate) fn closing() -> Closing {
    Closing { reason: ClosingReason::Escape, occurred_at: happened_at() }
}

/// By a court.
pub(crate) fn expungement_order() -> ExpungementOrder {
    let (kind, authority) = (ExpungementKind::Sealing, "N.Y. CPL 160.50".to_owned());
    ExpungementOrder { kind, authority, document_sha256: [9; 32] }
}

/// A window that opens as the tests begin.
pub(crate) fn window(open_mins: i64) -> TransferWindow {
    let closes_at = start().checked_add(SignedDuration::from_mins(open_mins)).unwrap();
    TransferWindow { opens_at: start(), closes_at, facility: "NY029".parse().unwrap() }
}

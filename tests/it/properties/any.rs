//! Any value of the domain that the wire can carry.
//!
//! Texts begin with a mark of the field class they belong to, so that a test can look for them where they must not be.

use comity::domain::charge::Charge;
use comity::domain::claim::Claim;
use comity::domain::correction::Correction;
use comity::domain::custody::{
    ActualRelease, Closing, Custody, Destination, Identity, Intake, MoveAcceptance, MoveOffer, MoveProposal, Movement,
    MovementKind, Place, ReleaseEligibility, ScheduledRelease, Standing,
};
use comity::domain::detainer::{
    Acknowledgement, Addressee, Answer, AnswerKind, Detainer, DetainerBasis, Finding, IssuingAuthority, Request,
    Warrant, WarrantKind,
};
use comity::domain::determination::{FieldClass, FieldClasses, LawView, Ruling};
use comity::domain::hand_over::HandedTo;
use comity::domain::ids::{AgencyId, BookingNumber, CaseName, FacilityCode, LanguageTag};
use comity::domain::interview::{
    AdvisalMethod, Interview, InterviewAdvisal, InterviewAnswer, InterviewOutcome, InterviewRequest,
};
use comity::domain::partial_date::PartialDate;
use comity::domain::service::ServiceOfCopy;
use comity::domain::subject::{Flags, Identifiers, PersonName, Subject};
use comity::domain::text::TextKind;
use comity::domain::transfer::{Transfer, TransferName, TransferWindow};
use comity::domain::vocabulary::Vocabulary;
use comity::domain::warrant::WarrantDocument;
use jiff::Timestamp;
use jiff::civil::Date;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::fmt::Debug;
use std::str::FromStr;
use uuid::Uuid;

use crate::sample;

pub(super) mod events;

pub(super) use events::{facts, record};

/// The marks, and the class each belongs to.
pub(super) const MARKS: [(&str, FieldClass); 15] = [
    ("Nm-", FieldClass::Identity),
    ("Bk-", FieldClass::Identifiers),
    ("QQQ", FieldClass::Citizenship),
    ("St-", FieldClass::Charges),
    ("FFACIL", FieldClass::Custody),
    ("custodies/", FieldClass::Custody),
    ("Zz-", FieldClass::Custody),
    ("Lb-", FieldClass::Answer),
    ("Rs-", FieldClass::Restricted),
    ("Ob-", FieldClass::ReleaseDetail),
    ("Ph-", FieldClass::Contact),
    ("Pl-", FieldClass::Determination),
    ("Ad-", FieldClass::Address),
    ("Lc-", FieldClass::ReleasePlace),
    ("Md-", FieldClass::Medical),
];

pub(super) fn word<V: Vocabulary + Debug>() -> impl Strategy<Value = V> {
    select(V::VARIANTS)
}

fn id<T: FromStr<Err: Debug> + Debug>(pattern: &'static str) -> impl Strategy<Value = T> {
    pattern.prop_map(|text| text.parse().unwrap())
}

/// A text that holds no mark but its own, no hyphen and no Q after it, as it is kept.
fn text(mark: &'static str) -> impl Strategy<Value = String> {
    let (of, rest) = match mark {
        "Nm-" | "Sg-" => (TextKind::Name, "[ '(),./0-9A-PR-Za-zÀ-ÖØ-öø-ÿ]{0,12}"),
        "Ph-" => (TextKind::Phone, "[ #(),./0-9:;*+A-PR-Za-z]{0,11}[0-9]"),
        "Dk-" => (TextKind::Code, "[ -,.-PR-~]{0,12}"),
        _ => (TextKind::Reason, "[ -,.-PR-~À-ÿ]{0,12}"),
    };
    rest.prop_map(move |rest| of.read(&format!("{mark}{rest}"), 20).unwrap().unwrap())
}

pub(super) fn time() -> impl Strategy<Value = Timestamp> {
    (0_i64..=4_102_444_799, 0_i32..1_000_000_000).prop_map(|(seconds, nanos)| Timestamp::new(seconds, nanos).unwrap())
}

fn date() -> impl Strategy<Value = Date> {
    (1850_i16..2100, 1_i8..=12, 1_i8..=28).prop_map(|(year, month, day)| Date::new(year, month, day).unwrap())
}

/// A birth, of which the day, or day and month, may be unknown.
fn partial_date() -> impl Strategy<Value = PartialDate> {
    (date(), select(vec![4_usize, 7, 10])).prop_map(|(date, known)| date.to_string()[..known].parse().unwrap())
}

pub(super) fn detainer_name() -> impl Strategy<Value = CaseName> {
    any::<u128>().prop_map(|id| CaseName::detainer(sample::jurisdiction(), Uuid::from_u128(id)))
}

pub(super) fn custody_name() -> impl Strategy<Value = CaseName> {
    any::<u128>().prop_map(|id| CaseName::custody(sample::jurisdiction(), Uuid::from_u128(id)))
}

pub(super) fn agency() -> impl Strategy<Value = AgencyId> {
    id("[a-z][a-z0-9]{1,5}(-[a-z0-9]{1,6}){0,3}")
}

fn person_name() -> impl Strategy<Value = PersonName> {
    (prop_oneof![Just(String::new()), text("Nm-")], text("Nm-"))
        .prop_map(|(given, family)| PersonName { given, family })
}

/// A booking number of some agency.
pub(super) fn booking_number() -> impl Strategy<Value = BookingNumber> {
    id("Bk-[A-Za-z0-9]{0,17}")
}

pub(super) fn subject() -> impl Strategy<Value = Subject> {
    let identifiers = (
        option::of(id("[0-9]{7,9}")),
        option::of(id("[A-PR-Z0-9]{1,9}")),
        option::of(id("[A-PR-Z]{2}[A-PR-Z0-9]{1,8}")),
        option::of(booking_number()),
        option::of(id("[0-9]{2}(-[A-PR-Z]-|[A-PR-Z])[0-9]{4}")),
    )
        .prop_map(|(alien_number, fbi_number, state_id, booking_number, din)| Identifiers {
            alien_number,
            fbi_number,
            state_id,
            booking_number,
            din,
        });
    (
        person_name(),
        vec(person_name(), 0..4),
        option::of(partial_date()),
        option::of(word()),
        identifiers,
        option::of(id("QQQ")),
        option::of(text("Ad-")),
        option::of(text("Ad-")),
    )
        .prop_map(|(name, aliases, birth_date, sex, identifiers, citizenship, home_address, work_address)| {
            Subject { name, aliases, birth_date, sex, identifiers, citizenship, home_address, work_address }
        })
}

pub(super) fn charge() -> impl Strategy<Value = Charge> {
    let codes = (option::of(id("[0-9]{4}")), option::of(id("[0-9]{2}[A-PR-Z0-9]")));
    let dates = (option::of(date()), option::of(date()), option::of(1_u32..=100_000));
    (option::of(text("St-")), codes, option::of(word()), word(), dates).prop_map(
        |(statute, (ncic, nibrs), severity, status, (charged_on, convicted_on, sentence_days))| Charge {
            statute,
            ncic,
            nibrs,
            severity,
            status,
            charged_on,
            // What has come to no conviction has no day of one.
            convicted_on: convicted_on.filter(|_| status.may_follow_conviction()),
            sentence_days,
        },
    )
}

pub(super) fn flags() -> impl Strategy<Value = Flags> {
    any::<[bool; 8]>().prop_map(|flags| Flags {
        citizenship_claim: flags[0],
        proof_of_status: flags[1],
        juvenile: flags[2],
        victim_witness: flags[3],
        protected_program: flags[4],
        citizen: flags[5],
        lawful_status: flags[6],
        terrorist_list_match: flags[7],
        sealed: false,
    })
}

fn warrant() -> impl Strategy<Value = Warrant> {
    let judge = select(vec![IssuingAuthority::FederalJudge, IssuingAuthority::StateJudge]);
    let document =
        any::<[u8; 32]>().prop_map(|sha256| WarrantDocument { sha256, media_type: "application/pdf".to_owned() });
    let paper = (
        option::of(text("Ct-")),
        option::of(text("Sg-")),
        option::of(text("Dk-")),
        option::of(date()),
        option::of(document),
    );
    (word(), judge, option::of(time()), any::<bool>(), paper).prop_map(|(kind, judge, signed_at, criminal, paper)| {
        let issuing_authority = match kind {
            WarrantKind::None => IssuingAuthority::None,
            WarrantKind::I200 | WarrantKind::I205 => IssuingAuthority::ImmigrationOfficer,
            WarrantKind::Judicial => judge,
        };
        let (court, signer, docket, expires_on, document) = paper;
        let criminal = criminal && issuing_authority.is_judge();
        let document = document.filter(|_| kind != WarrantKind::None);
        Warrant { kind, issuing_authority, signed_at, criminal, court, signer, docket, expires_on, document }
    })
}

pub(super) fn request() -> impl Strategy<Value = Request> {
    let lent = DetainerBasis::CustodyLent;
    let cause: Vec<DetainerBasis> = DetainerBasis::ALL.iter().copied().filter(|basis| *basis != lent).collect();
    let basis = prop_oneof![Just(vec![lent]), subsequence(cause, 1..=4)];
    let addressee = option::of(agency()).prop_map(|agency| agency.map_or(Addressee::Jurisdiction, Addressee::Agency));
    let rest = (flags(), option::of(text("Ph-")), option::of(time()), any::<bool>());
    (addressee, word(), basis, warrant(), subject(), vec(charge(), 0..4), rest).prop_map(
        |(addressee, form, basis, warrant, subject, charges, (flags, contact_phone, occurred_at, listed))| Request {
            addressee,
            form,
            basis,
            warrant,
            subject,
            charges,
            terrorist_list_match: listed,
            flags,
            contact_phone,
            occurred_at,
        },
    )
}

fn facility() -> impl Strategy<Value = FacilityCode> {
    id("FFACIL[A-PR-Z0-9]{0,6}")
}

pub(super) fn intake() -> impl Strategy<Value = Intake> {
    let notes = (option::of(text("Md-")), option::of(text("Rs-")));
    (facility(), subject(), vec(charge(), 0..4), flags(), option::of(time()), notes).prop_map(
        |(facility, subject, charges, flags, occurred_at, (medical_note, victim_contact))| Intake {
            facility,
            subject,
            charges,
            flags,
            occurred_at,
            medical_note,
            victim_contact,
        },
    )
}

pub(super) fn acknowledgement() -> impl Strategy<Value = Acknowledgement> {
    let sure = (option::of(word()), option::of(1_u32..=100));
    // What a custodian may say: that the person was not found in time the gateway records.
    let said = Finding::ALL.iter().copied().filter(|finding| *finding != Finding::NotFoundInTime);
    let said = select(said.collect::<Vec<_>>());
    (said, (custody_name(), detainer_name()), sure, (option::of(time()), date()), option::of(text("Rs-"))).prop_map(
        |(finding, (custody, other), (method, confidence_percent), (occurred_at, until), reason)| Acknowledgement {
            finding,
            custody: (finding == Finding::MatchedCustody).then_some(custody),
            method,
            confidence_percent,
            occurred_at,
            reason,
            duplicate_of: (finding == Finding::Duplicate).then_some(other),
            ask_again_until: (finding == Finding::NotInCustody).then_some(until),
        },
    )
}

pub(super) fn answer() -> impl Strategy<Value = Answer> {
    (word(), word(), text("Lb-"), option::of(text("Rs-")), option::of(time())).prop_map(
        |(kind, ground, legal_basis, reason, occurred_at)| Answer {
            kind,
            ground: (kind == AnswerKind::Decline).then_some(ground),
            legal_basis,
            reason,
            occurred_at,
        },
    )
}

pub(super) fn scheduled() -> impl Strategy<Value = ScheduledRelease> {
    (time(), word(), option::of(time()), any::<bool>(), option::of(text("Lc-"))).prop_map(
        |(expected_at, basis, as_of, date_public, place)| ScheduledRelease {
            expected_at,
            basis,
            as_of,
            date_public,
            place,
        },
    )
}

pub(super) fn released() -> impl Strategy<Value = ActualRelease> {
    (time(), word(), word(), text("Ob-"), any::<bool>(), option::of(text("Lc-"))).prop_map(
        |(released_at, reason, recipient, ordered_by, date_public, place)| ActualRelease {
            released_at,
            reason,
            recipient,
            ordered_by,
            date_public,
            place,
        },
    )
}

pub(super) fn correction() -> impl Strategy<Value = Correction> {
    reason().prop_map(|reason| Correction { reason })
}

/// Why a person decided, departed or corrected.
pub(super) fn reason() -> impl Strategy<Value = String> {
    text("Rs-")
}

pub(super) fn handed_to() -> impl Strategy<Value = HandedTo> {
    let reason = option::of(reason());
    (option::of(detainer_name()), reason).prop_map(|(detainer, reason)| HandedTo { detainer, reason })
}

pub(super) fn claim() -> impl Strategy<Value = Claim> {
    (option::of(time()), option::of(reason())).prop_map(|(occurred_at, grounds)| Claim { occurred_at, grounds })
}

pub(super) fn interview_request() -> impl Strategy<Value = InterviewRequest> {
    (word(), language(), option::of(time())).prop_map(|(mode, language, proposed_at)| InterviewRequest {
        mode,
        language,
        proposed_at,
    })
}

/// As a request may say it.
pub(super) fn interview_answer() -> impl Strategy<Value = InterviewAnswer> {
    let advisal = (time(), language(), option::of(prop::array::uniform32(1_u8..255))).prop_map(
        |(advised_at, language, form_sha256)| {
            let method = form_sha256.map_or(AdvisalMethod::Oral, |_| AdvisalMethod::Written);
            InterviewAdvisal { advised_at, method, language, form_sha256 }
        },
    );
    (word(), advisal, any::<bool>(), option::of(time()), option::of(reason())).prop_map(
        |(outcome, advisal, counsel_told, starts_at, reason)| InterviewAnswer {
            outcome,
            advisal: Some(advisal).filter(|_| outcome != InterviewOutcome::Declined),
            counsel_told: counsel_told || outcome == InterviewOutcome::ConsentedWithCounsel,
            starts_at: starts_at.filter(|_| outcome.consents()),
            reason,
        },
    )
}

pub(super) fn interview() -> impl Strategy<Value = Interview> {
    let told_as = option::of(select(vec![FieldClass::Custody, FieldClass::Answer]));
    (interview_request(), time(), any::<bool>(), option::of(interview_answer()), told_as).prop_map(
        |(request, requested_at, is_withdrawn, answer, told_as)| Interview {
            request,
            requested_at,
            is_withdrawn,
            answer,
            told_as,
        },
    )
}

fn language() -> impl Strategy<Value = LanguageTag> {
    id("Zz-[A-PR-Z]{4}")
}

pub(super) fn service() -> impl Strategy<Value = ServiceOfCopy> {
    (time(), word(), language(), any::<[u8; 32]>(), any::<bool>()).prop_map(
        |(served_at, method, language, copy_sha256, counsel_told)| ServiceOfCopy {
            served_at,
            method,
            language,
            copy_sha256,
            counsel_told,
        },
    )
}

/// As a custodian corrects it: without a claim to citizenship.
pub(super) fn identity() -> impl Strategy<Value = Identity> {
    (subject(), flags())
        .prop_map(|(subject, flags)| Identity { subject, flags: Flags { citizenship_claim: false, ..flags } })
}

/// A movement that is recorded within an agency, and where a request would have the person moved.
pub(super) fn place() -> impl Strategy<Value = Place> {
    prop_oneof![facility().prop_map(Place::Facility), Just(Place::Hospital), Just(Place::Court)]
}

pub(super) fn proposal() -> impl Strategy<Value = MoveProposal> {
    (agency(), option::of(facility()), time()).prop_map(|(to, facility, planned_at)| MoveProposal {
        to,
        facility,
        planned_at,
    })
}

pub(super) fn acceptance() -> impl Strategy<Value = MoveAcceptance> {
    (time(), facility(), option::of(booking_number()))
        .prop_map(|(occurred_at, facility, booking_number)| MoveAcceptance { occurred_at, facility, booking_number })
}

pub(super) fn move_offer() -> impl Strategy<Value = MoveOffer> {
    let standing = (0..4_usize, 0..4_usize, 0..4_usize, 0..4_usize)
        .prop_map(|(detainers, holds, notices, pick_ups)| Standing { detainers, holds, notices, pick_ups });
    (word(), proposal(), option::of(word()), standing, time()).prop_map(
        |(state, proposal, decline_reason, standing, offered_at)| {
            let offered_by = "0123456789abcdef0123456789abcdef".parse().unwrap();
            MoveOffer { state, proposal, decline_reason, standing, offered_by, offered_at }
        },
    )
}

pub(super) fn movement() -> impl Strategy<Value = Movement> {
    (word(), facility(), agency(), option::of(time())).prop_map(|(kind, facility, custodian, occurred_at)| {
        let to = match kind {
            MovementKind::Facility => Destination::Facility(facility),
            MovementKind::Hospital => Destination::Hospital,
            MovementKind::Court => Destination::Court,
            MovementKind::Agency => Destination::Agency(custodian, facility),
        };
        Movement { to, occurred_at }
    })
}

pub(super) fn closing() -> impl Strategy<Value = Closing> {
    (word(), time()).prop_map(|(reason, occurred_at)| Closing { reason, occurred_at })
}

pub(super) fn window() -> impl Strategy<Value = TransferWindow> {
    let times = (time(), time()).prop_filter("it closes after it opens", |(one, other)| one != other);
    (times, facility()).prop_map(|((one, other), facility)| TransferWindow {
        opens_at: one.min(other),
        closes_at: one.max(other),
        facility,
    })
}

pub(super) fn eligibility() -> impl Strategy<Value = ReleaseEligibility> {
    (word(), date(), option::of(time())).prop_map(|(kind, eligible_on, as_of)| ReleaseEligibility {
        kind,
        eligible_on,
        as_of,
    })
}

pub(super) fn transfer() -> impl Strategy<Value = Transfer> {
    let told = (option::of(word()), option::of(word()), option::of(word()), option::of(time()), option::of(time()));
    (any::<u128>(), word(), window(), told, time(), option::of(text("Md-"))).prop_map(
        |(id, state, window, told, now, medical_note)| {
            let (decline_reason, failure_cause, window_change, handed_over_at, taken_over_at) = told;
            Transfer {
                medical_note,
                state,
                decline_reason,
                failure_cause,
                window_change,
                handed_over_at,
                taken_over_at,
                ..Transfer::offered(Uuid::from_u128(id), window, now)
            }
        },
    )
}

pub(super) fn transfer_name() -> impl Strategy<Value = TransferName> {
    (detainer_name(), any::<u128>()).prop_map(|(detainer, id)| TransferName { detainer, id: Uuid::from_u128(id) })
}

/// A detainer just lodged.
pub(super) fn lodged() -> impl Strategy<Value = Detainer> {
    (detainer_name(), agency(), request(), time())
        .prop_map(|(name, issuer, request, now)| Detainer::lodged(name, issuer, request, now))
}

/// A custody just opened.
pub(super) fn opened() -> impl Strategy<Value = Custody> {
    (custody_name(), agency(), intake(), time())
        .prop_map(|(name, custodian, intake, now)| Custody::opened(name, custodian, intake, now))
}

pub(super) fn classes() -> impl Strategy<Value = FieldClasses> {
    prop_oneof![
        1 => Just(FieldClasses::NONE),
        1 => Just(FieldClasses::all()),
        3 => any::<u32>().prop_map(FieldClasses::from_bits),
    ]
}

/// Any law, whose rule on notice may be one of two.
pub(super) fn law() -> impl Strategy<Value = LawView> {
    let rule = select(vec!["sample.notify", "sample.notify-too"]);
    (word(), word(), rule, classes(), classes()).prop_map(|(hold, notify, rule, disclosable, review)| LawView {
        notify: events::determination(notify, vec![rule.to_owned()]),
        review: review.without(disclosable),
        disclosure: vec![
            events::determination(Ruling::May, vec!["sample.disclose".to_owned()]),
            events::determination(Ruling::Review, vec![format!("{rule}-disclosure")]),
        ],
        ..sample::law(hold, notify, disclosable)
    })
}

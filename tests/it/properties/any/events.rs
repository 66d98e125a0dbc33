//! Any event that an entry can record.

use std::sync::Arc;

use comity::domain::agency::AgencyClass;
use comity::domain::appeal::{Appeal, AppealAnswer, Bars, Filter};
use comity::domain::claim::Side;
use comity::domain::clocks::Firing;
use comity::domain::custody::{Custody, OtherGround};
use comity::domain::determination::{Determination, FieldClass, LawAction, Obligation, OnReceipt, Ruling};
use comity::domain::event::{Change, Counts, Disclosure, Event, Record, RecordedDetermination, Revision};
use comity::domain::expungement::ExpungementOrder;
use comity::domain::facts::{Assertions, CaseFacts, Offence};
use comity::domain::ids::{AgencyId, CaseName, LogKind};
use comity::domain::interview::Interview;
use comity::domain::obligation::{Evidence, OwedObligation};
use comity::domain::review::{Basis, Ground, Review};
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use crate::properties::any::{
    acknowledgement, agency, answer, booking_number, charge, claim, closing, correction, custody_name, detainer_name,
    eligibility, handed_to, identity, interview_answer, interview_request, lodged, move_offer, movement, opened,
    reason, released, scheduled, service, subject, text, time, transfer, transfer_name, word,
};

/// Each kind apart: the generator of all of them in one is larger than a stack.
fn event() -> impl Strategy<Value = Event> {
    prop_oneof![9 => said(), 9 => entered(), 7 => told(), 3 => of_appeals(), 3 => duties()]
}

fn by() -> impl Strategy<Value = (CaseName, AgencyId)> {
    (detainer_name(), agency())
}

fn disclosure() -> impl Strategy<Value = Disclosure> {
    select(vec![Disclosure::ToIssuer, Disclosure::Internal])
}

fn side() -> impl Strategy<Value = Side> {
    select(vec![Side::Issuer, Side::Custodian])
}

/// What the parties to a detainer say.
fn said() -> BoxedStrategy<Event> {
    prop_oneof![
        lodged().prop_map(|detainer| Event::DetainerLodged(Box::new(detainer))),
        lodged().prop_map(|detainer| Event::DetainerAmended(Box::new(detainer))),
        (by(), acknowledgement(), option::of(correction()), disclosure()).prop_map(
            |((detainer, custodian), acknowledgement, correction, disclosure)| Event::DetainerAcknowledged {
                detainer,
                custodian,
                acknowledgement,
                correction,
                disclosure,
            }
        ),
        (by(), answer(), option::of(correction()), disclosure()).prop_map(
            |((detainer, custodian), answer, correction, disclosure)| Event::DetainerAnswered {
                detainer,
                custodian,
                answer,
                correction,
                disclosure,
            }
        ),
        (detainer_name(), service(), option::of(correction()), disclosure()).prop_map(
            |(detainer, service, correction, disclosure)| Event::CopyServed {
                detainer,
                service,
                correction,
                disclosure
            }
        ),
        (detainer_name(), interview_request(), time()).prop_map(|(detainer, request, now)| {
            Event::InterviewRequested { detainer, interview: Interview::requested(request, now) }
        }),
        interview_answered(),
        detainer_name().prop_map(|detainer| Event::InterviewWithdrawn { detainer }),
        (detainer_name(), side(), claim(), disclosure()).prop_map(|(detainer, side, claim, disclosure)| {
            Event::CitizenshipClaimRaised { detainer, side, claim, disclosure }
        }),
        (detainer_name(), side(), word(), reason(), disclosure()).prop_map(
            |(detainer, side, outcome, reason, disclosure)| Event::CitizenshipClaimResolved {
                detainer,
                side,
                outcome,
                reason,
                disclosure,
            }
        ),
        (detainer_name(), transfer(), option::of(reason()))
            .prop_map(|(detainer, transfer, reason)| Event::TransferRecorded { detainer, transfer, reason }),
        (detainer_name(), word()).prop_map(|(detainer, reason)| Event::DetainerWithdrawn { detainer, reason }),
    ]
    .boxed()
}

fn interview_answered() -> impl Strategy<Value = Event> {
    let revision = any::<bool>().prop_map(|corrects| if corrects { Revision::Corrected } else { Revision::First });
    let revealed_class = select(vec![FieldClass::Custody, FieldClass::Answer]);
    (detainer_name(), interview_answer(), revealed_class, revision, disclosure()).prop_map(
        |(detainer, answer, revealed_class, revision, disclosure)| Event::InterviewAnswered {
            detainer,
            answer,
            revealed_class,
            revision,
            disclosure,
        },
    )
}

/// What a custodian enters of a stay.
fn entered() -> BoxedStrategy<Event> {
    prop_oneof![
        (opened(), vec(detainer_name(), 0..3))
            .prop_map(|(custody, asked_again)| { Event::CustodyOpened { custody: Box::new(custody), asked_again } }),
        (custody_name(), vec(charge(), 0..4), option::of(other_ground()))
            .prop_map(|(custody, charges, other_ground)| { Event::ChargesUpdated { custody, charges, other_ground } }),
        (custody_name(), identity(), correction()).prop_map(|(custody, identity, correction)| {
            Event::IdentityCorrected { custody, identity: Box::new(identity), correction }
        }),
        (custody_name(), movement(), option::of(booking_number())).prop_map(|(custody, movement, booking_number)| {
            Event::CustodyMoved { custody, movement, booking_number }
        }),
        (opened(), move_offer()).prop_map(|(custody, offer)| {
            Event::MoveOffered { custody: Box::new(Custody { offer: Some(offer), ..custody }) }
        }),
        (custody_name(), move_offer()).prop_map(|(custody, offer)| Event::MoveOfferEnded { custody, offer }),
        (custody_name(), scheduled()).prop_map(|(custody, release)| Event::ReleaseScheduled { custody, release }),
        (custody_name(), scheduled()).prop_map(|(custody, release)| Event::ReleaseRescheduled { custody, release }),
        (custody_name(), eligibility())
            .prop_map(|(custody, eligibility)| Event::EligibilityRecorded { custody, eligibility }),
        (custody_name(), option::of(reason()), option::of(other_ground()))
            .prop_map(|(custody, reason, other_ground)| Event::ReleaseCancelled { custody, reason, other_ground }),
        (custody_name(), released(), option::of(correction()), handed_to())
            .prop_map(|(custody, release, correction, to)| Event::ReleaseRecorded { custody, release, correction, to }),
        (custody_name(), option::of(transfer_name()), vec(detainer_name(), 0..3))
            .prop_map(|(custody, transfer, detainers)| Event::UnlawfulHandOver { custody, transfer, detainers }),
        (custody_name(), closing(), option::of(other_ground()))
            .prop_map(|(custody, closing, other_ground)| Event::CustodyClosed { custody, closing, other_ground }),
        (custody_name(), correction()).prop_map(|(custody, correction)| Event::CustodyReopened { custody, correction }),
        (custody_name(), expungement_order(), vec(detainer_name(), 0..3))
            .prop_map(|(custody, order, detainers)| Event::CustodyExpunged { custody, order, detainers }),
        detainer_name().prop_map(|detainer| Event::DetainerExpunged { detainer }),
    ]
    .boxed()
}

/// What an issuer is told of a custody.
fn told() -> BoxedStrategy<Event> {
    let change = prop_oneof![
        vec(charge(), 0..4).prop_map(Change::Charges),
        subject().prop_map(|subject| Change::Identity(Box::new(subject))),
        movement().prop_map(Change::Movement),
        closing().prop_map(Change::Closing),
    ];
    prop_oneof![
        (detainer_name(), scheduled()).prop_map(|(detainer, release)| Event::ReleaseNoticed { detainer, release }),
        (detainer_name(), eligibility(), disclosure()).prop_map(|(detainer, eligibility, disclosure)| {
            Event::EligibilityNoticed { detainer, eligibility, disclosure }
        }),
        (detainer_name(), released(), select(vec![Revision::First, Revision::Corrected]))
            .prop_map(|(detainer, release, revision)| Event::DetainerReleased { detainer, release, revision }),
        (detainer_name(), change, disclosure()).prop_map(|(detainer, change, disclosure)| Event::CustodyNoticed {
            detainer,
            change,
            disclosure
        }),
        detainer_name().prop_map(|detainer| Event::NoticeCancelled { detainer }),
        detainer_name().prop_map(|detainer| Event::DetainerReopened { detainer }),
        firing().prop_map(Event::ClockFired),
    ]
    .boxed()
}

/// What a custodian decides and owes.
fn duties() -> BoxedStrategy<Event> {
    prop_oneof![
        detainer_name().prop_map(|detainer| Event::PromiseSuspended { detainer }),
        (detainer_name(), review()).prop_map(|(detainer, review)| Event::ReviewOpened { detainer, review }),
        (detainer_name(), review()).prop_map(|(detainer, review)| Event::ReviewResolved { detainer, review }),
        (detainer_name(), owed()).prop_map(|(detainer, owed)| Event::ObligationMet { detainer, owed }),
    ]
    .boxed()
}

fn review() -> impl Strategy<Value = Box<Review>> {
    let basis = (custody_name(), agency(), any::<[u32; 3]>(), vec(text("Pl-"), 0..3));
    let basis = basis.prop_map(|(custody, custodian, [request_version, described, guarded], policies)| Basis {
        custody,
        custodian,
        request_version,
        described,
        guarded,
        policies,
    });
    let ground = option::of((reason(), option::of(text("Ci-"))));
    let ground = ground.prop_map(|ground| ground.map(|(reason, citation)| Ground { reason, citation }));
    (word(), word(), basis, vec(text("Gr-"), 0..3), ground, [time(), time(), time()], any::<u64>()).prop_map(
        |(matter, state, basis, grounds, ground, [opened_at, due_at, updated_at], version)| {
            let citations = grounds.clone();
            Box::new(Review {
                matter,
                state,
                basis,
                grounds,
                citations,
                ground,
                opened_at,
                due_at,
                updated_at,
                version,
            })
        },
    )
}

fn owed() -> impl Strategy<Value = Box<OwedObligation>> {
    let evidence = option::of((word(), time(), option::of(text("No-"))));
    let evidence = evidence.prop_map(|met| met.map(|(method, met_at, note)| Evidence { method, met_at, note }));
    (word(), agency(), vec(text("Ci-"), 0..3), [time(), time()], evidence, any::<(u64, bool)>()).prop_map(
        |(obligation, custodian, citations, [since, due_at], evidence, (version, on_receipt))| {
            Box::new(OwedObligation {
                obligation,
                custodian,
                citations,
                request_version: 1,
                since,
                due_at,
                evidence,
                on_receipt,
                version,
            })
        },
    )
}

fn firing() -> impl Strategy<Value = Firing> {
    let case = prop_oneof![detainer_name(), custody_name()];
    let due_at = scheduled().prop_map(|release| release.expected_at);
    (case, word(), any::<u128>(), due_at, any::<u32>(), option::of(word())).prop_map(
        |(case, clock, about, due_at, times, hold_clock)| Firing {
            case,
            clock,
            about: Uuid::from_u128(about).to_string(),
            due_at,
            times,
            hold_clock,
        },
    )
}

/// Another ground, as it is cited.
pub(crate) fn expungement_order() -> impl Strategy<Value = ExpungementOrder> {
    (word(), reason(), any::<[u8; 32]>()).prop_map(|(kind, authority, document_sha256)| ExpungementOrder {
        kind,
        authority,
        document_sha256,
    })
}

pub(crate) fn other_ground() -> impl Strategy<Value = OtherGround> {
    (reason(), any::<[u8; 32]>()).prop_map(|(citation, document_sha256)| OtherGround { citation, document_sha256 })
}

/// What is demanded over many detainers, and answered to that.
fn of_appeals() -> BoxedStrategy<Event> {
    let ids = || vec(any::<u128>().prop_map(Uuid::from_u128), 0..4);
    let filter = (option::of(time()), option::of(agency()), btree_set(word(), 0..3))
        .prop_map(|(lodged_from, custodian, states)| Filter { states, lodged_from, custodian, ..Filter::default() });
    let appeal = (any::<u128>(), agency(), time(), agency()).prop_map(|(id, issuer, due_at, custodian)| Appeal {
        name: CaseName::appeal(crate::sample::jurisdiction(), Uuid::from_u128(id)),
        issuer,
        ground: "a ground".to_owned(),
        due_at,
        size: 7,
        custodians: [custodian].into(),
        to_jurisdiction: false,
        issued_at: due_at,
    });
    let answer = (word(), option::of(reason()), option::of(time())).prop_map(|(kind, reason, occurred_at)| {
        AppealAnswer { kind, legal_basis: "a statute".to_owned(), reason, occurred_at }
    });
    let revealed_class = select(vec![FieldClass::Answer, FieldClass::Custody, FieldClass::ReleaseDate]);
    let revision = select(vec![Revision::First, Revision::Corrected]);
    prop_oneof![
        (appeal, ids(), option::of(filter)).prop_map(|(appeal, members, filter)| Event::AppealIssued {
            appeal: Box::new(appeal),
            members,
            filter
        }),
        (detainer_name(), detainer_name(), answer, revealed_class, revision, disclosure()).prop_map(
            |(appeal, detainer, answer, revealed_class, revision, disclosure)| Event::AppealAnswered {
                appeal,
                detainer,
                answer,
                revealed_class,
                revision,
                disclosure,
            }
        ),
        (detainer_name(), agency(), word(), ids()).prop_map(|(appeal, custodian, action, detainers)| {
            let determination = determination(Ruling::MustNot, Vec::new());
            let also = vec![LawAction::Transfer];
            Event::AppealBarred { appeal, custodian, bars: vec![Bars { action, also, determination, detainers }] }
        }),
    ]
    .boxed()
}

fn counts() -> impl Strategy<Value = Counts> {
    let request = (option::of(word()), option::of(word()), option::of(word()));
    let class = option::of(word::<AgencyClass>());
    (request, option::of(word()), option::of(word()), class, option::of(any::<i64>())).prop_map(
        |((form, warrant, issuing_authority), offence, charge_status, custodian_class, lead_time_seconds)| Counts {
            form,
            warrant,
            issuing_authority,
            offence,
            charge_status,
            custodian_class,
            lead_time_seconds,
        },
    )
}

fn offence() -> impl Strategy<Value = Offence> {
    let paragraph = select(&["7282.5(a)(1)", "Appendix A"][..]).prop_map(|paragraph| paragraph.parse().unwrap());
    (word(), word(), option::of(word()), word(), btree_set(paragraph, 0..3), word()).prop_map(
        |(category, status, severity, age, listed, reading)| Offence {
            category,
            status,
            severity,
            age,
            listed,
            reading,
        },
    )
}

/// Anything that a side may say.
fn assertions() -> impl Strategy<Value = Assertions> {
    (word(), btree_set(offence(), 0..4), any::<[bool; 8]>()).prop_map(|(judge, offences, flags)| Assertions {
        judge,
        criminal_warrant: flags[0],
        terrorist_list_match: flags[1],
        offences,
        citizenship_claim: flags[2],
        citizen: flags[3],
        lawful_status: flags[4],
        juvenile: flags[5],
        sealed: flags[6],
        protected: flags[7],
    })
}

/// Any facts at all.
pub(in crate::properties) fn facts() -> impl Strategy<Value = CaseFacts> {
    let who = (word(), word(), option::of(word()), word());
    let what = (btree_set(word(), 0..3), word(), assertions(), assertions());
    (who, what, any::<[bool; 4]>()).prop_map(|(who, what, flags)| CaseFacts {
        stage: who.0,
        requester_kind: who.1,
        custodian_class: who.2,
        form: who.3,
        asks_for_hold: flags[0],
        basis: what.0,
        warrant: what.1,
        final_order: flags[1],
        date_public: flags[2],
        match_disputed: flags[3],
        record: what.2,
        asserted: what.3,
    })
}

/// Any event with whatever an entry says of it.
pub(in crate::properties) fn record() -> impl Strategy<Value = Record> {
    let determination = (detainer_name(), word(), word(), vec(text("Pl-"), 0..3), facts(), time()).prop_map(
        |(detainer, action, ruling, policies, facts, judged_at)| RecordedDetermination {
            detainer,
            action,
            determination: determination(ruling, policies),
            facts: Arc::new(facts),
            judged_at,
        },
    );
    (event(), detainer_name(), counts(), vec(determination, 0..3)).prop_map(
        |(event, resource, counts, determinations)| Record {
            event,
            log: LogKind::Exchange,
            resource,
            audience: Vec::new(),
            counts,
            determinations,
            policy_digest: None,
        },
    )
}

pub(in crate::properties) fn determination(ruling: Ruling, policies: Vec<String>) -> Arc<Determination> {
    let texts = Vec::new;
    let (citations, obligations, reviews) = (texts(), Vec::new(), texts());
    let (failed, clock, unverified) = (false, None, false);
    let on_receipt = vec![OnReceipt { obligation: Obligation::ServeCopy, citations: vec!["Ci-".to_owned()] }];
    Arc::new(Determination { ruling, policies, citations, obligations, reviews, failed, clock, unverified, on_receipt })
}

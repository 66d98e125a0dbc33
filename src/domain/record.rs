//! How an event is recorded: in which log, for which audience, with which counts and determinations.

use std::sync::Arc;

use crate::domain::agency::Caller;
use crate::domain::case::Case;
use crate::domain::claim::Side;
use crate::domain::command::CaseCommand;
use crate::domain::custody::Custody;
use crate::domain::detainer::{Addressee, Detainer};
use crate::domain::determination::{Determination, FieldClass, FieldClasses, LawAction, LawView};
use crate::domain::disclosure::visible_by_law;
use crate::domain::event::{Counts, Disclosure, Event, Party, Record, RecordedDetermination, Revision, retraction};
use crate::domain::ids::{AgencyId, CaseName, LogKind};
use crate::domain::permit::Permitted;
use crate::domain::transfer::TransferName;

/// What the issuer learns of an event that reveals a class, if these classes are disclosed to it.
pub(super) fn disclosure_of(disclosed: FieldClasses, revealed_class: FieldClass) -> Disclosure {
    if disclosed == FieldClasses::NONE {
        Disclosure::Internal
    } else if disclosed.contains(revealed_class) {
        Disclosure::ToIssuer
    } else {
        Disclosure::Retraction
    }
}

/// The classes of an event that are disclosed to the issuer: if the event reveals a class that it may see, all that it may
/// see, else none. If the event corrects something that was disclosed before, the issuer learns at least that this no
/// longer holds.
pub(super) fn disclosed_classes(
    detainer: &Detainer,
    law: &LawView,
    revealed_class: FieldClass,
    revision: Revision,
) -> FieldClasses {
    let classes = visible_by_law(detainer, law);
    match revision {
        _ if classes.contains(revealed_class) => classes,
        Revision::First => FieldClasses::NONE,
        Revision::Corrected => retraction(),
    }
}

/// The side of a detainer that the caller is on.
pub(super) fn side_of(detainer: &Detainer, caller: &Caller) -> Side {
    if detainer.issuer == caller.agency.id { Side::Issuer } else { Side::Custodian }
}

/// Records what the issuer says of its own detainer. The issuer may read it back, and the other side sees it.
pub(super) fn from_issuer(detainer: &Detainer, law: Option<&LawView>, event: Event) -> Record {
    Record {
        log: LogKind::Exchange,
        resource: detainer.name.clone(),
        audience: audience_of(detainer, &holder_known_to_issuer(detainer), FieldClasses::all()),
        counts: Counts::of_request(detainer),
        determinations: law.map_or_else(Vec::new, |law| holding_and_notice(&detainer.name, law)),
        policy_digest: law.map(|law| law.policy_digest),
        event,
    }
}

/// Records that what the issuer was told no longer stands.
pub(super) fn retraction_record(detainer: &Detainer, event: Event) -> Record {
    Record {
        log: LogKind::Exchange,
        resource: detainer.name.clone(),
        audience: audience_of(detainer, &holder(detainer), retraction()),
        counts: Counts::of_request(detainer),
        determinations: Vec::new(),
        policy_digest: None,
        event,
    }
}

/// Records a transfer. Both sides know all of it but the rulings, and why a person decided it.
pub(super) fn of_transfer(detainer: &Detainer, law: Option<&LawView>, event: Event) -> Record {
    // At delivery the law is asked whether any of it may still be disclosed.
    let disclosed = [FieldClass::Count, FieldClass::Custody, FieldClass::Medical].into_iter().collect();
    let determination = |law: &LawView| recorded(&detainer.name, law, LawAction::Transfer, &law.transfer);
    Record {
        log: LogKind::Exchange,
        resource: detainer.name.clone(),
        audience: audience_of(detainer, &holder(detainer), disclosed),
        counts: Counts::of_request(detainer),
        determinations: law.map(determination).into_iter().collect(),
        policy_digest: law.map(|law| law.policy_digest),
        event,
    }
}

/// Records an event about a detainer, in the log and for the audience that the law allows. `disclosed` are the issuer's
/// classes. If there are none, the entry itself stays within the jurisdiction.
pub(super) fn about_detainer(
    detainer: &Detainer,
    custodian: &Party,
    law: &LawView,
    disclosed: FieldClasses,
    counts: Counts,
    event: Event,
) -> Record {
    Record {
        event,
        log: if disclosed == FieldClasses::NONE { LogKind::Custody } else { LogKind::Exchange },
        resource: detainer.name.clone(),
        audience: audience_of(detainer, custodian, disclosed),
        counts,
        determinations: determinations(&detainer.name, law),
        policy_digest: Some(law.policy_digest),
    }
}

/// Records that a clock of a detainer ran out. This depends on what the custodian did, which may not have been
/// disclosed to the issuer, so it stays within the jurisdiction.
pub(super) fn of_clock(detainer: &Detainer, event: Event) -> Record {
    Record {
        event,
        log: LogKind::Custody,
        resource: detainer.name.clone(),
        audience: audience_of(detainer, &holder(detainer), FieldClasses::NONE),
        counts: Counts::of_request(detainer),
        determinations: Vec::new(),
        policy_digest: None,
    }
}

/// Records an event about a custody. It stays within the jurisdiction.
pub(super) fn about_custody(
    custody: &Custody,
    counts: Counts,
    determinations: Vec<RecordedDetermination>,
    policy_digest: Option<[u8; 32]>,
    event: Event,
) -> Record {
    Record {
        event,
        log: LogKind::Custody,
        resource: custody.name.clone(),
        audience: vec![
            (Party::Agency(custody.custodian.clone()), FieldClasses::all()),
            (Party::Oversight, FieldClasses::all()),
        ],
        counts,
        determinations,
        policy_digest,
    }
}

/// Records what the custodian decides or owes on a detainer. The issuer never learns of it.
pub(super) fn internal_about_detainer(
    detainer: &Detainer,
    custodian: AgencyId,
    policy_digest: Option<[u8; 32]>,
    event: Event,
) -> Record {
    Record {
        event,
        log: LogKind::Custody,
        resource: detainer.name.clone(),
        audience: vec![(Party::Agency(custodian), FieldClasses::all()), (Party::Oversight, FieldClasses::all())],
        counts: Counts::default(),
        determinations: Vec::new(),
        policy_digest,
    }
}

/// The issuer with the classes disclosed to it; custodian and oversight with all classes.
fn audience_of(detainer: &Detainer, custodian: &Party, disclosed: FieldClasses) -> Vec<(Party, FieldClasses)> {
    let mut audience = vec![(custodian.clone(), FieldClasses::all()), (Party::Oversight, FieldClasses::all())];
    if disclosed != FieldClasses::NONE {
        audience.push((Party::Agency(detainer.issuer.clone()), disclosed));
    }
    audience
}

/// The agency that holds the person, or every custodian that may.
fn holder(detainer: &Detainer) -> Party {
    party(detainer.custodian.as_ref(), &detainer.request.addressee)
}

/// The agency that holds the person as far as the issuer knows. What the issuer says goes to these parties only: a
/// confirmation of delivery by another agency would reveal who holds the person.
fn holder_known_to_issuer(detainer: &Detainer) -> Party {
    party(detainer.issuer_view.custodian.as_ref(), &detainer.request.addressee)
}

fn party(custodian: Option<&AgencyId>, addressee: &Addressee) -> Party {
    match (custodian, addressee) {
        (Some(agency), _) | (None, Addressee::Agency(agency)) => Party::Agency(agency.clone()),
        (None, Addressee::Jurisdiction) => Party::Custodians,
    }
}

/// Facts for statistics. The custodian's charges are among them only if charges are disclosed to the issuer, because the
/// counts would reveal them.
pub(super) fn counts(
    detainer: &Detainer,
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    disclosed: FieldClasses,
) -> Counts {
    let counts = Counts { custodian_class: permitted.caller().agency.class, ..Counts::of_request(detainer) };
    let custody = case.custody.as_ref().filter(|_| disclosed.contains(FieldClass::Charges));
    custody.map_or(counts, |custody| counts.with_custody(custody))
}

pub(super) fn holding_and_notice(name: &CaseName, law: &LawView) -> Vec<RecordedDetermination> {
    vec![recorded(name, law, LawAction::Hold, &law.hold), recorded(name, law, LawAction::Notify, &law.notify)]
}

/// The ruling on an interview.
pub(super) fn interview_ruling(name: &CaseName, law: &LawView) -> RecordedDetermination {
    recorded(name, law, LawAction::Interview, &law.interview)
}

fn recorded(
    name: &CaseName,
    law: &LawView,
    action: LawAction,
    determination: &Arc<Determination>,
) -> RecordedDetermination {
    RecordedDetermination {
        detainer: name.clone(),
        action,
        determination: Arc::clone(determination),
        facts: Arc::clone(&law.facts),
        judged_at: law.judged_at,
    }
}

/// Every determination on a detainer, those on disclosure included.
pub(super) fn determinations(name: &CaseName, law: &LawView) -> Vec<RecordedDetermination> {
    let mut all = holding_and_notice(name, law);
    all.extend(law.disclosure.iter().map(|determination| recorded(name, law, LawAction::Disclose, determination)));
    all
}

/// Records a hand-over to a requester that the law did not allow, under some detainers or under none. It stays within
/// the jurisdiction.
pub(super) fn unlawful_hand_over(
    custody: &Custody,
    permitted: &Permitted<CaseCommand>,
    transfer: Option<&TransferName>,
    under: &[&Detainer],
) -> Record {
    let laws = || under.iter().filter_map(|detainer| Some((&detainer.name, permitted.law(&detainer.name)?)));
    let event = Event::UnlawfulHandOver {
        custody: custody.name.clone(),
        transfer: transfer.cloned(),
        detainers: under.iter().map(|detainer| detainer.name.clone()).collect(),
    };
    let determinations = laws().map(|(name, law)| recorded(name, law, LawAction::Transfer, &law.transfer)).collect();
    about_custody(custody, Counts::default(), determinations, laws().map(|(_, law)| law.policy_digest).next(), event)
}

/// The rulings on hold and notice for each detainer that the law was asked about.
pub(super) fn rulings_on_all(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
) -> (Vec<RecordedDetermination>, Option<[u8; 32]>) {
    rulings_on_all_and_transfer(case, permitted, &[])
}

/// The same, with the rulings on transfer for the detainers under which the person may have been handed over.
pub(super) fn rulings_on_all_and_transfer(
    case: &Case,
    permitted: &Permitted<CaseCommand>,
    handed_over_under: &[&Detainer],
) -> (Vec<RecordedDetermination>, Option<[u8; 32]>) {
    let laws = case.linked.iter().filter_map(|detainer| Some((&detainer.name, permitted.law(&detainer.name)?)));
    let mut digest = None;
    let mut all = Vec::new();
    for (name, law) in laws {
        digest = Some(law.policy_digest);
        all.extend(holding_and_notice(name, law));
        if handed_over_under.iter().any(|detainer| detainer.name == *name) {
            all.push(recorded(name, law, LawAction::Transfer, &law.transfer));
        }
    }
    (all, digest)
}

//! What the gate answers, as counsel would say it: read off the table of the field and the nine packs, switches as they
//! are shipped, and off who may call what. Plain, without Cedar, and at most a hundred lines of code.

use comity::domain::agency::AgencyKind::{City, County, Federal, Operator, Oversight, State as StateKind};
use comity::domain::agency::{ActorKind, AgencyClass};
use comity::domain::charge::OffenceCategory::{Drugs, Homicide, Other, Robbery, Sexual};
use comity::domain::determination::Ruling::{self, May, Must, MustNot, Review};

use crate::reference::cell::{Cell, Guard, Role, State, Verdict, Warranted, no_crime};

pub(super) fn counsel(cell: &Cell<'_>) -> Verdict {
    if !admitted(cell) {
        return Verdict::NotAdmitted;
    }
    let (service, method) = cell.method.split_once('/').unwrap();
    let writes = matches!(service, "DetainerService" | "CustodyService" | "TransferService");
    if !writes || method.starts_with("Get") || method.starts_with("List") {
        return Verdict::Admitted;
    }
    let (issuer, holder) = (cell.role == Role::Issuer, cell.role == Role::Custodian);
    // Until somebody takes it on, a detainer for the jurisdiction waits for each of its custodians.
    let custodian = if cell.named || cell.matched { holder } else { cell.kind.holds_people() };
    let (officer, found) = (cell.actor == Some(ActorKind::Officer), cell.way == "matched-custody");
    let speaks = match method {
        "LodgeDetainer" | "OpenCustody" => true,
        "AmendDetainer" | "WithdrawDetainer" | "AcceptWindow" | "DeclineWindow" => issuer,
        "RaiseCitizenshipClaim" | "ResolveCitizenshipClaim" | "ConfirmTransfer" | "ReportFailure" => {
            issuer || custodian
        }
        "AcknowledgeDetainer" => custodian && (holder || !(cell.matched || found)),
        "AnswerDetainer" | "RecordServiceOfCopy" | "OfferWindow" => custodian,
        _ => holder,
    };
    let lifts_safeguard = method == "ResolveCitizenshipClaim"
        || (method == "UpdateCharges" && cell.state.guard == Guard::Sealed)
        || (method == "CorrectIdentity" && cell.state.guard == Guard::Juvenile);
    let law_is_asked = match method {
        "OpenCustody" | "WithdrawDetainer" => false,
        "AcceptWindow" | "DeclineWindow" | "ConfirmTransfer" | "ReportFailure" => false,
        "RaiseCitizenshipClaim" | "ResolveCitizenshipClaim" => !issuer,
        _ => cell.matched || service == "DetainerService" || service == "TransferService",
    };
    let law @ [hold, notify, transfer, custody] = rulings(cell.jurisdiction, class(cell), &known(cell));
    let barred = |act: &str, ruling| match ruling {
        MustNot => Some(format!("forbidden: {act}")),
        Review if !(officer && cell.reasoned) => Some(format!("review required: {act}")),
        Review | May | Must => None,
    };
    let left = |act: &str, ruling| (ruling == Must && !cell.reasoned).then(|| format!("reason required: {act}"));
    let denial = match (method, cell.way) {
        _ if cell.role == Role::Outsider => Some("no such jurisdiction".to_owned()),
        _ if !speaks => Some("not found".to_owned()),
        _ if lifts_safeguard && !officer => Some("officer required".to_owned()),
        ("AnswerDetainer", "honor-hold") => barred("hold", hold).or_else(|| barred("notify", notify)),
        ("AnswerDetainer", "notify-only") => barred("notify", notify).or_else(|| left("hold", hold)),
        ("AnswerDetainer", _) => left("hold", hold).or_else(|| left("notify", notify)),
        ("OfferWindow", _) => barred("transfer", transfer).or_else(|| barred("disclose", custody)),
        _ => None,
    };
    denial.map_or(Verdict::Permitted(law_is_asked.then_some(law)), Verdict::Denied)
}

fn admitted(cell: &Cell<'_>) -> bool {
    let (token, federal) = (cell.actor.is_some(), cell.kind == Federal);
    let custodian = matches!(cell.kind, StateKind | County | City);
    let (party, oversight, operator) = (federal || custodian, cell.kind == Oversight, cell.kind == Operator);
    match cell.method.split_once('/').unwrap() {
        ("grpc.health.v1.Health", _) => true,
        ("grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection", _) => operator,
        ("LedgerService", "GetCheckpoint" | "ProveInclusion" | "ProveConsistency") => party || oversight,
        _ if !token => false,
        ("LedgerService", _) | (_, "GetDetainer" | "ListDetainers") => party || oversight,
        (_, "GetCustody" | "ListCustodies") => custodian || oversight,
        ("InboxService", "GetBacklog") => party || operator,
        ("InboxService", _) | (_, "RaiseCitizenshipClaim" | "ResolveCitizenshipClaim") => party,
        (_, "ConfirmTransfer" | "ReportFailure") => party,
        (_, "LodgeDetainer" | "AmendDetainer" | "WithdrawDetainer" | "AcceptWindow" | "DeclineWindow") => federal,
        ("CustodyService", _) | (_, "AcknowledgeDetainer" | "AnswerDetainer" | "RecordServiceOfCopy") => custodian,
        (_, "OfferWindow") => custodian,
        _ => false,
    }
}

/// Of whom the law is asked: whoever the detainer names, and once it is done, whoever the person is with.
fn class(cell: &Cell<'_>) -> Option<AgencyClass> {
    match (cell.method, cell.way) {
        ("DetainerService/LodgeDetainer" | "DetainerService/AmendDetainer", _) => cell.class.filter(|_| cell.named),
        ("CustodyService/MoveCustody", "agency") => Some(AgencyClass::CountyJail),
        _ => cell.class,
    }
}

/// What is known when the law is asked: of what the custodian knows, nothing until the person is matched.
fn known(cell: &Cell<'_>) -> State {
    let State { guard, proof, .. } = *cell.state;
    let asserted = State { crime: no_crime(), guard: Guard::None, proof: false, public: false, ..*cell.state };
    match (cell.method.split_once('/').unwrap().1, cell.way) {
        ("LodgeDetainer" | "AmendDetainer", _) | ("AcknowledgeDetainer", "no-such-person") => asserted,
        (method, way) if !cell.matched && !(method == "AcknowledgeDetainer" && way == "matched-custody") => asserted,
        ("RaiseCitizenshipClaim", _) => State { guard: Guard::Claim, ..*cell.state },
        ("ResolveCitizenshipClaim", way) => {
            let guard = if guard == Guard::Claim { Guard::None } else { guard };
            State { guard, proof: proof || way == "confirmed", ..*cell.state }
        }
        ("UpdateCharges", _) if guard == Guard::Sealed => {
            State { crime: no_crime(), guard: Guard::None, ..*cell.state }
        }
        ("UpdateCharges", _) => State { crime: no_crime(), ..*cell.state },
        ("CorrectIdentity", _) if guard == Guard::Juvenile => State { guard: Guard::None, ..*cell.state },
        ("CancelRelease", _) => State { public: false, ..*cell.state },
        _ => *cell.state,
    }
}

/// On holding, notifying, handing over, and telling that the person is held.
fn rulings(jurisdiction: &str, class: Option<AgencyClass>, state: &State) -> [Ruling; 4] {
    let (crime, judge) = (&state.crime, matches!(state.warrant, Warranted::ByJudge | Warranted::OnCrime));
    let (felony, convicted, undated) = (crime.felony, crime.convicted, crime.convicted && crime.undated);
    let (last_5y, last_15y) = (crime.last_5_years, crime.last_15_years);
    let prison = class == Some(AgencyClass::StatePrison);
    let violent = felony && crime.group != Drugs && crime.group != Other;
    let same = |notify| [notify, notify, notify];
    let (hold, [notify, transfer, custody]) = match jurisdiction {
        "us-ny" => (if judge { May } else { MustNot }, same(if judge || prison { May } else { Review })),
        "us-ny-nyc" => {
            let may_be_held = if !judge {
                MustNot
            } else if state.listed || (violent && convicted && last_5y) {
                May
            } else if undated {
                Review
            } else {
                MustNot
            };
            let notify = if state.after_the_acts && may_be_held == May { Review } else { may_be_held };
            match (prison, judge) {
                (true, true) => (Review, same(Review)),
                (true, false) => (MustNot, same(Review)),
                (false, _) => (may_be_held, [notify, may_be_held, notify]),
            }
        }
        "us-ca" => {
            let listed = crime.group != Other;
            let grave = matches!(crime.group, Homicide | Sexual | Robbery);
            let opens = convicted && ((felony && (grave || (listed && last_15y))) || (listed && last_5y));
            let held_to_answer = crime.held_to_answer && listed && crime.group != Drugs;
            let else_ = if judge || undated { Review } else { MustNot };
            let notify = if opens || held_to_answer || state.public { May } else { else_ };
            let transfer = if opens { May } else { else_ };
            if prison { (Review, same(Review)) } else { (MustNot, [notify, transfer, notify]) }
        }
        "us-il" if state.warrant == Warranted::OnCrime => (May, same(May)),
        "us-il" => {
            let notify = if state.public { Review } else { MustNot };
            (MustNot, [notify, MustNot, notify])
        }
        "us-nj" if judge => (Must, [Must, Must, May]),
        "us-nj" => {
            let group = (violent && (crime.open || convicted)) || (felony && convicted && last_5y);
            let open = state.final_order || undated;
            let notify = if group {
                May
            } else if open {
                Review
            } else {
                MustNot
            };
            (if group || open { Review } else { MustNot }, [notify, Review, notify])
        }
        "us-co" => {
            let notify = match class {
                Some(AgencyClass::CountyJail) => May,
                Some(AgencyClass::Probation) => MustNot,
                Some(AgencyClass::StatePrison | AgencyClass::CityJail) | None => Review,
            };
            (if judge { May } else { MustNot }, [notify, if judge { May } else { Review }, notify])
        }
        "us-wa" => {
            let notify = if judge || prison { Review } else { MustNot };
            (notify, [notify, Review, notify])
        }
        "us-tx" if state.proof => (MustNot, [Review, MustNot, May]),
        "us-tx" => (Must, [Must, Must, May]),
        "us-fl" => {
            let sufficient = state.warrant != Warranted::Not && !state.lent;
            let hold = if state.proof {
                MustNot
            } else if sufficient {
                Must
            } else {
                Review
            };
            let (notify, custody) = if state.proof { (Review, Review) } else { (Must, May) };
            (hold, [notify, Review, custody])
        }
        _ => (Review, same(Review)),
    };
    // Nobody is held whom nobody asked to hold; and where a safeguard stands, a person decides what is not forbidden.
    let hold = if state.asks_for_hold { hold } else { MustNot };
    let guarded = |ruling| if state.guard == Guard::None || ruling == MustNot { ruling } else { Review };
    [hold, notify, transfer, custody].map(guarded)
}

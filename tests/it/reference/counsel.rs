//! What the gate answers, as counsel would say it: read off the table of the field and the nine packs, switches as they
//! are shipped, and off who may call what. Plain, without Cedar, and short: a test counts the lines.

use comity::domain::agency::AgencyKind::{Federal, Operator, Oversight};
use comity::domain::agency::{ActorKind, AgencyClass};
use comity::domain::charge::OffenceCategory::{Burglary, Drugs, Other};
use comity::domain::determination::Ruling::{self, May, Must, MustNot, Review};

use crate::reference::cell::{Cell, Role, Verdict};
use crate::reference::state::{Guard, Warranted, class, known};

#[rustfmt::skip]
pub(super) fn counsel(cell: &Cell<'_>) -> Verdict {
    let (service, method) = cell.method.split_once('/').unwrap();
    if !admitted(cell, service, method) { return Verdict::NotAdmitted }
    let writes = matches!(service, "DetainerService" | "CustodyService" | "TransferService");
    if !writes || method.starts_with("Get") || method.starts_with("List") { return Verdict::Admitted }
    let (issuer, holder) = (cell.role == Role::Issuer, cell.role == Role::Custodian);
    let by_person = cell.actor == Some(ActorKind::Officer) && cell.reasoned;
    // Until somebody takes it on, a detainer for the jurisdiction waits for each of its custodians.
    let custodian = if cell.named || cell.matched { holder } else { cell.kind.holds_people() };
    let (may_speak, law_is_asked) = match method {
        "LodgeDetainer" => (true, true),
        "OpenCustody" => (true, false),
        "AmendDetainer" => (issuer, true),
        "WithdrawDetainer" | "AcceptWindow" | "DeclineWindow" | "RequestInterview" | "WithdrawInterview" => (issuer, false),
        "RaiseCitizenshipClaim" | "ResolveCitizenshipClaim" | "ConfirmTransfer" | "ReportFailure" | "ReviseWindow" | "WithdrawWindow" => (issuer || custodian, method == "ConfirmTransfer" || (!matches!(method, "ReportFailure" | "WithdrawWindow") && !issuer)),
        "AcknowledgeDetainer" if cell.matched || cell.way == "matched-custody" => (custodian && holder, true),
        "AcknowledgeDetainer" | "AnswerDetainer" | "VerifyWarrant" | "RecordServiceOfCopy" | "AnswerInterview" | "OfferWindow" => (custodian, true),
        _ => (holder, cell.matched && cell.way != "agency" && !matches!(method, "ExpungeCustody" | "DeclineMove" | "WithdrawMove")),
    };
    let safeguard = matches!(method, "ResolveCitizenshipClaim" | "VerifyWarrant" | "ExpungeCustody")
        || matches!((method, cell.state.guard), ("UpdateCharges", Guard::Sealed) | ("CorrectIdentity", Guard::Juvenile))
        || (method == "CorrectIdentity" && cell.state.proof)
        || (cell.way == "no-such-person" && cell.matched && (cell.state.guard != Guard::None || cell.state.proof));
    let (law @ [hold, notify, transfer, custody], unseen) = rulings(cell, method);
    let barred = |act: &str, ruling| match ruling {
        // What the law forbids but for a warrant that is only claimed opens to nobody before it was seen.
        Review if unseen.contains(&act) => Some(format!("verification required: {act}")),
        MustNot => Some(format!("forbidden: {act}")),
        Review if !by_person => Some(format!("review required: {act}")),
        Review | May | Must => None,
    };
    let left = |act: &str, ruling| (ruling == Must && !cell.reasoned).then(|| format!("reason required: {act}"));
    let denial = match (method, cell.way) {
        _ if cell.role == Role::Outsider => Some("no such jurisdiction".to_owned()),
        _ if !may_speak => Some("not found".to_owned()),
        _ if safeguard && cell.actor != Some(ActorKind::Officer) => Some("officer required".to_owned()),
        ("AnswerDetainer", "honor-hold") => barred("hold", hold).or_else(|| barred("notify", notify)),
        ("AnswerDetainer", "notify-only") => barred("notify", notify).or_else(|| left("hold", hold)),
        ("AnswerDetainer", _) => left("hold", hold).or_else(|| left("notify", notify)),
        ("OfferWindow" | "ReviseWindow", _) if method == "OfferWindow" || !issuer => barred("transfer", transfer).or_else(|| barred("disclose", custody)),
        ("AnswerInterview", "consented") => barred("interview", interview(cell)),
        ("ConfirmTransfer", _) | ("RecordRelease", "handed-over") if !issuer && !by_person && !(matches!(transfer, May | Must) && (cell.matched || method == "ConfirmTransfer")) => Some("hand-over unexplained".to_owned()),
        _ => None,
    };
    denial.map_or(Verdict::Permitted(law_is_asked.then_some(law)), Verdict::Denied)
}

/// A jail of Colorado lets whoever was advised be spoken with; Illinois nobody but on a federal criminal warrant. Elsewhere
/// nothing was read.
#[rustfmt::skip]
fn interview(cell: &Cell<'_>) -> Ruling {
    let (state, jail) = (known(cell, "AnswerInterview"), matches!(cell.class, Some(AgencyClass::CountyJail | AgencyClass::CityJail)));
    if state.guard == Guard::Citizen || cell.jurisdiction == "us-il" && !matches!(state.warrant, Warranted::OnCrime | Warranted::ClaimedOnCrime) { MustNot } else if cell.jurisdiction == "us-co" && jail && state.guard == Guard::None { May } else { Review }
}

#[rustfmt::skip]
fn admitted(cell: &Cell<'_>, service: &str, method: &str) -> bool {
    let (federal, custodian) = (cell.kind == Federal, cell.kind.holds_people());
    let (party, oversight, operator) = (federal || custodian, cell.kind == Oversight, cell.kind == Operator);
    match (service, method) {
        ("grpc.health.v1.Health" | "grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection", _) => true,
        (_, "GetCheckpoint" | "ProveInclusion" | "ProveConsistency" | "GetPolicySet" | "Evaluate") => party || oversight,
        ("PolicyService", "Replay") => (custodian || oversight) && cell.actor == Some(ActorKind::Officer),
        _ if cell.actor.is_none() => false,
        ("AdminService", _) => operator,
        ("LedgerService", "GetAccounting") => custodian || oversight,
        ("LedgerService" | "ReportService", _) | (_, "GetDetainer" | "ListDetainers" | "GetAppeal" | "ListAppeals" | "ListAppealItems") => party || oversight,
        (_, "GetCustody" | "ListCustodies" | "ListReviews" | "ListObligations") => custodian || oversight,
        ("InboxService", "GetBacklog") => party || operator,
        ("InboxService", _) | (_, "ConfirmTransfer" | "ReportFailure" | "ReviseWindow" | "WithdrawWindow" | "RaiseCitizenshipClaim" | "ResolveCitizenshipClaim") => party,
        (_, "LodgeDetainer" | "AmendDetainer" | "WithdrawDetainer" | "AcceptWindow" | "DeclineWindow" | "RequestInterview" | "WithdrawInterview" | "IssueAppeal") => federal,
        (_, "AcknowledgeDetainer" | "AnswerDetainer" | "VerifyWarrant" | "RecordServiceOfCopy" | "AnswerInterview" | "OfferWindow" | "AnswerAppeal" | "ResolveReview" | "MeetObligation") => custodian,
        _ => service == "CustodyService" && custodian,
    }
}

/// On holding, notifying, handing over, and telling that the person is held; and which acts a claimed warrant alone keeps from
/// being forbidden.
#[rustfmt::skip]
#[expect(clippy::too_many_lines, reason = "nine laws, an arm or few each: the list is the function")]
fn rulings(cell: &Cell<'_>, method: &str) -> ([Ruling; 4], Vec<&'static str>) {
    let (class, state) = (class(cell, method), known(cell, method));
    let crime = state.crime;
    let judge = matches!(state.warrant, Warranted::ByJudge | Warranted::OnCrime);
    let prison = class == Some(AgencyClass::StatePrison);
    let felon = crime.felony && crime.convicted;
    let violent = crime.felony && crime.group != Drugs && crime.group != Other;
    // What the tables of offences have: all but what cites no section, where the charge is as grave as the section is.
    let by_list = crime.group != Other;
    let said = matches!(state.warrant, Warranted::Claimed | Warranted::ClaimedOnCrime);
    let of_city = violent && felon && crime.last_5_years;
    let unread = crime.convicted && (!by_list || crime.undated);
    // California: a listed felony however old, but burglary of fifteen years; a wobbler of five; drugs are for counsel.
    let aged = matches!(crime.group, Burglary | Drugs);
    let opens = felon && by_list && (!aged || crime.last_15_years) || !crime.felony && by_list && crime.convicted && crime.last_5_years;
    let on_crime = state.warrant == Warranted::OnCrime;
    let hands_over = opens || unread || on_crime;
    let tells = hands_over || state.public || (crime.held_to_answer && violent && crime.group != Burglary);
    let ungraded = crime.group == Burglary && !crime.felony && (crime.open || crime.convicted);
    let unread_in_jersey = unread || ungraded || (crime.open && !by_list);
    let qualifies = (violent && (crime.open || felon)) || (felon && crime.last_5_years);
    let supervises = matches!(class, Some(AgencyClass::Probation | AgencyClass::Pretrial));
    let in_cells = matches!(class, Some(AgencyClass::StatePrison | AgencyClass::CountyJail | AgencyClass::CityJail));
    let elsewhere = class == Some(AgencyClass::Pretrial);
    let colorado_tells = if supervises { MustNot } else { Review };
    let texas_hands_over = if state.asks_for_hold { Must } else { Review };
    let detainer_of_florida = state.warrant == Warranted::ByOfficer && !state.lent;
    let list_claimed = (judge || said) && (state.listed || state.said_listed);
    let crime_claimed = state.warrant == Warranted::ClaimedOnCrime;
    let [hold, notify, transfer, custody] = match cell.jurisdiction {
        "us-ny" if judge && state.after_the_acts => [May, Review, May, Review],
        "us-ny" if judge => [May; 4],
        "us-ny" => [MustNot, Review, Review, Review],
        "us-ca" | "us-nj" if elsewhere => [Review; 4],
        "us-ny-nyc" if prison || elsewhere => [if judge || said { Review } else { MustNot }, Review, Review, Review],
        "us-ny-nyc" if judge && (state.listed || of_city) && state.after_the_acts => [May, Review, May, Review],
        "us-ny-nyc" if judge && (state.listed || of_city) => [May; 4],
        "us-ny-nyc" if judge && unread => [Review; 4],
        "us-ny-nyc" if of_city || unread => if said { [Review; 4] } else { [MustNot, Review, MustNot, Review] },
        "us-ny-nyc" if list_claimed => [Review, Review, Review, MustNot],
        "us-ca" if prison => [Review; 4],
        // Until the local law is read, a person decides whatever the act allows.
        "us-ca" if hands_over => [MustNot, Review, Review, Review],
        "us-ca" if crime_claimed => [MustNot, Review, Review, if tells { Review } else { MustNot }],
        "us-ca" if tells => [MustNot, Review, MustNot, Review],
        "us-il" if state.warrant == Warranted::OnCrime => [May; 4],
        "us-il" if state.public => [MustNot, Review, MustNot, Review],
        "us-ny-nyc" | "us-ca" | "us-il" => [MustNot; 4],
        "us-nj" if judge => [Must, Must, Must, May],
        "us-nj" if qualifies || state.final_order || unread_in_jersey => [Review; 4],
        "us-nj" if said => [Review, Review, Review, MustNot],
        "us-co" if judge => [May, colorado_tells, May, colorado_tells],
        "us-co" => [MustNot, colorado_tells, Review, colorado_tells],
        "us-wa" if judge || prison => [Review; 4],
        "us-nj" | "us-wa" => [MustNot, MustNot, Review, MustNot],
        "us-tx" if in_cells && !state.proof => [Must, Must, texas_hands_over, May],
        "us-fl" if in_cells && !state.proof && detainer_of_florida => [Must, Must, Review, May],
        _ => [Review; 4],
    };
    // What only the requester's word lifts is for nobody before it is verified.
    let unseen: &[&str] = match cell.jurisdiction {
        "us-ca" | "us-nj" if elsewhere => &[],
        "us-ny" | "us-co" if said => &["hold"],
        "us-wa" if said && !prison => &["hold", "notify"],
        "us-il" if crime_claimed && state.public => &["hold", "transfer", "interview"],
        "us-il" if crime_claimed => &["hold", "notify", "transfer", "interview"],
        "us-ny-nyc" if said && (prison || elsewhere) => &["hold"],
        "us-ny-nyc" if said && (of_city || unread) => &["hold", "transfer"],
        "us-ny-nyc" if list_claimed && !(judge && (state.listed || of_city || unread)) => &["hold", "notify", "transfer"],
        "us-ca" if prison || hands_over => &[],
        "us-ca" if crime_claimed => if tells { &["transfer"] } else { &["notify", "transfer"] },
        "us-nj" if said && !(qualifies || state.final_order || unread_in_jersey) => &["hold", "notify"],
        _ => &[],
    };
    // Nobody is held whom nobody asked to hold; and where a safeguard stands, a person decides what is not forbidden.
    let unseen: Vec<&str> = unseen.iter().copied().filter(|act| *act != "hold" || state.asks_for_hold).collect();
    let hold = if state.asks_for_hold { hold } else { MustNot };
    let law = [("hold", hold), ("notify", notify), ("transfer", transfer), ("disclose", custody)].map(|(act, ruling)| match ruling {
        _ if state.guard == Guard::Citizen => MustNot,
        MustNot if unseen.contains(&act) => Review,
        Must | May if state.guard != Guard::None => Review,
        Must | May | Review | MustNot => ruling,
    });
    (law, unseen)
}

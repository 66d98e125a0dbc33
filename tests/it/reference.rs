//! Who may do what to whom, and what the law says of it: the gate against counsel's own reading, over every agency, method,
//! jurisdiction and state.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use comity::domain::agency::{ActorKind, AgencyClass, AgencyKind, Caller};
use comity::domain::determination::{FieldClass, LawView, Ruling};
use comity::domain::permit::Admitted;
use comity::policy::engine::Engine;
use comity::policy::gate::{Denial, Gate};
use comity::policy::load::PolicySet;

use crate::harness::descriptor::POOL;
use crate::reference::cell::{Cell, Posed, Role, Verdict, agency, custodian_id};
use crate::reference::counsel::counsel;
use crate::reference::state::{CRIMES, Guard, State, Warranted, no_crime};

mod cell;
mod counsel;
mod state;

/// Nine whose law is written, and one whose is not.
const JURISDICTIONS: [&str; 10] =
    ["us-ny", "us-ny-nyc", "us-ca", "us-il", "us-nj", "us-co", "us-wa", "us-tx", "us-fl", "us-zz"];

const CLASSES: [Option<AgencyClass>; 6] = [
    None,
    Some(AgencyClass::StatePrison),
    Some(AgencyClass::CountyJail),
    Some(AgencyClass::CityJail),
    Some(AgencyClass::Probation),
    Some(AgencyClass::Pretrial),
];

/// An administrative warrant and nothing else that a law turns on.
const ORDINARY: State = State {
    asks_for_hold: true,
    warrant: Warranted::ByOfficer,
    final_order: false,
    lent: false,
    listed: false,
    said_listed: false,
    crime: no_crime(),
    guard: Guard::None,
    proof: false,
    public: false,
    after_the_acts: false,
};

/// The gate of a jurisdiction, with the agencies that cells name.
struct Asked {
    engine: Arc<Engine>,
    gate: Gate,
    cells: usize,
    /// Where the gate and counsel differ: the first few.
    differing: Vec<String>,
}

impl Asked {
    fn new() -> Self {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let engine = Arc::new(Engine::new(PolicySet::load(&directory).unwrap()));
        let held = CLASSES.map(|class| agency(custodian_id(class), AgencyKind::County, class, &JURISDICTIONS));
        let next = agency("next-jail".parse().unwrap(), AgencyKind::County, CLASSES[2], &JURISDICTIONS);
        let agencies: BTreeMap<_, _> =
            held.into_iter().chain([next]).map(|one| (one.id.clone(), Arc::new(one))).collect();
        let gate = Gate::new(Arc::clone(&engine), Arc::new(agencies));
        Self { gate, engine, cells: 0, differing: Vec::new() }
    }

    /// What the engine and the gate really answer.
    fn verdict(&self, cell: &Cell<'_>, posed: &Posed, caller: &Caller) -> Verdict {
        if self.engine.admit(caller, cell.method).is_err() {
            return Verdict::NotAdmitted;
        }
        let Some(command) = &posed.command else { return Verdict::Admitted };
        let value = Arc::new(command.clone());
        let admitted = Admitted { caller: caller.clone(), jurisdiction: posed.name.jurisdiction.clone(), value };
        match self.gate.permit(admitted, &posed.case, posed.name.id, posed.now) {
            Ok(permitted) => Verdict::Permitted(permitted.law(&posed.name).map(rulings)),
            Err(denial) => Verdict::Denied(said(&denial)),
        }
    }

    /// One more cell, in which both must say the same.
    fn check(&mut self, cell: &Cell<'_>, posed: &Posed, caller: &Caller) {
        let (gate, counsel) = (self.verdict(cell, posed, caller), counsel(cell));
        self.cells += 1;
        if gate != counsel && self.differing.len() < 4 {
            self.differing.push(format!("{cell:?}\n    the gate: {gate:?}\n    counsel:  {counsel:?}\n"));
        }
    }
}

fn rulings(law: &LawView) -> [Ruling; 4] {
    let custody = match (law.disclosable.contains(FieldClass::Custody), law.review.contains(FieldClass::Custody)) {
        (true, _) => Ruling::May,
        (false, true) => Ruling::Review,
        (false, false) => Ruling::MustNot,
    };
    [law.hold.ruling, law.notify.ruling, law.transfer.ruling, custody]
}

fn said(denial: &Denial) -> String {
    match denial {
        Denial::NotFound => "not found".to_owned(),
        Denial::NoSuchJurisdiction => "no such jurisdiction".to_owned(),
        Denial::OfficerRequired => "officer required".to_owned(),
        Denial::Forbidden { action, .. } => format!("forbidden: {}", action.word()),
        Denial::ReviewRequired { action, .. } => format!("review required: {}", action.word()),
        Denial::VerificationRequired { action, .. } => format!("verification required: {}", action.word()),
        Denial::HandOverUnexplained { .. } => "hand-over unexplained".to_owned(),
        Denial::ReasonRequired { action, .. } => format!("reason required: {}", action.word()),
        Denial::NotAdmitted
        | Denial::Unattributed
        | Denial::NotACustodian
        | Denial::AddresseeFixed
        | Denial::MatchDisputed(_)
        | Denial::ImpossibleTime(_)
        | Denial::NoSuchCustodian => {
            format!("{denial:?}")
        }
    }
}

/// Every combination of facts.
fn every_state() -> Vec<State> {
    let mut states = vec![ORDINARY];
    let mut each = |vary: &dyn Fn(State) -> Vec<State>| states = states.iter().copied().flat_map(vary).collect();
    each(&|state| [true, false].map(|asks_for_hold| State { asks_for_hold, ..state }).into());
    each(&|state| [true, false].map(|listed| State { listed, ..state }).into());
    each(&|state| [true, false].map(|proof| State { proof, ..state }).into());
    each(&|state| [true, false].map(|public| State { public, ..state }).into());
    each(&|state| [true, false].map(|after_the_acts| State { after_the_acts, ..state }).into());
    each(&|state| CRIMES.map(|crime| State { crime, ..state }).into());
    let basis = [(false, false), (true, false), (false, true)];
    each(&|state| basis.map(|(final_order, lent)| State { final_order, lent, ..state }).into());
    // Every safeguard does the same to any ruling; each is among the states that callers find.
    let warrants = [Warranted::Not, Warranted::ByOfficer, Warranted::ByJudge, Warranted::OnCrime];
    each(&|state| warrants.map(|warrant| State { warrant, ..state }).into());
    states
}

/// One of each kind of state that callers may find a case in.
fn some_states() -> [State; 10] {
    let judge = State { warrant: Warranted::OnCrime, ..ORDINARY };
    [
        ORDINARY,
        State { asks_for_hold: false, ..ORDINARY },
        State { listed: true, final_order: true, after_the_acts: true, ..judge },
        State { crime: CRIMES[7], ..judge },
        State { crime: CRIMES[4], ..ORDINARY },
        State { public: true, ..ORDINARY },
        State { proof: true, ..ORDINARY },
        State { guard: Guard::Claim, ..judge },
        State { guard: Guard::Juvenile, ..judge },
        State { guard: Guard::Sealed, crime: CRIMES[7], ..ORDINARY },
    ]
}

/// Each method of the contract in every way that the gate parts, with and without a reason where one counts.
fn ways(method: &str) -> &'static [(&'static str, bool)] {
    match method {
        "DetainerService/AcknowledgeDetainer" => &[("matched-custody", false), ("no-such-person", false)],
        "DetainerService/ResolveCitizenshipClaim" => &[("confirmed", true), ("not-confirmed", true)],
        "DetainerService/AnswerDetainer" => &[
            ("honor-hold", false),
            ("honor-hold", true),
            ("notify-only", false),
            ("notify-only", true),
            ("decline", false),
            ("decline", true),
            ("pending-review", false),
            ("pending-review", true),
        ],
        "DetainerService/AnswerInterview" => {
            &[("consented", false), ("consented", true), ("refused", false), ("declined", false)]
        }
        "CustodyService/MoveCustody" => &[("court", false), ("agency", false)],
        "TransferService/OfferWindow" | "TransferService/ReviseWindow" | "TransferService/ConfirmTransfer" => {
            &[("", false), ("", true)]
        }
        "CustodyService/RecordRelease" => &[("", false), ("handed-over", false), ("handed-over", true)],
        _ => &[("", false)],
    }
}

/// What a law rules, of every combination of facts.
fn by_facts(asked: &mut Asked, jurisdiction: &'static str, states: &[State]) {
    for class in CLASSES {
        for state in states {
            let cell = Cell { class, state, ..answering(jurisdiction) };
            asked.check(&cell, &cell.posed(), &cell.caller());
        }
    }
}

/// What every caller gets of every method, in some states of the case. The door asks nothing of the case: one state is
/// enough for whom it does not let in, and for what only reads.
fn by_callers(asked: &mut Asked, jurisdiction: &'static str, methods: &[String]) {
    let states = some_states();
    for class in CLASSES {
        let callers = callers(jurisdiction, class);
        for method in methods {
            for (way, reasoned) in ways(method) {
                for (named, matched) in [(true, true), (true, false), (false, true), (false, false)] {
                    for (number, state) in states.iter().enumerate() {
                        let case = Cell {
                            class,
                            named,
                            matched,
                            method,
                            way,
                            reasoned: *reasoned,
                            state,
                            ..answering(jurisdiction)
                        };
                        let posed = case.posed();
                        for (kind, actor, role, caller) in &callers {
                            let cell = Cell { kind: *kind, actor: *actor, role: *role, ..case };
                            let is_admitted = posed.command.is_some()
                                && *role != Role::Outsider
                                && asked.engine.admit(caller, method).is_ok();
                            if number == 0 || is_admitted {
                                asked.check(&cell, &posed, caller);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Everybody who may call, of a class.
fn callers(
    jurisdiction: &'static str,
    class: Option<AgencyClass>,
) -> Vec<(AgencyKind, Option<ActorKind>, Role, Caller)> {
    let mut callers = Vec::new();
    for kind in AgencyKind::ALL {
        for actor in [None, Some(ActorKind::System), Some(ActorKind::Officer)] {
            for role in [Role::Issuer, Role::Custodian, Role::Stranger, Role::Outsider] {
                let cell = Cell { kind: *kind, class, actor, role, ..answering(jurisdiction) };
                callers.push((*kind, actor, role, cell.caller()));
            }
        }
    }
    callers
}

/// A sheriff's officer answers a detainer, and whatever the law says may do so.
fn answering(jurisdiction: &'static str) -> Cell<'static> {
    Cell {
        kind: AgencyKind::County,
        class: None,
        actor: Some(ActorKind::Officer),
        role: Role::Custodian,
        jurisdiction,
        named: true,
        matched: true,
        method: "DetainerService/AnswerDetainer",
        way: "decline",
        reasoned: true,
        state: &ORDINARY,
    }
}

/// The methods of the contract, and those that stand beside it.
fn methods() -> Vec<String> {
    let ours = POOL.services().filter(|service| service.package_name() == "comity.v1");
    let own = ours.flat_map(|service| {
        service
            .methods()
            // Many over one stream are asked about as one is.
            .filter(|method| !method.is_client_streaming())
            .map(|method| format!("{}/{}", method.parent_service().name(), method.name()))
            .collect::<Vec<_>>()
    });
    let beside = [
        "grpc.health.v1.Health/Check",
        "grpc.health.v1.Health/Watch",
        "grpc.health.v1.Health/List",
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ];
    own.chain(beside.map(str::to_owned)).collect()
}

#[test]
fn the_gate_answers_what_counsel_reads_in_the_law() {
    let (states, methods) = (every_state(), methods());
    let (states, methods) = (&states, &methods);
    // Each with an engine of its own: what one remembers is not driven out by another.
    let asked: Vec<[Asked; 2]> = thread::scope(|scope| {
        let asked = JURISDICTIONS.map(|jurisdiction| {
            scope.spawn(move || {
                let mut asked = [Asked::new(), Asked::new()];
                by_facts(&mut asked[0], jurisdiction, states);
                by_callers(&mut asked[1], jurisdiction, methods);
                asked
            })
        });
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let [by_facts, by_callers] = [0, 1].map(|at| asked.iter().map(|asked| asked[at].cells).sum::<usize>());
    println!(
        "{by_facts} cells of jurisdiction, class and facts; {by_callers} of caller, method, jurisdiction and state"
    );
    let differing: Vec<&str> = asked.iter().flatten().flat_map(|asked| &asked.differing).map(String::as_str).collect();
    assert!(differing.is_empty(), "{}", differing.concat());
    assert!(by_facts > 300_000 && by_callers > 500_000, "{by_facts} {by_callers}");
}

/// What cannot be read at one sitting is no reference.
#[test]
fn counsels_reading_is_short() {
    let text = include_str!("reference/counsel.rs");
    let code = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    let code = code.filter(|line| !line.starts_with("use ") && !line.starts_with("#["));
    // Closing brackets are no reading.
    let lines = code.filter(|line| line.contains(char::is_alphanumeric)).count();
    // Nine laws, tables of offences, and what a claim that nobody has seen does in each.
    assert!(lines <= 135, "{lines} lines");
}

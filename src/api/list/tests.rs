//! Random filters against a model that looks at everything, in one process: what the index finds and the filter leaves is
//! what the filter alone leaves of all that the reader is shown.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::domain::custody::{ReleaseDateBasis, ScheduledRelease};
use crate::domain::detainer::{
    Acknowledgement, Addressee, Answer, AnswerKind, Detainer, DetainerForm, Finding, ReleaseTold, Request, Viewpoint,
    Warrant,
};
use crate::domain::determination::FieldClass;
use crate::domain::disclosure::IssuerClasses;
use crate::domain::ids::{CaseName, JurisdictionId};
use crate::domain::search;
use crate::domain::subject::{Flags, Identifiers, PersonName, Subject};
use crate::wire::{show, v1};

/// Queries of a reader.
const QUERIES: usize = 2_500;
/// Cases in a store.
const CASES: u128 = 90;

const ANSWER_WITHIN: SignedDuration = SignedDuration::from_hours(3);

const ISSUERS: [&str; 2] = ["us-ice", "us-cbp"];
const HOLDERS: [&str; 3] = ["us-ny-doccs", "us-ny-nassau-jail", "us-ny-erie-jail"];
const A_NUMBERS: [(&str, &str); 3] =
    [("012345678", "A12345678"), ("087654321", "A-087-654-321"), ("000000007", "0000007")];
const FBI_NUMBERS: [&str; 2] = ["123456AB1", "7654321"];
const STATE_IDS: [(&str, &str); 2] = [("NY1234567L", "01234567L"), ("TX7654321", "tx7654321")];
const BOOKING_NUMBERS: [&str; 2] = ["2026-0001", "B-17"];
const DINS: [(&str, &str); 2] = [("24-B-1234", "24b1234"), ("99-A-0001", "99-a-0001")];

/// A small generator, so that a failure comes again by its seed.
struct Chance(u64);

impl Chance {
    /// A number below `end` (splitmix64).
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end).unwrap()).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn hit(&mut self) -> bool {
        self.below(2) == 0
    }

    fn maybe<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        self.hit().then(|| self.of(all))
    }

    fn time(&mut self) -> Timestamp {
        Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_hours(i64::try_from(self.below(12)).unwrap())).unwrap()
    }
}

fn ny() -> JurisdictionId {
    "us-ny".parse().unwrap()
}

fn agency(id: &str) -> AgencyId {
    id.parse().unwrap()
}

fn detainer(id: u128, chance: &mut Chance) -> Detainer {
    let addressee = chance.maybe(&HOLDERS).map_or(Addressee::Jurisdiction, |holder| Addressee::Agency(agency(holder)));
    let identifiers = Identifiers {
        alien_number: chance.maybe(&A_NUMBERS).map(|(number, _)| number.parse().unwrap()),
        din: chance.maybe(&DINS).map(|(number, _)| number.parse().unwrap()),
        fbi_number: chance.maybe(&FBI_NUMBERS).map(|number| number.parse().unwrap()),
        state_id: chance.maybe(&STATE_IDS).map(|(number, _)| number.parse().unwrap()),
        booking_number: chance.maybe(&BOOKING_NUMBERS).map(|number| number.parse().unwrap()),
    };
    let request = Request {
        addressee,
        form: DetainerForm::I247a,
        basis: Vec::new(),
        warrant: Warrant::NONE,
        subject: Subject {
            name: PersonName { given: String::new(), family: String::new() },
            aliases: Vec::new(),
            birth_date: None,
            sex: None,
            identifiers,
            citizenship: None,
            home_address: None,
            work_address: None,
        },
        charges: Vec::new(),
        terrorist_list_match: false,
        flags: Flags::default(),
        contact_phone: None,
        occurred_at: None,
    };
    let name = CaseName::detainer(ny(), Uuid::from_u128(id));
    let mut made = Detainer::lodged(name, agency(chance.of(&ISSUERS)), request, chance.time());
    let view = &mut made.issuer_view;
    view.state = chance.of(DetainerState::ALL);
    view.finding = chance.maybe(Finding::ALL);
    view.answer = chance.maybe(AnswerKind::ALL).map(answer);
    view.custodian = chance.maybe(&HOLDERS).map(agency);
    view.updated_at = chance.time();
    view.version = 7;
    view.release.expected = chance.hit().then(|| expected(chance.time()));
    view.release.released = chance.hit().then(|| released(chance.time()));
    made.acknowledgement = made.issuer_view.finding.map(found);
    hide(&mut made, chance);
    made
}

fn answer(kind: AnswerKind) -> Answer {
    Answer { kind, ground: None, legal_basis: String::new(), reason: None, occurred_at: None }
}

fn expected(expected_at: Timestamp) -> ScheduledRelease {
    ScheduledRelease { expected_at, basis: ReleaseDateBasis::Projected, as_of: None, date_public: false, place: None }
}

fn released(released_at: Timestamp) -> ReleaseTold {
    let (reason, recipient, ordered_by, place) = (None, None, None, None);
    ReleaseTold { released_at: Some(released_at), date_public: false, reason, recipient, ordered_by, place }
}

fn found(finding: Finding) -> Acknowledgement {
    let (custody, method, confidence_percent, occurred_at, reason) = (None, None, None, None, None);
    Acknowledgement {
        finding,
        custody,
        duplicate_of: None,
        ask_again_until: None,
        method,
        confidence_percent,
        occurred_at,
        reason,
    }
}

/// Changes everything that the issuer was not disclosed.
fn hide(detainer: &mut Detainer, chance: &mut Chance) {
    detainer.state = chance.of(DetainerState::ALL);
    detainer.custodian = chance.maybe(&HOLDERS).map(agency);
    detainer.answer = chance.maybe(AnswerKind::ALL).map(answer);
    detainer.updated_at = chance.time();
    detainer.version = u64::try_from(chance.below(1_000)).unwrap();
    detainer.notice_index = chance.maybe(&[1, 2]);
    if detainer.issuer_view.finding.is_none() {
        detainer.acknowledgement = chance.maybe(Finding::ALL).map(found);
    }
}

/// What the law lets be shown of a detainer now, which is as good as random.
fn classes(name: &CaseName) -> IssuerClasses {
    let mut chance = Chance(u64::try_from(name.id.as_u128()).unwrap() ^ 0x5eed);
    let classes: FieldClasses = FieldClass::ALL.iter().copied().filter(|_| chance.below(3) > 0).collect();
    IssuerClasses { classes, of_pick_ups: classes }
}

/// A detainer as a reader is shown it.
fn shown(detainer: &Detainer, reader: &str) -> Option<v1::Detainer> {
    if detainer.issuer == agency(reader) {
        return Some(show::detainer(
            &detainer.redacted_for_issuer(classes(&detainer.name)),
            Viewpoint::Issuer,
            ANSWER_WITHIN,
        ));
    }
    let theirs = reader == OVERSIGHT || detainer.holder().is_none_or(|holder| *holder == agency(reader));
    let holds = reader == OVERSIGHT || HOLDERS.contains(&reader);
    (theirs && holds).then(|| show::detainer(detainer, Viewpoint::Custodian, ANSWER_WITHIN))
}

const OVERSIGHT: &str = "us-ny-oversight";

fn whose(reader: &str) -> CasesOf {
    CasesOf { agency: (reader != OVERSIGHT).then(|| agency(reader)), unassigned: HOLDERS.contains(&reader) }
}

/// What a store promises of `cases`.
fn read(store: &[Detainer], cases: &CaseFilter) -> Vec<StoredCase> {
    let theirs = |detainer: &&Detainer| {
        let holder = detainer.holder();
        let own = cases.agency.as_ref();
        own.is_none_or(|own| detainer.issuer == *own || holder == Some(own)) || (cases.unassigned && holder.is_none())
    };
    let after = |detainer: &&Detainer| cases.after.is_none_or(|after| detainer.name.id > after);
    let all = store.iter().filter(theirs).filter(after);
    let all = all.map(|detainer| StoredCase::Detainer(Box::new(detainer.clone())));
    let found = all.filter(|case| {
        let terms = search::terms(case);
        cases.terms.is_empty() || cases.terms.iter().any(|term| terms.contains(term))
    });
    found.take(cases.limit).collect()
}

/// A random filter, in a random spelling.
fn query(chance: &mut Chance) -> String {
    let sign = |chance: &mut Chance| chance.of(&["<", "<=", ">", ">=", "="]);
    let terms = (0..=chance.below(2)).map(|_| match chance.below(12) {
        0 => {
            let state = v1::DetainerState::try_from(i32::try_from(1 + chance.below(11)).unwrap()).unwrap();
            format!("state = \"{}\"", state.as_str_name())
        }
        1 => format!("issuer=\"agencies/{}\"", chance.of(&ISSUERS)),
        2 => format!("custodian  = \"agencies/{}\"", chance.of(&HOLDERS)),
        3 => {
            let (one, other) = chance.of(&A_NUMBERS);
            format!("subject.identifiers.alien_number = \"{}\"", chance.of(&[one, other]))
        }
        4 => {
            let (one, other) = chance.of(&DINS);
            format!("subject.identifiers.din = \"{}\"", chance.of(&[one, other]))
        }
        5 => {
            let (one, other) = chance.of(&STATE_IDS);
            format!("subject.identifiers.state_id = \"{}\"", chance.of(&[one, other]))
        }
        6 => format!("subject.identifiers.fbi_number = \"{}\"", chance.of(&FBI_NUMBERS)),
        7 => format!("subject.identifiers.booking_number = \"{}\"", chance.of(&BOOKING_NUMBERS)),
        8 => format!("scheduled_release.expected_at {} \"{}\"", sign(chance), chance.time()),
        9 => format!("actual_release.released_at {} \"{}\"", sign(chance), chance.time()),
        10 => format!("answer_due_time {} \"{}\"", sign(chance), chance.time()),
        11 => format!("create_time {} \"{}\"", sign(chance), chance.time()),
        _ => format!("update_time {} \"{}\"", sign(chance), chance.time()),
    });
    terms.collect::<Vec<_>>().join(" AND ")
}

/// Every page of a list, with the place that each ended at.
fn pages(
    store: &[Detainer],
    reader: &str,
    filter: &ListFilter,
    limit: usize,
) -> Vec<(Vec<v1::Detainer>, Option<Uuid>)> {
    let whose = whose(reader);
    let terms = terms(CaseKind::Detainer, &whose, filter);
    let CasesOf { agency, unassigned } = whose;
    let (jurisdiction, kind) = (ny(), CaseKind::Detainer);
    let mut cases = CaseFilter { jurisdiction, kind, agency, unassigned, terms, after: None, limit };
    let mut pages = Vec::new();
    loop {
        let listed = |case: StoredCase| {
            let shown = case.detainer().and_then(|detainer| shown(detainer, reader));
            Ok(shown.filter(|shown| filter.holds(shown)))
        };
        let found = find(cases.clone(), |cases| Ok(read(store, cases)), listed).unwrap();
        let next = found.next;
        assert_eq!(found.shown.len(), found.resources.len());
        pages.push((found.shown, next));
        let Some(next) = next else { return pages };
        cases.after = Some(next);
    }
}

fn store(chance: &mut Chance) -> Vec<Detainer> {
    (1..=CASES).map(|id| detainer(id, chance)).collect()
}

#[test]
fn a_list_is_what_its_filter_leaves_of_all_that_its_reader_is_shown() {
    let mut chance = Chance(20_261_130);
    let (mut store_, mut found) = (store(&mut chance), 0);
    for number in 0..QUERIES {
        if number % 250 == 0 {
            store_ = store(&mut chance);
        }
        let (text, limit) = (query(&mut chance), 5 + chance.below(20));
        let filter = ListFilter::parse::<v1::Detainer>(&text).unwrap();
        for reader in [ISSUERS[0], ISSUERS[1], HOLDERS[0], OVERSIGHT] {
            let all = store_.iter().filter_map(|detainer| shown(detainer, reader));
            let expected: Vec<_> = all.filter(|shown| filter.holds(shown)).collect();
            let pages = pages(&store_, reader, &filter, limit);
            assert!(pages.iter().all(|(page, _)| page.len() <= limit));
            let listed: Vec<_> = pages.into_iter().flat_map(|(page, _)| page).collect();
            assert!(listed == expected, "query {number} of {reader}: {text}");
            found += listed.len();
        }
    }
    assert!(found > QUERIES, "{found} were found: the queries are about nothing");
}

#[test]
fn what_an_issuer_was_not_disclosed_changes_no_page_and_no_page_token() {
    let mut chance = Chance(20_261_201);
    for _ in 0..50 {
        let store = store(&mut chance);
        let twin: Vec<Detainer> = store
            .iter()
            .map(|detainer| {
                let mut twin = detainer.clone();
                hide(&mut twin, &mut chance);
                twin
            })
            .collect();
        for _ in 0..50 {
            let (text, limit) = (query(&mut chance), 5 + chance.below(20));
            let filter = ListFilter::parse::<v1::Detainer>(&text).unwrap();
            for reader in ISSUERS {
                let seen = |store: &[Detainer]| pages(store, reader, &filter, limit);
                assert!(seen(&store) == seen(&twin), "{reader}: {text}");
            }
        }
    }
}

#[test]
fn a_page_ends_after_so_much_was_looked_at_and_the_next_goes_on() {
    let mut chance = Chance(1);
    let one = detainer(1, &mut chance);
    let of = |id: usize| {
        let name = CaseName::detainer(ny(), Uuid::from_u128(u128::try_from(id).unwrap()));
        Detainer { name, issuer: agency(ISSUERS[0]), request: Arc::clone(&one.request), ..one.clone() }
    };
    let store: Vec<Detainer> = (1..=LOOKED_AT_MAX + 3).map(of).collect();
    let never = ListFilter::parse::<v1::Detainer>("update_time < \"1960-01-01T00:00:00Z\"").unwrap();
    let pages = pages(&store, ISSUERS[0], &never, 100);
    let places: Vec<_> = pages.iter().map(|(page, next)| (page.len(), next.map(|id| id.as_u128()))).collect();
    assert_eq!(places, [(0, Some(u128::try_from(LOOKED_AT_MAX).unwrap())), (0, None)]);
}

#[test]
fn a_page_token_is_of_its_filter() {
    let id = Uuid::from_u128(7);
    let ok = |token: &str, tag: &str| place(token, tag).ok().flatten();
    assert_eq!(ok(&id.to_string(), ""), Some(id));
    assert_eq!(ok(&format!("{id}.aa"), ".aa"), Some(id));
    for (token, tag) in
        [(format!("{id}.aa"), ""), (id.to_string(), ".aa"), (format!("{id}.aa"), ".ab"), (".aa".to_owned(), ".aa")]
    {
        assert!(place(&token, tag).is_err(), "{token} of {tag}");
    }
}

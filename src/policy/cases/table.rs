//! Reads a table of cases from TOML. Every key and word must be a known one. An error names the file, the case and the
//! word.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::domain::determination::{FieldClass, FieldClasses, HoldClock, LawAction, Obligation, Ruling};
use crate::domain::facts::CaseFacts;
use crate::domain::ids::JurisdictionId;
use crate::domain::statute::Statutes;
use crate::domain::text::says_something;
use crate::domain::zone;
use crate::policy::cases::given::GivenFacts;
use crate::policy::rulings::{ACTS, RulingSubject};
use crate::policy::switches::Settings;
use crate::policy::words::{word, words};

/// A table as written, before its ordinary facts are added to each case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    zone: Option<String>,
    within: Option<String>,
    #[serde(default)]
    switches: BTreeMap<String, String>,
    #[serde(default)]
    ordinary: toml::Table,
    #[serde(default)]
    case: Vec<toml::Table>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCase {
    #[serde(default)]
    given: toml::Table,
    #[serde(default)]
    switches: BTreeMap<String, String>,
    #[serde(default)]
    expect: Acts<String>,
    #[serde(default)]
    cites: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    obligations: Acts<Vec<String>>,
    on_receipt: Option<Vec<String>>,
    clock: Option<String>,
    shown: Option<Vec<String>>,
    review: Option<Vec<String>>,
    withheld: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// A value for each act except disclosure.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Acts<T> {
    hold: Option<T>,
    notify: Option<T>,
    transfer: Option<T>,
    interview: Option<T>,
}

/// The table of cases of one pack.
#[derive(Debug)]
pub(super) struct Table {
    zone: Option<TimeZone>,
    within: Option<JurisdictionId>,
    switches: Settings,
    ordinary: toml::Table,
    pub(super) cases: Vec<Case>,
}

/// One case: its facts, and what the law is expected to say.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    given: toml::Table,
    /// Switch settings that this case changes.
    pub(super) switches: Settings,
    pub(super) expected: Expected,
}

/// What the law is expected to say.
#[derive(Debug, Default)]
pub(super) struct Expected {
    pub(super) acts: BTreeMap<LawAction, Vec<Ruling>>,
    /// Texts that must each occur in a citation of the ruling.
    pub(super) cites: Vec<(RulingSubject, String)>,
    pub(super) obligations: BTreeMap<LawAction, Vec<Obligation>>,
    /// Exactly these are owed from the receipt of the request.
    pub(super) on_receipt: Option<BTreeSet<Obligation>>,
    pub(super) clock: Option<HoldClock>,
    /// Exactly these are shown, beside those that are always shown.
    pub(super) shown: Option<FieldClasses>,
    /// Exactly these are left to a person.
    pub(super) review: Option<FieldClasses>,
    /// None of these may be shown.
    pub(super) withheld: Option<FieldClasses>,
}

/// What is wrong with a table, and with which of its cases.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) case: Option<String>,
    pub(super) problem: String,
}

/// Whether the cases are a pack's own, or are combined with those of each pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Pack,
    Shared,
}

impl Table {
    pub(super) fn read(text: &str, kind: Kind, statutes: &Statutes) -> Result<Self, Unreadable> {
        let unreadable = |problem: String| Unreadable { case: None, problem };
        let written: TableFile =
            toml::from_str(text).map_err(|error| unreadable(error.to_string().trim_end().to_owned()))?;
        let zone = written.zone.map(|zone| {
            zone::named(&zone)
                .ok_or_else(|| unreadable(format!("zone = {zone:?} is no time zone such as America/New_York")))
        });
        let zone = zone.transpose()?;
        if kind == Kind::Pack && zone.is_none() {
            return Err(unreadable("zone is missing: dates have no midnight without it".to_owned()));
        }
        let outer = |id: String| id.parse().map_err(|_| unreadable(format!("within: {id:?} is no jurisdiction")));
        let within = written.within.map(outer).transpose()?;
        let switches = settings(&written.switches).map_err(unreadable)?;
        let mut cases: Vec<Case> = Vec::new();
        for (case, number) in written.case.into_iter().zip(1..) {
            let case = Case::read(case, number, kind)?;
            if cases.iter().any(|known| known.name == case.name) {
                return Err(Unreadable { case: Some(case.name), problem: "bears the name of another case".to_owned() });
            }
            cases.push(case);
        }
        let table = Self { zone, within, switches, ordinary: written.ordinary, cases };
        table.facts_of_all(kind, statutes)?;
        Ok(table)
    }

    /// The facts of a case, and the time of the question. The facts of the shared case `over` replace those of the
    /// case.
    pub(super) fn facts(
        &self,
        case: &Case,
        over: Option<&Case>,
        statutes: &Statutes,
    ) -> Result<(CaseFacts, Timestamp), Unreadable> {
        let unreadable = |problem| Unreadable { case: Some(case.name.clone()), problem };
        let mut given = self.ordinary.clone();
        for case in [Some(case), over].into_iter().flatten() {
            given.extend(case.given.clone());
        }
        let given: GivenFacts = typed(given).map_err(unreadable)?;
        given.facts(self.zone.as_ref().unwrap_or(&TimeZone::UTC), statutes).map_err(unreadable)
    }

    /// The switch settings of a case: the set's, changed by the table's, changed by the case's.
    pub(super) fn settings(&self, case: &Case, of_set: &Settings) -> Settings {
        let mut settings = of_set.clone();
        settings.extend(self.switches.iter().chain(&case.switches).map(|(name, on)| (name.clone(), *on)));
        settings
    }

    /// Every switch that the table names.
    pub(super) fn switches_named(&self) -> impl Iterator<Item = &str> {
        self.cases
            .iter()
            .map(|case| &case.switches)
            .chain([&self.switches])
            .flat_map(|named| named.keys().map(String::as_str))
    }

    /// The facts that every case has, unless it says otherwise.
    pub(super) fn ordinary(&self) -> &toml::Table {
        &self.ordinary
    }

    /// The jurisdiction whose law the pack must stay within.
    pub(super) fn within(&self) -> Option<&JurisdictionId> {
        self.within.as_ref()
    }

    pub(super) fn zone(&self) -> Option<&TimeZone> {
        self.zone.as_ref()
    }

    /// Checks that every word of every case is known. A shared case has no date of its own.
    fn facts_of_all(&self, kind: Kind, statutes: &Statutes) -> Result<(), Unreadable> {
        let dated = |case: &Case| match kind {
            Kind::Pack => self.facts(case, None, statutes),
            Kind::Shared => {
                let mut given = toml::Table::new();
                given.insert("on".to_owned(), "2026-01-01".into());
                given.extend(case.given.clone());
                let dated =
                    Case { name: case.name.clone(), given, switches: Settings::new(), expected: Expected::default() };
                self.facts(&dated, None, statutes)
            }
        };
        self.cases.iter().try_for_each(|case| dated(case).map(|_| ()))
    }
}

impl Case {
    fn read(mut case: toml::Table, number: usize, kind: Kind) -> Result<Self, Unreadable> {
        let name = match case.remove("name") {
            Some(toml::Value::String(name)) if says_something(&name) => name,
            Some(_) | None => {
                return Err(Unreadable { case: Some(format!("number {number}")), problem: "has no name".to_owned() });
            }
        };
        let unreadable = |problem| Unreadable { case: Some(name.clone()), problem };
        let written: WrittenCase = typed(case).map_err(unreadable)?;
        let switches = settings(&written.switches).map_err(unreadable)?;
        let given = written.given.clone();
        let expected = written.expected(kind).map_err(unreadable)?;
        Ok(Self { name, given, switches, expected })
    }
}

impl WrittenCase {
    fn expected(self, kind: Kind) -> Result<Expected, String> {
        let mut acts = BTreeMap::new();
        for (act, said) in self.expect.each() {
            match said {
                Some(said) => drop(acts.insert(act, rulings(&said)?)),
                None if kind == Kind::Pack && act != LawAction::Interview => {
                    return Err(format!("expect does not say {}", act.word()));
                }
                None => {}
            }
        }
        let mut obligations = BTreeMap::new();
        for (act, said) in self.obligations.each() {
            let Some(said) = said else { continue };
            let mut said: Vec<Obligation> = words("obligations", &said)?;
            said.sort_unstable();
            obligations.insert(act, said);
        }
        let mut cites = Vec::new();
        for (about, said) in self.cites {
            let about = about_of(&about)?;
            let said = match said {
                OneOrMany::One(text) => vec![text],
                OneOrMany::Many(texts) => texts,
            };
            if !said.iter().all(|text| says_something(text)) {
                return Err("cites an empty text".to_owned());
            }
            cites.extend(said.into_iter().map(|text| (about, text)));
        }
        let on_receipt = self.on_receipt.map(|said| words("on_receipt", &said)).transpose()?;
        let classes = |key: &str, said: Option<Vec<String>>| -> Result<Option<FieldClasses>, String> {
            said.map(|said| words::<FieldClass>(key, &said).map(|classes| classes.into_iter().collect())).transpose()
        };
        Ok(Expected {
            acts,
            cites,
            obligations,
            on_receipt: on_receipt.map(|said| said.into_iter().collect()),
            clock: self.clock.map(|clock| word("clock", &clock)).transpose()?,
            shown: classes("shown", self.shown)?,
            review: classes("review", self.review)?,
            withheld: classes("withheld", self.withheld)?,
        })
    }
}

impl<T> Acts<T> {
    fn each(self) -> [(LawAction, Option<T>); 4] {
        [
            (LawAction::Hold, self.hold),
            (LawAction::Notify, self.notify),
            (LawAction::Transfer, self.transfer),
            (LawAction::Interview, self.interview),
        ]
    }
}

/// Reads a ruling, or several joined by `or` of which each is accepted.
fn rulings(text: &str) -> Result<Vec<Ruling>, String> {
    let ruling = |text: &str| match text {
        "must" => Ok(Ruling::Must),
        "may" => Ok(Ruling::May),
        "must not" => Ok(Ruling::MustNot),
        "review" => Ok(Ruling::Review),
        _ => Err(format!("expect: {text:?} is none of: must, may, must not, review")),
    };
    text.split(" or ").map(ruling).collect()
}

fn about_of(text: &str) -> Result<RulingSubject, String> {
    let act = ACTS.into_iter().find(|act| act.word() == text);
    act.map_or_else(|| word("cites", text).map(RulingSubject::Field), |act| Ok(RulingSubject::Act(act)))
}

fn settings(written: &BTreeMap<String, String>) -> Result<Settings, String> {
    let setting = |(name, said): (&String, &String)| match said.as_str() {
        "on" => Ok((name.clone(), true)),
        "off" => Ok((name.clone(), false)),
        _ => Err(format!("switches: {name:?} is {said:?}, which is neither on nor off")),
    };
    written.iter().map(setting).collect()
}

fn typed<T: DeserializeOwned>(table: toml::Table) -> Result<T, String> {
    toml::Value::Table(table)
        .try_into()
        .map_err(|error: toml::de::Error| error.to_string().trim_end().replace('\n', " "))
}

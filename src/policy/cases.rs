//! Checks a policy set against the tables of cases that counsel wrote: what each pack must say, and whether the cases
//! test every condition both ways.

mod coverage;
mod given;
mod judge;
mod table;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use cedar_policy as cedar;
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use coverage::{CoverageGap, GapKind};

use crate::domain::determination::Determination;
use crate::domain::facts::CaseFacts;
use crate::domain::ids::JurisdictionId;
use crate::domain::statute::Statutes;
use crate::policy::cases::coverage::Coverage;
use crate::policy::cases::given::GivenFacts;
use crate::policy::cases::judge::{PackLaw, check};
use crate::policy::cases::table::{Case, Kind, Table, Unreadable};
use crate::policy::embedded::built_in;
use crate::policy::load::{CASES, LAW, OFFENCES, PolicySet, SAFEGUARDS, SCHEMA, SWITCHES};
use crate::policy::switches::Settings;

const SHARED: &str = "law/_safeguards.cases.toml";

/// The result of running every table of a set.
#[derive(Debug, Default)]
pub struct Report {
    /// Each pack that has a table, in order.
    pub packs: Vec<PackReport>,
    /// Cases whose rulings differ from what they expect, and tables that cannot be read.
    pub failures: Vec<Failure>,
    /// Conditions that the cases test one way only.
    pub gaps: Vec<CoverageGap>,
}

/// How much of one pack was tested.
#[derive(Debug)]
pub struct PackReport {
    /// The pack's jurisdiction.
    pub jurisdiction: JurisdictionId,
    /// Policies of the pack, including those that are switched off.
    pub policies: usize,
    /// Cases of its own table.
    pub cases: usize,
    /// Cases of its own table, each combined with each shared safeguard case.
    pub guarded: usize,
}

/// A difference from what a table says.
#[derive(Debug)]
pub struct Failure {
    /// The table.
    pub file: String,
    /// The case, if it is about one.
    pub case: Option<String>,
    /// What was expected, or what is wrong with the table.
    pub problem: String,
    /// What the law said instead, and why.
    pub said: Option<Determination>,
}

impl Report {
    /// Whether the law says what every case expects. A reload requires this.
    pub fn holds(&self) -> bool {
        self.failures.is_empty()
    }

    /// Whether the cases also test every condition both ways.
    pub fn is_complete(&self) -> bool {
        self.holds() && self.gaps.is_empty()
    }
}

/// The first case whose rulings differ from what it expects, if there is one. A pack that is the built-in one, file by
/// file, is not run again: its cases were tested when this binary was built.
pub fn first_failure(set: &PolicySet) -> Option<Failure> {
    run_some(set, |jurisdiction| !is_built_in(set, jurisdiction)).failures.into_iter().next()
}

/// Whether everything that the outcome of a pack's table rests on is as this binary has it.
fn is_built_in(set: &PolicySet, jurisdiction: &JurisdictionId) -> bool {
    let own = [LAW, CASES, OFFENCES].map(|ending| format!("law/{jurisdiction}{ending}"));
    let shared = [SCHEMA, SAFEGUARDS, SHARED, SWITCHES];
    let mut names = own.iter().map(String::as_str).chain(shared);
    names.all(|name| set.texts.get(name).map(String::as_str) == built_in(name))
        && within(set, jurisdiction).is_none_or(|outer| set.written.contains_key(&outer))
}

/// Runs every table of a set against the set itself.
pub fn run(set: &PolicySet) -> Report {
    run_some(set, |_| true)
}

fn run_some(set: &PolicySet, is_wanted: impl Fn(&JurisdictionId) -> bool) -> Report {
    let mut report = Report::default();
    let shared = report.table(set, SHARED, Kind::Shared, &Statutes::default());
    let shared = shared.as_ref().map(|table| table.cases.as_slice()).unwrap_or_default();
    let mut guarding = Coverage::of(set.safeguards.policies());
    for jurisdiction in set.written.keys().filter(|jurisdiction| is_wanted(jurisdiction)) {
        report.pack(set, jurisdiction, shared, &mut guarding);
    }
    for file in set.tables.keys().filter(|file| *file != SHARED && !has_pack(set, file)) {
        report.fail(file, None, "belongs to no pack of the set".to_owned(), None);
    }
    if !report.packs.is_empty() {
        report.gaps.extend(guarding.gaps(SHARED));
    }
    report
}

/// The zone in which a pack's table counts dates. Used to show the dates on which its law changes.
pub fn zone_of(set: &PolicySet, jurisdiction: &JurisdictionId) -> Option<TimeZone> {
    table_of(set, jurisdiction)?.zone().cloned()
}

/// The facts that every case of a pack's table shares, and the zone of its dates. None: the pack has no readable table.
pub(crate) fn ordinary(set: &PolicySet, jurisdiction: &JurisdictionId) -> Option<(toml::Table, TimeZone)> {
    let table = table_of(set, jurisdiction)?;
    Some((table.ordinary().clone(), table.zone()?.clone()))
}

/// The jurisdiction whose law a pack must stay within, if its table names one.
pub(crate) fn within(set: &PolicySet, jurisdiction: &JurisdictionId) -> Option<JurisdictionId> {
    table_of(set, jurisdiction)?.within().cloned()
}

fn table_of(set: &PolicySet, jurisdiction: &JurisdictionId) -> Option<Table> {
    let table = set.tables.get(&format!("law/{jurisdiction}{CASES}"))?;
    Table::read(table, Kind::Pack, &statutes_of(set, jurisdiction)).ok()
}

/// Reads the facts of a case, written as `given` in TOML, and the time of the question. Charges are read by the
/// jurisdiction's table of offences.
pub fn facts_of(
    set: &PolicySet,
    jurisdiction: &JurisdictionId,
    given: &str,
    zone: &TimeZone,
) -> Result<(CaseFacts, Timestamp), String> {
    let given: GivenFacts = toml::from_str(given).map_err(|error| error.to_string().trim_end().to_owned())?;
    given.facts(zone, &statutes_of(set, jurisdiction))
}

fn statutes_of(set: &PolicySet, jurisdiction: &JurisdictionId) -> Statutes {
    set.statutes(jurisdiction).cloned().unwrap_or_default()
}

/// The facts of a case of a pack's own table, by its name. None: no case has this name.
pub fn facts_named(set: &PolicySet, jurisdiction: &JurisdictionId, name: &str) -> Option<(CaseFacts, Timestamp)> {
    let table = table_of(set, jurisdiction)?;
    let statutes = statutes_of(set, jurisdiction);
    table.facts(table.cases.iter().find(|case| case.name == name)?, None, &statutes).ok()
}

fn has_pack(set: &PolicySet, file: &str) -> bool {
    let stem = file.strip_prefix("law/").and_then(|name| name.strip_suffix(CASES));
    stem.is_some_and(|stem| set.written.keys().any(|jurisdiction| jurisdiction.as_str() == stem))
}

/// One pack's table during a run.
struct TableRun<'a> {
    set: &'a PolicySet,
    pack: &'a [cedar::Policy],
    table: &'a Table,
    statutes: &'a Statutes,
    file: &'a str,
    report: &'a mut Report,
}

impl TableRun<'_> {
    /// Runs every case alone and combined with each shared case. Returns the number of combinations.
    fn all(&mut self, shared: &[Case], trying: &mut Coverage, guarding: &mut Coverage) -> usize {
        let as_set = self.set.switches.settings();
        for name in self.table.switches_named().filter(|name| !as_set.contains_key(*name)) {
            self.report.fail(self.file, None, format!("switches: {name:?} is no switch of the set"), None);
        }
        let mut laws: BTreeMap<Settings, PackLaw<'_>> = BTreeMap::new();
        for (case, number) in self.table.cases.iter().zip(0..) {
            let settings = self.table.settings(case, &as_set);
            let law = match laws.entry(settings) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => match PackLaw::new(self.set, self.pack, place.key()) {
                    Ok(law) => place.insert(law),
                    Err(problem) => {
                        self.report.fail(self.file, Some(&case.name), problem, None);
                        continue;
                    }
                },
            };
            self.one(law, case, None, Some(&mut *trying));
            for over in shared {
                // Every pack has the same safeguards, so it is enough to test each both ways with one case.
                let guarding = (number == 0).then_some(&mut *guarding);
                self.one(law, case, Some(over), guarding);
            }
        }
        self.table.cases.len() * shared.len()
    }

    fn one(&mut self, law: &PackLaw<'_>, case: &Case, over: Option<&Case>, coverage: Option<&mut Coverage>) {
        let named = over.map_or_else(|| case.name.clone(), |over| format!("{}, and {}", case.name, over.name));
        let (facts, now) = match self.table.facts(case, over, self.statutes) {
            Ok(given) => given,
            Err(Unreadable { problem, .. }) => return self.report.fail(self.file, Some(&named), problem, None),
        };
        let asked = law.ask(&facts, now);
        let expected = &over.unwrap_or(case).expected;
        if let Some(coverage) = coverage {
            coverage.take(self.set, expected, &facts, now);
        }
        for (problem, said) in check(expected, &asked) {
            self.report.fail(self.file, Some(&named), problem, said);
        }
    }
}

impl Report {
    /// Runs the table of one pack.
    fn pack(&mut self, set: &PolicySet, jurisdiction: &JurisdictionId, shared: &[Case], guarding: &mut Coverage) {
        let file = format!("law/{jurisdiction}{CASES}");
        let pack = set.written.get(jurisdiction).map(Vec::as_slice).unwrap_or_default();
        let statutes = statutes_of(set, jurisdiction);
        let Some(table) = self.table(set, &file, Kind::Pack, &statutes) else { return };
        if let Some(outer) = table.within().filter(|outer| !set.written.contains_key(*outer)) {
            self.fail(&file, None, format!("within: {outer} has no pack in the set"), None);
        }
        let mut trying = Coverage::of(pack.iter());
        let running = &mut TableRun { set, pack, table: &table, statutes: &statutes, file: &file, report: self };
        let guarded = running.all(shared, &mut trying, guarding);
        self.gaps.extend(trying.gaps(&file));
        let (policies, cases) = (pack.len(), table.cases.len());
        self.packs.push(PackReport { jurisdiction: jurisdiction.clone(), policies, cases, guarded });
    }

    /// Reads a table, or records a failure that says why it cannot.
    fn table(&mut self, set: &PolicySet, file: &str, kind: Kind, statutes: &Statutes) -> Option<Table> {
        let Some(text) = set.tables.get(file) else {
            self.fail(file, None, "is missing: nothing says what this law must say".to_owned(), None);
            return None;
        };
        match Table::read(text, kind, statutes) {
            Ok(table) => Some(table),
            Err(Unreadable { case, problem }) => {
                self.fail(file, case.as_deref(), problem, None);
                None
            }
        }
    }

    fn fail(&mut self, file: &str, case: Option<&str>, problem: String, said: Option<Determination>) {
        self.failures.push(Failure { file: file.to_owned(), case: case.map(str::to_owned), problem, said });
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(case) = &self.case {
            write!(f, ", case \"{case}\"")?;
        }
        write!(f, ": {}", self.problem)?;
        let Some(said) = &self.said else { return Ok(()) };
        let listed = |f: &mut fmt::Formatter<'_>, word: &str, list: &[String]| {
            list.iter().try_for_each(|one| write!(f, "\n    {word:<10}{one}"))
        };
        write!(f, "\n    {:<10}{}", "law says", said.ruling.word().replace('-', " "))?;
        if said.failed {
            write!(f, " (a policy could not be evaluated)")?;
        }
        listed(f, "policy", &said.policies)?;
        listed(f, "citing", &said.citations)?;
        listed(f, "because", &said.reviews)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod trial;

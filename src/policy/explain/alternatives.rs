//! The case with one fact changed, for every fact and every other value of it.
//!
//! What follows from a fact changes with it: the form decides whether a hold is asked for, the warrant whether a judge
//! signed, the charges whether a record is sealed.

use std::collections::BTreeSet;

use crate::domain::agency::{AgencyClass, AgencyKind};
use crate::domain::charge::{ChargeStatus, ConvictionAge, OffenceCategory, Severity};
use crate::domain::detainer::{DetainerBasis, DetainerForm, WarrantKind};
use crate::domain::facts::{Assertions, CaseFacts, Judge, Offence, Stage};
use crate::domain::statute::{Paragraph, Reading};
use crate::policy::explain::fact::Fact;

/// The facts with one of them changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alternative {
    pub(super) fact: Fact,
    pub(super) value: String,
    pub(super) facts: CaseFacts,
}

/// A fact that is true or false.
type Flag = (Fact, fn(&mut CaseFacts) -> &mut bool);

const FLAGS: [Flag; 9] = [
    (Fact::TerroristListMatch, |facts| &mut facts.record.terrorist_list_match),
    (Fact::CitizenshipClaim, |facts| &mut facts.record.citizenship_claim),
    (Fact::Citizen, |facts| &mut facts.record.citizen),
    (Fact::LawfulStatus, |facts| &mut facts.record.lawful_status),
    (Fact::FinalOrder, |facts| &mut facts.final_order),
    (Fact::Juvenile, |facts| &mut facts.record.juvenile),
    (Fact::Protected, |facts| &mut facts.record.protected),
    (Fact::DatePublic, |facts| &mut facts.date_public),
    (Fact::MatchDisputed, |facts| &mut facts.match_disputed),
];

/// Whose assertions are changed: the custodian's record or the requester's claims.
type Side = fn(&mut CaseFacts) -> &mut Assertions;

/// A claim that is made or not.
type Claim = (&'static str, fn(&mut Assertions) -> &mut bool);

const CLAIMS: [Claim; 6] = [
    ("terrorist_list_match", |said| &mut said.terrorist_list_match),
    ("citizenship_claim", |said| &mut said.citizenship_claim),
    ("citizen", |said| &mut said.citizen),
    ("lawful_status", |said| &mut said.lawful_status),
    ("juvenile", |said| &mut said.juvenile),
    ("protected", |said| &mut said.protected),
];

/// An officer's warrant counts by its document, a judge's only once the custodian has verified it.
const WARRANTS: [(WarrantKind, Judge); 5] = [
    (WarrantKind::None, Judge::None),
    (WarrantKind::I200, Judge::None),
    (WarrantKind::I205, Judge::None),
    (WarrantKind::None, Judge::Federal),
    (WarrantKind::None, Judge::State),
];

pub(super) fn alternatives(facts: &CaseFacts, paragraphs: &BTreeSet<&Paragraph>) -> Vec<Alternative> {
    let mut others = Alternatives { facts, paragraphs, found: Vec::new() };
    for stage in Stage::ALL {
        others.add(Fact::Stage, stage.word(), |facts| facts.stage = *stage);
    }
    for kind in AgencyKind::ALL {
        others.add(Fact::AskedBy, kind.word(), |facts| facts.requester_kind = *kind);
    }
    others.add(Fact::Custodian, "unknown", |facts| facts.custodian_class = None);
    for class in AgencyClass::ALL {
        others.add(Fact::Custodian, class.word(), |facts| facts.custodian_class = Some(*class));
    }
    for form in DetainerForm::ALL {
        others.add(Fact::Form, form.word(), |facts| {
            facts.form = *form;
            facts.asks_for_hold = form.asks_for_hold();
        });
    }
    for basis in DetainerBasis::ALL {
        others.add(Fact::Basis, &format!("with {}", basis.word()), |facts| _ = facts.basis.insert(*basis));
        others.add(Fact::Basis, &format!("without {}", basis.word()), |facts| _ = facts.basis.remove(basis));
    }
    others.add_warrants();
    for (fact, flag) in FLAGS {
        for value in [false, true] {
            others.add(fact, if value { "true" } else { "false" }, |facts| *flag(facts) = value);
        }
    }
    others.add_claims();
    others.add_charges(Fact::Charges, |facts| &mut facts.record);
    others.add_charges(Fact::AssertedCharges, |facts| &mut facts.asserted);
    others.found
}

struct Alternatives<'a> {
    facts: &'a CaseFacts,
    /// The paragraphs by which the law lists offences.
    paragraphs: &'a BTreeSet<&'a Paragraph>,
    found: Vec<Alternative>,
}

impl Alternatives<'_> {
    /// Adds the changed case, unless it is the same case.
    fn add(&mut self, fact: Fact, value: &str, change: impl FnOnce(&mut CaseFacts)) {
        let mut facts = self.facts.clone();
        change(&mut facts);
        if facts != *self.facts {
            self.found.push(Alternative { fact, value: value.to_owned(), facts });
        }
    }

    fn add_warrants(&mut self) {
        for (kind, judge) in WARRANTS {
            for criminal in [false, true] {
                let by_judge = judge != Judge::None;
                if criminal && !by_judge {
                    continue;
                }
                let named = if by_judge { WarrantKind::Judicial } else { kind };
                let signed = if by_judge { format!(", signed_by {}-judge", judge.word()) } else { String::new() };
                let charged = if criminal { ", criminal_warrant" } else { "" };
                self.add(Fact::Warrant, &format!("{}{signed}{charged}", named.word()), |facts| {
                    facts.warrant = kind;
                    (facts.record.judge, facts.record.criminal_warrant) = (judge, criminal);
                });
            }
        }
    }

    fn add_claims(&mut self) {
        for judge in Judge::ALL {
            for criminal in [false, true] {
                if criminal && *judge == Judge::None {
                    continue;
                }
                let charged = if criminal { ", criminal_warrant" } else { "" };
                self.add(Fact::Asserted, &format!("signed_by {}{charged}", judge.word()), |facts| {
                    (facts.asserted.judge, facts.asserted.criminal_warrant) = (*judge, criminal);
                });
            }
        }
        for (name, flag) in CLAIMS {
            for value in [false, true] {
                self.add(Fact::Asserted, &format!("{name} = {value}"), |facts| *flag(&mut facts.asserted) = value);
            }
        }
    }

    fn add_charges(&mut self, fact: Fact, side: Side) {
        let own: Vec<Offence> = side(&mut self.facts.clone()).offences.iter().cloned().collect();
        for own in &own {
            self.add_offences((fact, side), &format!("without {}", words(own)), Some(own), None);
            let severity = severities().map(|severity| Offence { severity, ..own.clone() });
            let category = OffenceCategory::ALL.iter().map(|category| Offence { category: *category, ..own.clone() });
            let status = statuses().map(|(status, age)| Offence { status, age, ..own.clone() });
            let listed = self.listings().map(|(listed, reading)| Offence { listed, reading, ..own.clone() });
            let others: Vec<Offence> = severity.chain(category).chain(status).chain(listed).collect();
            for other in others.into_iter().filter(|other| other != own) {
                let value = format!("{} instead of {}", words(&other), words(own));
                self.add_offences((fact, side), &value, Some(own), Some(other));
            }
        }
        // A section may be in the table whatever its group. Which paragraphs list it is tried for one group only.
        let by_nothing = |(listed, _): &(BTreeSet<Paragraph>, Reading)| listed.is_empty();
        let grouped = self.listings().filter(by_nothing).flat_map(|(listed, reading)| {
            OffenceCategory::ALL.iter().map(move |category| (*category, listed.clone(), reading))
        });
        let listed = self.listings().filter(|listing| !by_nothing(listing));
        let listed = listed.map(|(listed, reading)| (OffenceCategory::Other, listed, reading));
        for (category, listed, reading) in grouped.chain(listed).collect::<Vec<_>>() {
            for (status, age) in statuses() {
                for severity in severities() {
                    let listed = listed.clone();
                    let other = Offence { category, status, severity, age, listed, reading };
                    self.add_offences((fact, side), &format!("also {}", words(&other)), None, Some(other));
                }
            }
        }
    }

    /// What the table of offences may say of a section: nothing at all; or, if the law reads paragraphs, that one lists
    /// it, that none does, or that its grade is unknown.
    fn listings(&self) -> impl Iterator<Item = (BTreeSet<Paragraph>, Reading)> + '_ {
        let by = |paragraph: &&Paragraph| BTreeSet::from([Paragraph::clone(paragraph)]);
        let listed = self.paragraphs.iter().map(move |paragraph| (by(paragraph), Reading::Listed));
        let ungraded = self.paragraphs.iter().take(1).map(move |paragraph| (by(paragraph), Reading::Ungraded));
        let none = self.paragraphs.iter().take(1).map(|_| (BTreeSet::new(), Reading::Listed));
        [(BTreeSet::new(), Reading::Unlisted)].into_iter().chain(none).chain(listed).chain(ungraded)
    }

    fn add_offences(&mut self, (fact, side): (Fact, Side), value: &str, less: Option<&Offence>, more: Option<Offence>) {
        self.add(fact, value, |facts| {
            let said = side(facts);
            if let Some(less) = less {
                said.offences.remove(less);
            }
            said.offences.extend(more);
            said.sealed = said.offences.iter().any(|offence| offence.status.is_sealed());
        });
    }
}

/// Each status of a charge; for a conviction, with each age.
fn statuses() -> impl Iterator<Item = (ChargeStatus, ConvictionAge)> {
    ChargeStatus::ALL.iter().flat_map(|status| {
        let ages = ConvictionAge::ALL
            .iter()
            .filter(move |age| (*status == ChargeStatus::Convicted) == (**age != ConvictionAge::None));
        ages.map(move |age| (*status, *age))
    })
}

fn severities() -> impl Iterator<Item = Option<Severity>> {
    Severity::ALL.iter().copied().map(Some).chain([None])
}

/// A charge in the words of the tables of cases and of offences.
fn words(offence: &Offence) -> String {
    let mut words = vec![offence.category.word().to_owned()];
    words.extend(offence.severity.map(|severity| severity.word().to_owned()));
    words.push(offence.status.word().to_owned());
    if offence.status == ChargeStatus::Convicted {
        words.push(offence.age.word().to_owned());
    }
    match offence.reading {
        Reading::Unlisted => {}
        Reading::Ungraded => words.push("of unknown grade".to_owned()),
        Reading::Listed if offence.listed.is_empty() => words.push("listed by nothing".to_owned()),
        Reading::Listed => words.push("listed by".to_owned()),
    }
    words.extend(offence.listed.iter().map(ToString::to_string));
    words.join(" ")
}

//! What a requester claims, counted apart from what custodians recorded and set against it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::claims::{Claim, ClaimedOutcome, Claims};
use crate::reports::report::{CountedTree, OUTSTANDING, RELEASED, Report, Table};
use crate::reports::tally::{Tally, count};

/// Adds the tables of a book of claims, and its reconciliation with the figures that are there.
pub fn add_claims(report: &mut Report, book: &Claims) {
    let claimed_by = book.head.claimed_by.as_str();
    let counted = count(book.claims.len());
    let tree = CountedTree { origin: book.head.origin(), size: book.size, root: book.root.to_base64(), counted };
    report.trees.push(tree);
    let files = book.files.iter().fold((0u64, 0u64, 0u64), |(rows, duplicates, rejected), (_, sums)| {
        (
            rows.saturating_add(sums.rows),
            duplicates.saturating_add(sums.duplicates),
            rejected.saturating_add(sums.rejected),
        )
    });
    report.notes.push(format!(
        "Claimed by {claimed_by}, and recorded by nobody else: {} rows read = {counted} claims + {} rows repeated whole, which are one \
         detainer each with the first + {} rejected. No claim is a fact of the exchange.",
        files.0, files.1, files.2
    ));
    report.notes.push(
        "The layout has neither the date on which a detainer was lifted nor a custodian's record: the window is not applied to claims, \
         and what is unknown stays unknown. A facility is counted by its code, whatever the spelling of its name."
            .to_owned(),
    );
    let recorded = [recorded_by_offence(report, "outstanding"), recorded_by_offence(report, "released")];
    report.tables.extend(tables(book, claimed_by));
    report.tables.push(reconciliation(book, claimed_by, &recorded));
}

fn tables(book: &Claims, claimed_by: &str) -> Vec<Table> {
    let of = format!("detainers claimed by {claimed_by}");
    let newest = book.claims.iter().map(|claim| claim.prepared_at.date()).max();
    let spellings = spellings(book);
    let table = |name: &str, title: &str, columns: &[&str], key: &dyn Fn(&Claim) -> Vec<String>| {
        let mut tally = Tally::default();
        for claim in &book.claims {
            let key = key(claim);
            let mut words = vec![claim.outcome.word()];
            words.extend(key.iter().map(String::as_str));
            tally.add(&words);
        }
        let mut all = vec!["claimed outcome"];
        all.extend(columns);
        tally.table(name, &format!("{title}, as claimed by {claimed_by}."), &of, &all)
    };
    vec![
        totals(book, claimed_by, &of),
        table("claimed-by-offence", "By offence", &["offence"], &|claim| vec![offence(claim).to_owned()]),
        table(
            "claimed-by-offence-and-status",
            "By offence, and by how far the criminal matter had come",
            &["offence", "status"],
            &|claim| vec![offence(claim).to_owned(), status(claim, newest).to_owned()],
        ),
        table("claimed-by-facility", "By facility", &["facility code", "spellings"], &|claim| {
            let names = spellings.get(claim.facility_code.as_str()).cloned().unwrap_or_default();
            vec![claim.facility_code.clone(), names.into_iter().collect::<Vec<_>>().join(" = ")]
        }),
        table(
            "claimed-by-form",
            "By form, and whether notice was asked for",
            &["form", "notice asked for"],
            &|claim| {
                let asked = claim.notice_requested.map_or("not-said", |asked| if asked { "yes" } else { "no" });
                vec![claim.form.word().to_owned(), asked.to_owned()]
            },
        ),
        table("claimed-lift-reasons", "Why they were lifted", &["reason", "said"], &|claim| {
            let said = if claim.reason_text_missing { "by-code-alone" } else { "in-words" };
            let reason = claim.lift_reason.map_or("none", |reason| reason.word());
            vec![reason.to_owned(), if claim.lift_reason.is_some() { said } else { "not-lifted" }.to_owned()]
        }),
    ]
}

/// Detainers, and people as far as they can be told apart.
fn totals(book: &Claims, claimed_by: &str, of: &str) -> Table {
    let mut tally = Tally::default();
    for outcome in ClaimedOutcome::ALL {
        let own: Vec<&Claim> = book.claims.iter().filter(|claim| claim.outcome == *outcome).collect();
        let known: BTreeSet<&str> = own.iter().filter_map(|claim| claim.person.as_deref()).collect();
        let unknown = own.iter().filter(|claim| claim.person.is_none()).count();
        tally.add_many(&[outcome.word(), "detainers"], count(own.len()));
        tally.add_many(&[outcome.word(), "people-by-identifier"], count(known.len()));
        tally.add_many(&[outcome.word(), "detainers-without-identifier"], count(unknown));
        tally.add_many(&[outcome.word(), "charges"], count(own.iter().filter(|claim| claim.charge.is_some()).count()));
    }
    let title = format!("Outstanding, and released with one active, as claimed by {claimed_by}.");
    tally.table("claimed-totals", &title, of, &["claimed outcome", "what"])
}

fn offence(claim: &Claim) -> &'static str {
    claim.offence().map_or("no-charge", |offence| offence.word())
}

/// A conviction that is dated after the newest row had not come when the file was made.
fn status(claim: &Claim, newest: Option<Date>) -> &'static str {
    let to_come = newest.is_some_and(|newest| claim.is_convicted_after(newest));
    if to_come { "conviction-dated-later" } else { claim.criminality.word() }
}

/// The names of each facility, by its code.
fn spellings(book: &Claims) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut spellings: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for claim in &book.claims {
        spellings.entry(&claim.facility_code).or_default().insert(&claim.facility);
    }
    spellings
}

/// What custodians recorded, by offence.
fn recorded_by_offence(report: &Report, set: &'static str) -> (&'static str, Tally) {
    let mut tally = Tally::default();
    for row in report.table(&format!("{set}-by-offence")).into_iter().flat_map(|table| &table.rows) {
        if let (Some(offence), Some(count)) = (row.key.first(), row.count) {
            tally.add_many(&[offence], count);
        }
    }
    (set, tally)
}

/// Claimed against recorded. Nothing links a claim to a detainer of the exchange, so only sums can be set side by side.
fn reconciliation(book: &Claims, claimed_by: &str, recorded: &[(&'static str, Tally)]) -> Table {
    let mut tally = Tally::default();
    for (set, recorded) in recorded {
        let outcome = match *set {
            "outstanding" => ClaimedOutcome::Outstanding,
            _ => ClaimedOutcome::ReleasedWithOneActive,
        };
        let mut claimed = Tally::default();
        for claim in book.claims.iter().filter(|claim| claim.outcome == outcome) {
            claimed.add(&[offence(claim)]);
        }
        let offences: BTreeSet<&str> = claimed.keys().chain(recorded.keys()).flatten().map(String::as_str).collect();
        for offence in offences {
            let (by_claim, by_record) = (claimed.of(&[offence]), recorded.of(&[offence]));
            tally.add_many(&[set, offence, "claimed"], by_claim);
            tally.add_many(&[set, offence, "recorded"], by_record);
            tally.add_many(&[set, offence, "claimed-and-not-recorded"], by_claim.saturating_sub(by_record));
            tally.add_many(&[set, offence, "recorded-and-not-claimed"], by_record.saturating_sub(by_claim));
        }
    }
    let title = format!(
        "What {claimed_by} claims against what was recorded on this exchange. A sum, and no match of one to one."
    );
    let of = format!("{OUTSTANDING} or {RELEASED}");
    tally.table("reconciliation", &title, &of, &["set", "offence", "which"])
}

//! The rule book under random commands and random law, which may change between any two of them.

use comity::domain::agency::AgencyKind;
use comity::domain::custody::CustodyState;
use comity::domain::detainer::{Detainer, Viewpoint};
use comity::domain::determination::{FieldClass, FieldClasses, LawView, Ruling};
use comity::domain::event::{Counts, Event, Party, Record};
use comity::domain::ids::{AgencyId, CaseName, LogKind};
use comity::wire::show;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::properties::steps::{self, Step, step};
use crate::properties::{any, tries};
use crate::sample;
use crate::world::World;

proptest! {
    #![proptest_config(tries(256))]

    #[test]
    fn no_order_of_commands_breaks_a_promise(steps in vec((step(), any::law()), 1..40)) {
        let mut world = World::new();
        for (step, law) in &steps {
            let before = world.clone();
            let Some(records) = take(&mut world, step, law) else { continue };
            for record in &records {
                no_requester_is_among_those_told_of_what_is_internal(record);
                issuers_see_no_more_than_the_law_shows(record, law, &before, &world);
                nothing_is_told_of_a_release_against_the_law(record, law, &before, &world);
                charges_count_only_for_those_who_are_shown_charges(record, &before);
            }
            what_an_issuer_sees_changes_only_with_what_it_is_told(&records, &before, &world);
            versions_count_every_change(&before, &world);
            a_released_custody_has_no_active_detainer(&world);
            an_issuer_has_one_active_detainer_on_a_custody(&world);
        }
    }

    #[test]
    fn what_must_be_told_is_told_once_whatever_came_first(steps in vec(step(), 1..40)) {
        let law = sample::law(Ruling::Must, Ruling::Must, FieldClasses::all());
        let mut world = World::new();
        let mut told: Vec<CaseName> = Vec::new();
        for step in &steps {
            let records = take(&mut world, step, &law).unwrap_or_default();
            let noticed = records.iter().filter(|record| matches!(record.event, Event::ReleaseNoticed { .. }));
            told.extend(noticed.map(|record| record.resource.clone()));
            for custody in world.custodies().filter(|custody| custody.state == CustodyState::ReleaseScheduled) {
                let standing = world.detainers().filter(|detainer| steps::stands_on(detainer, custody));
                for detainer in standing.filter(|detainer| !steps::is_declined(detainer)) {
                    prop_assert!(detainer.notice_index.is_some(), "{:?} was not told", detainer.state);
                }
            }
        }
        let count = told.len();
        told.sort();
        told.dedup();
        prop_assert_eq!(told.len(), count, "told twice");
    }
}

fn take(world: &mut World, step: &Step, law: &LawView) -> Option<Vec<Record>> {
    let (caller, command) = step.command(&world.cases)?;
    let before = world.cases.clone();
    let records = world.give(caller, command, law);
    match &records {
        Ok(records) => assert!(!records.is_empty(), "what passes is recorded"),
        Err(refusal) => assert_eq!(world.cases, before, "{refusal:?} changes nothing"),
    }
    records.ok()
}

fn no_requester_is_among_those_told_of_what_is_internal(record: &Record) {
    match record.log {
        LogKind::Exchange => {}
        LogKind::Custody => {
            for (party, _) in &record.audience {
                let outside = match party {
                    Party::Agency(agency) => is_federal(agency),
                    Party::Custodians | Party::Requesters => true,
                    Party::Oversight => false,
                };
                assert!(!outside, "{party:?} would see {:?}", record.event);
            }
        }
    }
}

fn issuers_see_no_more_than_the_law_shows(record: &Record, law: &LawView, before: &World, after: &World) {
    match &record.event {
        // Its own words: what it wrote, and that it lifted it.
        Event::DetainerLodged(_) | Event::DetainerWithdrawn { .. } => return,
        Event::DetainerAcknowledged { .. }
        | Event::DetainerAnswered { .. }
        | Event::CustodyOpened(_)
        | Event::ReleaseScheduled { .. }
        | Event::ReleaseRecorded { .. }
        | Event::ReleaseNoticed { .. }
        | Event::DetainerReleased { .. } => {}
    }
    let Some((issuer, classes)) = issuer_in(record) else { return };
    assert_eq!(Some(issuer), before.detainer(&record.resource).map(|detainer| &detainer.issuer));
    let beyond = classes.without(law.disclosable);
    if beyond != FieldClasses::NONE {
        // What the law left to a person, who then decided: of the release, and of nothing else.
        let release = [FieldClass::Custody, FieldClass::ReleaseDate, FieldClass::ReleaseDetail].into_iter().collect();
        assert_eq!(beyond.without(law.review), FieldClasses::NONE);
        assert_eq!(beyond.without(release), FieldClasses::NONE);
        assert!(matches!(record.event, Event::ReleaseNoticed { .. } | Event::DetainerReleased { .. }));
        assert_eq!(law.notify.ruling, Ruling::Review);
        assert!(has_decided(law, after.detainer(&record.resource).unwrap()));
    }
}

fn nothing_is_told_of_a_release_against_the_law(record: &Record, law: &LawView, before: &World, after: &World) {
    let noticed = match &record.event {
        Event::ReleaseNoticed { .. } => true,
        Event::DetainerReleased { .. } => false,
        Event::DetainerLodged(_)
        | Event::DetainerAcknowledged { .. }
        | Event::DetainerAnswered { .. }
        | Event::DetainerWithdrawn { .. }
        | Event::CustodyOpened(_)
        | Event::ReleaseScheduled { .. }
        | Event::ReleaseRecorded { .. } => return,
    };
    assert_ne!(law.notify.ruling, Ruling::MustNot, "told of a release that must not be told");
    let shown = issuer_in(record).map(|(_, classes)| classes);
    assert!(shown.is_some(), "written down as told, and told to nobody");
    let dated = shown.is_some_and(|classes| classes.contains(FieldClass::ReleaseDate));
    assert!(dated || !noticed, "noticed of a date that may not be shown");
    for world in [before, after] {
        assert!(!steps::is_declined(world.detainer(&record.resource).unwrap()), "told although it was declined");
    }
    let decided = has_decided(law, after.detainer(&record.resource).unwrap());
    assert!(law.notify.ruling != Ruling::Review || decided, "told before a person decided");
}

fn charges_count_only_for_those_who_are_shown_charges(record: &Record, before: &World) {
    let Some(detainer) = before.detainer(&record.resource) else { return };
    let shown = issuer_in(record).is_some_and(|(_, classes)| classes.contains(FieldClass::Charges));
    let asked = Counts::of_request(detainer);
    let told = (record.counts.offence, record.counts.charge_status);
    assert!(shown || told == (asked.offence, asked.charge_status), "{told:?} is not what the issuer wrote");
}

/// Whether an officer decided every question that the law leaves to a person.
fn has_decided(law: &LawView, detainer: &Detainer) -> bool {
    let decided = &detainer.reviewed_policies;
    !law.notify.policies.is_empty() && law.notify.policies.iter().all(|policy| decided.contains(policy))
}

/// The federal agency that a record is shown to, and which classes.
fn issuer_in(record: &Record) -> Option<(&AgencyId, FieldClasses)> {
    record.audience.iter().find_map(|(party, classes)| match party {
        Party::Agency(agency) if is_federal(agency) => Some((agency, *classes)),
        Party::Agency(_) | Party::Custodians | Party::Requesters | Party::Oversight => None,
    })
}

/// A view, its etag and its time stay as they were until an entry says so that the issuer may see.
fn what_an_issuer_sees_changes_only_with_what_it_is_told(records: &[Record], before: &World, after: &World) {
    for detainer in after.detainers() {
        let told = |record: &Record| record.log == LogKind::Exchange && record.resource == detainer.name;
        let Some(earlier) = before.detainer(&detainer.name) else { continue };
        if !records.iter().any(told) {
            assert_eq!(show::detainer(detainer, Viewpoint::Issuer), show::detainer(earlier, Viewpoint::Issuer));
        }
    }
}

fn versions_count_every_change(before: &World, after: &World) {
    let view = |detainer: &Detainer| show::detainer(detainer, Viewpoint::Issuer);
    for detainer in after.detainers() {
        let Some(earlier) = before.detainer(&detainer.name) else { continue };
        assert!(detainer == earlier || detainer.version > earlier.version);
        assert!(view(detainer) == view(earlier) || detainer.shown.version > earlier.shown.version);
    }
    for custody in after.custodies() {
        let Some(earlier) = before.custody(&custody.name) else { continue };
        assert!(custody == earlier || custody.version > earlier.version);
    }
}

fn a_released_custody_has_no_active_detainer(world: &World) {
    for custody in world.custodies().filter(|custody| custody.state == CustodyState::Released) {
        assert!(!world.detainers().any(|detainer| steps::stands_on(detainer, custody)));
    }
}

fn an_issuer_has_one_active_detainer_on_a_custody(world: &World) {
    for custody in world.custodies() {
        let mut issuers: Vec<&AgencyId> = world
            .detainers()
            .filter(|detainer| steps::stands_on(detainer, custody))
            .map(|detainer| &detainer.issuer)
            .collect();
        let count = issuers.len();
        issuers.sort();
        issuers.dedup();
        assert_eq!(issuers.len(), count, "two of one issuer stand on {}", custody.name);
    }
}

fn is_federal(agency: &AgencyId) -> bool {
    sample::officer(steps::nickname(agency)).agency.kind == AgencyKind::Federal
}

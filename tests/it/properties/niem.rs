//! A request goes to NIEM and back, and nothing of it is lost; each official name stands where the model has it.

use std::collections::BTreeMap;

use comity::domain::custody::Custody;
use comity::domain::detainer::{Detainer, Viewpoint};
use comity::niem;
use comity::wire::json::decoded;
use comity::wire::{Message, Named, enums, methods, show, v1};
use proptest::option;
use proptest::prelude::*;
use serde_json::Value;

use crate::niem::{AUGMENTED, Name, published};
use crate::properties::requests::REQUEST_ID;
use crate::properties::{any, tries};

/// So many random cases, each of eleven messages.
const CASES: u32 = 1_000;

/// What only the issuer may say of a detainer.
fn asked(detainer: &Detainer) -> v1::Detainer {
    let shown = show::detainer(detainer, Viewpoint::Issuer, crate::sample::ANSWER_WITHIN);
    v1::Detainer {
        custodian: shown.custodian,
        form: shown.form,
        basis: shown.basis,
        warrant: shown.warrant,
        subject: shown.subject.map(plain),
        charges: shown.charges,
        flags: shown.flags,
        contact_phone: shown.contact_phone,
        occurred_at: shown.occurred_at,
        terrorist_list_match: shown.terrorist_list_match,
        ..v1::Detainer::default()
    }
}

/// What only the custodian may say of a stay.
fn stay(custody: &Custody) -> v1::Custody {
    let shown = show::custody(custody);
    v1::Custody {
        facility: shown.facility,
        subject: shown.subject.map(plain),
        charges: shown.charges,
        flags: shown.flags,
        occurred_at: shown.occurred_at,
        medical_note: shown.medical_note,
        victim_contact: shown.victim_contact,
        ..v1::Custody::default()
    }
}

/// Identifiers that say nothing read as absent, which means the same.
fn plain(mut subject: v1::Subject) -> v1::Subject {
    subject.identifiers = subject.identifiers.filter(|identifiers| *identifiers != v1::Identifiers::default());
    subject
}

/// A request of each method that has NIEM names, with the name of the method.
#[derive(Debug, Default)]
struct Sent(Vec<(&'static str, Value)>);

impl Sent {
    fn check<R: Message + Named + Default + PartialEq>(&mut self, request: &R, names: &BTreeMap<String, Name>) {
        let method = R::NAME.strip_suffix("Request").unwrap();
        let json = decoded(request).unwrap();
        let text = niem::export(method, &json).unwrap().to_string();
        let document: Value = serde_json::from_str(&text).unwrap();
        let (back, again) = niem::import(&document).unwrap();
        assert_eq!(back, method);
        let bytes = methods::named(back).unwrap().request(&again.to_string()).unwrap();
        assert!(R::decode(bytes.as_slice()).unwrap() == *request, "{json:#}\n{document:#}");
        placed(&document, None, names);
        self.0.push((back, json));
    }
}

/// Each official property within another stands where the model has it, or where an augmentation of ours puts it.
fn placed(value: &Value, within: Option<&str>, names: &BTreeMap<String, Name>) {
    if let Value::Array(elements) = value {
        for element in elements {
            placed(element, within, names);
        }
    }
    let Value::Object(members) = value else { return };
    for (property, value) in members.iter().filter(|(property, _)| *property != "@context") {
        if let (Some(parent), Some(name)) = (within.and_then(|within| names.get(within)), names.get(property)) {
            let augments = AUGMENTED.contains(&(parent.of.as_str(), property.as_str()));
            assert!(name.within.contains(&parent.of) || augments, "{property} in {}", parent.of);
        }
        placed(value, Some(property), names);
    }
}

proptest! {
    #![proptest_config(tries(CASES))]

    #[test]
    fn nothing_is_lost_on_the_way_to_niem_and_back(
        (detainer, custody) in (any::lodged(), any::opened()),
        (lifted, movement, closing) in (any::word(), any::movement(), any::closing()),
        (planned, acceptance) in (option::of(any::time()), any::acceptance()),
        (scheduled, released, handed) in (any::scheduled(), any::released(), any::handed_to()),
        (reason, correction, ground) in
            (any::reason(), option::of(any::correction()), option::of(any::events::other_ground())),
        (etag, from_paper) in ("[a-z0-9]{0,8}", any::<bool>()),
    ) {
        let names = published();
        let request_id = || REQUEST_ID.to_owned();
        let parent = || "jurisdictions/us-ny".to_owned();
        let (of_detainer, of_custody) = (|| detainer.name.to_string(), || custody.name.to_string());
        let other_ground = || ground.as_ref().map(|ground| v1::OtherGround {
            citation: ground.citation.clone(),
            document_sha256: ground.document_sha256.to_vec(),
        });
        let after = Custody {
            movement: Some(movement.clone()),
            closing: Some(closing.clone()),
            scheduled: Some(scheduled.clone()),
            released: Some(released.clone()),
            ..custody.clone()
        };
        let shown = show::custody(&after);
        let correction = correction.map(|correction| v1::Correction { reason: correction.reason });

        let mut sent = Sent::default();
        let asks = Some(asked(&detainer));
        sent.check(&v1::LodgeDetainerRequest { parent: parent(), detainer: asks.clone(), request_id: request_id() }, &names);
        sent.check(&v1::AmendDetainerRequest { name: of_detainer(), detainer: asks, request_id: request_id(), etag: etag.clone() }, &names);
        sent.check(&v1::WithdrawDetainerRequest { name: of_detainer(), reason: enums::to_wire::<comity::domain::detainer::LiftReason>(lifted), request_id: request_id(), etag: etag.clone(), entered_from_paper: from_paper }, &names);
        sent.check(&v1::OpenCustodyRequest { parent: parent(), custody: Some(stay(&custody)), request_id: request_id() }, &names);
        sent.check(&v1::UpdateChargesRequest { name: of_custody(), charges: shown.charges, request_id: request_id(), etag: etag.clone(), other_ground: other_ground() }, &names);
        sent.check(&v1::MoveCustodyRequest { name: of_custody(), movement: shown.movement, request_id: request_id(), etag: etag.clone(), planned_at: planned.map(show::timestamp) }, &names);
        sent.check(&v1::AcceptMoveRequest {
            name: of_custody(),
            occurred_at: Some(show::timestamp(acceptance.occurred_at)),
            facility: acceptance.facility.to_string(),
            booking_number: acceptance.booking_number.map(|number| number.to_string()).unwrap_or_default(),
            request_id: request_id(),
            etag: etag.clone(),
        }, &names);
        sent.check(&v1::CloseCustodyRequest { name: of_custody(), closing: shown.closing, request_id: request_id(), etag: etag.clone(), other_ground: other_ground() }, &names);
        sent.check(&v1::ScheduleReleaseRequest { name: of_custody(), release: shown.scheduled_release.clone(), request_id: request_id(), etag: etag.clone() }, &names);
        sent.check(&v1::RescheduleReleaseRequest { name: of_custody(), release: shown.scheduled_release, request_id: request_id(), etag: etag.clone() }, &names);
        sent.check(&v1::CancelReleaseRequest { name: of_custody(), reason, request_id: request_id(), etag: etag.clone(), other_ground: other_ground() }, &names);
        sent.check(&v1::RecordReleaseRequest {
            name: of_custody(),
            release: shown.actual_release,
            request_id: request_id(),
            etag,
            correction,
            reason: handed.reason.unwrap_or_default(),
            detainer: handed.detainer.map(|detainer| detainer.to_string()).unwrap_or_default(), entered_from_paper: from_paper }, &names);
        let tried: Vec<&str> = sent.0.iter().map(|(method, _)| *method).collect();
        prop_assert_eq!(tried, niem::methods().collect::<Vec<_>>());
    }
}

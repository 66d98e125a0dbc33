//! A request is written on a form, and read from it as it was.

use comity::domain::custody::{Custody, ReleaseRecipient};
use comity::domain::detainer::{Detainer, LiftReason, Viewpoint};
use comity::paper;
use comity::wire::json::decoded;
use comity::wire::{Message, Named, enums, methods, show, v1};
use proptest::option;
use proptest::prelude::*;
use serde_json::Value;

use crate::paper::{id_of, with_requests};
use crate::properties::{any, tries};
use crate::sample;

/// So many random forms, each with five requests.
const CASES: u32 = 400;

fn on_paper<R: Message + Named>(request: &R) -> (&'static str, Value) {
    (R::NAME.strip_suffix("Request").unwrap(), decoded(request).unwrap())
}

/// The request that was read is the one that was written, but for its id.
fn same<R: Message + Named + Default + PartialEq + Clone>(
    read: &(&str, Value),
    written: &R,
    id: fn(&mut R) -> &mut String,
) {
    let (method, request) = read;
    let bytes = methods::named(method).unwrap().request(&request.to_string()).unwrap();
    let mut read = R::decode(bytes.as_slice()).unwrap();
    assert!(!id(&mut read).is_empty());
    id(&mut read).clear();
    assert!(read == *written, "{request:#}");
}

proptest! {
    #![proptest_config(tries(CASES))]

    #[test]
    fn nothing_is_lost_on_the_way_to_paper_and_back(
        (detainer, custody) in (any::lodged(), any::opened()),
        (acknowledgement, answer, service) in (any::acknowledgement(), any::answer(), any::service()),
        (released, reason, under) in (any::released(), option::of(any::reason()), any::<bool>()),
        lifted in any::word::<LiftReason>(),
    ) {
        let name = detainer.name.to_string();
        let said = Detainer {
            acknowledgement: Some(acknowledgement),
            answer: Some(answer),
            service: Some(service),
            ..detainer.clone()
        };
        let said = show::detainer(&said, Viewpoint::Custodian, sample::ANSWER_WITHIN);
        let under = under && released.recipient == ReleaseRecipient::RequestingAgency;
        let left = show::custody(&Custody { released: Some(released), ..custody.clone() });
        let found = v1::AcknowledgeDetainerRequest { name: name.clone(), acknowledgement: said.acknowledgement, entered_from_paper: true,
            ..Default::default() };
        let answered = v1::AnswerDetainerRequest { name: name.clone(), answer: said.answer, entered_from_paper: true,
            ..Default::default() };
        let served = v1::RecordServiceOfCopyRequest { name: name.clone(), service_of_copy: said.service_of_copy, entered_from_paper: true,
            ..Default::default() };
        let gone = v1::RecordReleaseRequest {
            name: custody.name.to_string(),
            release: left.actual_release,
            reason: reason.unwrap_or_default(),
            detainer: if under { name.clone() } else { String::new() },
            entered_from_paper: true,
            ..Default::default()
        };
        let lift = v1::WithdrawDetainerRequest { name: name.clone(), reason: enums::to_wire(lifted), entered_from_paper: true,
            ..Default::default() };

        let form = paper::render(&show::detainer(&detainer, Viewpoint::Issuer, sample::ANSWER_WITHIN), None, sample::start()).unwrap();
        let written = [on_paper(&found), on_paper(&answered), on_paper(&served), on_paper(&gone), on_paper(&lift)];
        let returned = paper::read(&with_requests(&form, &written), id_of).unwrap();
        prop_assert_eq!(&returned.detainer, &name);
        let [a, b, c, d, e] = returned.requests.as_slice() else { panic!("{returned:?}") };
        same(a, &found, |request| &mut request.request_id);
        same(b, &answered, |request| &mut request.request_id);
        same(c, &served, |request| &mut request.request_id);
        same(d, &gone, |request| &mut request.request_id);
        same(e, &lift, |request| &mut request.request_id);
    }
}

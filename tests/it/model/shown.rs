//! What a caller is shown of a case that it wrote upon.

use comity::domain::case::Case;
use comity::domain::command::{CaseCommand, Command, Method};
use comity::domain::custody::Custody;
use comity::domain::detainer::{Detainer, Viewpoint};
use comity::domain::event::{Event, Record};
use comity::domain::ids::CaseKind;
use comity::domain::obligation::OwedObligation;
use comity::domain::permit::Admitted;
use comity::domain::review::Review;
use comity::domain::transfer::Transfer;
use comity::wire::{Message, show};

/// The part of a case that a write is upon.
enum Part<'a> {
    Detainer(&'a Detainer, Viewpoint),
    Custody(&'a Custody),
    Transfer(&'a Detainer, &'a Transfer),
    Review(&'a Detainer, &'a Review),
    Obligation(&'a Detainer, &'a OwedObligation),
}

/// A window is offered upon a detainer, and what was offered is answered with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Offered {
    Upon,
    Itself,
}

/// The etag that is current. None where the write makes a case, or there is none.
pub(super) fn etag(write: &Admitted<Command>, command: &CaseCommand, case: &Case) -> Option<String> {
    command.target()?;
    Some(match part(write, command, case, Offered::Upon)? {
        Part::Detainer(detainer, viewpoint) => show::detainer_etag(detainer, viewpoint),
        Part::Custody(custody) => show::custody_etag(custody),
        Part::Transfer(_, transfer) => show::transfer_etag(transfer),
        Part::Review(_, review) => show::review_etag(review),
        Part::Obligation(_, owed) => show::obligation_etag(owed),
    })
}

/// The answer without its receipt. Every answer has the resource in its first field, and determinations in its third.
pub(super) fn answer(write: &Admitted<Command>, command: &CaseCommand, case: &Case, records: &[Record]) -> Vec<u8> {
    let withheld = case.detainer.as_ref().filter(|detainer| detainer.issuer == write.caller.agency.id);
    let withheld = withheld.map_or(&[][..], |detainer| &detainer.issuer_view.withheld);
    let declined = case.custody.as_ref().and_then(|custody| custody.offer.as_ref());
    let declined = declined.filter(|_| command.method() == Method::DeclineMove);
    let resource = match part(write, command, case, Offered::Itself) {
        // Whoever does not take a person is shown nothing more of them.
        Some(Part::Custody(_)) if declined.is_some() => declined.map(show::move_offer).unwrap().encode_to_vec(),
        Some(Part::Detainer(detainer, viewpoint)) => {
            show::detainer(detainer, viewpoint, crate::sample::ANSWER_WITHIN).encode_to_vec()
        }
        Some(Part::Custody(custody)) => show::custody(custody).encode_to_vec(),
        Some(Part::Transfer(detainer, transfer)) => show::transfer(&detainer.name, transfer, withheld).encode_to_vec(),
        Some(Part::Review(detainer, review)) => show::review(&detainer.name, review, None).encode_to_vec(),
        Some(Part::Obligation(detainer, owed)) => show::obligation(&detainer.name, owed, None).encode_to_vec(),
        None => show::transfer_withheld(command.transfer().expect("a pick-up"), withheld).encode_to_vec(),
    };
    let mut answer = field(1, &resource);
    if let Some(Event::CustodyOpened { asked_again, .. }) = records.first().map(|record| &record.event) {
        answer.extend(asked_again.iter().flat_map(|detainer| field(3, detainer.to_string().as_bytes())));
    }
    let explained = [
        Method::AcknowledgeDetainer,
        Method::AnswerDetainer,
        Method::AnswerInterview,
        Method::VerifyWarrant,
        Method::OfferWindow,
        Method::ReviseWindow,
    ];
    if explained.contains(&command.method()) {
        for determination in show::determinations(&records[0].determinations) {
            answer.extend(field(3, &determination.encode_to_vec()));
        }
    }
    answer
}

fn part<'a>(write: &Admitted<Command>, command: &CaseCommand, case: &'a Case, offered: Offered) -> Option<Part<'a>> {
    let kind = command.target().map(|name| name.kind);
    if command.method() == Method::OpenCustody || kind == Some(CaseKind::Custody) {
        return case.custody.as_ref().map(Part::Custody);
    }
    let detainer = case.detainer.as_ref()?;
    if let CaseCommand::ResolveReview { review, .. } = command {
        return Some(Part::Review(detainer, detainer.review(review.matter)?));
    }
    if let CaseCommand::MeetObligation { obligation, .. } = command {
        return Some(Part::Obligation(detainer, detainer.owed(obligation.obligation)?));
    }
    if let Some(name) = command.transfer() {
        return Some(Part::Transfer(detainer, detainer.transfers.iter().find(|transfer| transfer.id == name.id)?));
    }
    if command.method() == Method::OfferWindow && offered == Offered::Itself {
        return Some(Part::Transfer(detainer, detainer.transfers.last()?));
    }
    let issued = detainer.issuer == write.caller.agency.id;
    Some(Part::Detainer(detainer, if issued { Viewpoint::Issuer } else { Viewpoint::Custodian }))
}

/// A field with bytes, as protobuf lays it out.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut laid = vec![number << 3 | 2];
    let mut len = bytes.len();
    while len > 0x7f {
        laid.push(u8::try_from(len & 0x7f).unwrap() | 0x80);
        len >>= 7;
    }
    laid.push(u8::try_from(len).unwrap());
    laid.extend(bytes);
    laid
}

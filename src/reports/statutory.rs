//! Tables that a statute asks a jurisdiction for. Examples for counsel to check, not legal advice.
//!
//! Illinois: 5 ILCS 805/25, a line for each detainer with its receipt, bail or release, and to whom; with none, a nil report is owed.
//! New York City: Administrative Code 9-131, counts of detainers received, of people held and handed over, and of those not honored.

use jiff::Timestamp;

use crate::domain::custody::{ReleaseReason, ReleaseRecipient};
use crate::domain::detainer::AnswerKind;
use crate::reports::detainer::{DetainerFacts, ground};
use crate::reports::fold::Fold;
use crate::reports::report::{LODGED, Question, Table};
use crate::reports::tally::Tally;

/// The tables that the law of the question's jurisdiction asks for. For whoever reads its custody log.
pub(super) fn tables(fold: &Fold, question: &Question) -> Vec<Table> {
    let lodged = fold.detainers.iter().filter(|(_, facts)| facts.lodged_at.is_some_and(|at| question.covers(at)));
    let lodged: Vec<(&str, &DetainerFacts)> = lodged.map(|(name, facts)| (name.as_str(), facts)).collect();
    match question.jurisdiction.as_str() {
        "us-il" => vec![illinois(&lodged)],
        "us-ny-nyc" => vec![new_york_city(&lodged)],
        _ => Vec::new(),
    }
}

fn illinois(lodged: &[(&str, &DetainerFacts)]) -> Table {
    let mut tally = Tally::default();
    for (name, facts) in lodged {
        let moment = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let released = facts.released.as_ref();
        let word = |word: Option<&'static str>| word.unwrap_or_default();
        tally.add(&[
            name,
            &moment(facts.delivered_at.or(facts.lodged_at)),
            &moment(released.and_then(|released| released.said_at)),
            word(released.and_then(|released| released.reason).map(ReleaseReason::word)),
            word(released.and_then(|released| released.recipient).map(ReleaseRecipient::word)),
        ]);
    }
    let title = if lodged.is_empty() {
        "5 ILCS 805/25: a nil report. No detainer was received in the window."
    } else {
        "5 ILCS 805/25: each detainer, when it was received, when and why the person was released, and to whom."
    };
    tally.table("5-ilcs-805-25", title, LODGED, &["detainer", "received", "released", "reason", "to"])
}

fn new_york_city(lodged: &[(&str, &DetainerFacts)]) -> Table {
    let mut tally = Tally::default();
    for word in ["received", "held-on-a-detainer", "handed-to-the-requester", "not-honored"] {
        tally.add_many(&[word, "all"], 0);
    }
    for (_, facts) in lodged {
        tally.add(&["received", "all"]);
        let promised = facts.answer == Some(AnswerKind::HonorHold);
        if promised {
            tally.add(&["held-on-a-detainer", "all"]);
        }
        let recipient = facts.released.as_ref().and_then(|released| released.recipient);
        if recipient == Some(ReleaseRecipient::RequestingAgency) {
            tally.add(&["handed-to-the-requester", "all"]);
        } else if !promised && facts.answer.is_some() {
            tally.add(&["not-honored", "all"]);
            tally.add(&["not-honored", ground(facts.ground)]);
        }
    }
    let title = "Administrative Code 9-131: received, held, handed over, and not honored by ground.";
    tally.table("nyc-9-131", title, LODGED, &["count", "ground"])
}

//! The return section: which fields it has, and which part of which request each is.

use crate::domain::custody::{ReleaseReason, ReleaseRecipient};
use crate::domain::detainer::{AnswerKind, DeclineGround, Finding, LiftReason};
use crate::domain::service::ServiceMethod;
use crate::domain::subject::MatchMethod;
use crate::domain::vocabulary::Vocabulary;

/// A part of the return section: what is filled in in it is one request.
#[derive(Debug)]
pub struct Section {
    /// The method, as `AnswerDetainer`.
    pub method: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Who fills it in, and how.
    pub instruction: &'static str,
    /// Its fields.
    pub items: &'static [Item],
}

/// A field, or a row of boxes of which one is ticked.
#[derive(Debug)]
pub struct Item {
    /// The field's name. A box of a choice has the word after it: `answer.kind.decline`.
    pub name: &'static str,
    /// What stands before it.
    pub label: &'static str,
    /// Where it stands in the request: JSON names.
    pub path: &'static [&'static str],
    /// What goes into it.
    pub kind: Kind,
}

/// What goes into a field.
#[derive(Debug)]
pub enum Kind {
    /// A text of at most so many characters.
    Text(u16),
    /// A time, as 2026-02-01T12:00:00Z.
    Time,
    /// Hexadecimal digits of a SHA-256.
    Sha256,
    /// A number from 0 to 100.
    Percent,
    /// A box: true if it is ticked.
    Check,
    /// A box: the name of the form's detainer if it is ticked.
    ThisDetainer,
    /// A box for each word.
    Choice {
        /// What the contract puts before the word.
        prefix: &'static str,
        /// The words.
        words: fn() -> Vec<&'static str>,
    },
}

const fn item(name: &'static str, label: &'static str, path: &'static [&'static str], kind: Kind) -> Item {
    Item { name, label, path, kind }
}

fn words<V: Vocabulary>() -> Vec<&'static str> {
    V::VARIANTS.iter().map(|variant| variant.plain_word()).collect()
}

/// That the person was not found in time the gateway records itself.
fn findings() -> Vec<&'static str> {
    let said = Finding::VARIANTS.iter().filter(|finding| **finding != Finding::NotFoundInTime);
    said.map(|finding| finding.plain_word()).collect()
}

/// The return section, in the order in which its requests are sent.
pub const SECTIONS: &[Section] = &[
    Section {
        method: "AcknowledgeDetainer",
        title: "A. What was found",
        instruction: "By the agency that received the detainer. The custody record is named where the person is in custody.",
        items: &[
            item(
                "found.finding",
                "Finding",
                &["acknowledgement", "finding"],
                Kind::Choice { prefix: "FINDING", words: findings },
            ),
            item("found.custody", "Custody record", &["acknowledgement", "custody"], Kind::Text(200)),
            item("found.duplicate", "Duplicate of the detainer", &["acknowledgement", "duplicateOf"], Kind::Text(200)),
            item(
                "found.until",
                "Not in custody now: ask again until (as 2026-02-01)",
                &["acknowledgement", "askAgainUntil"],
                Kind::Text(10),
            ),
            item(
                "found.method",
                "Matched by",
                &["acknowledgement", "matchMethod"],
                Kind::Choice { prefix: "MATCH_METHOD", words: words::<MatchMethod> },
            ),
            item("found.confidence", "Certain to, per cent", &["acknowledgement", "confidencePercent"], Kind::Percent),
            item("found.at", "Found at (UTC)", &["acknowledgement", "occurredAt"], Kind::Time),
            item("found.reason", "Reason of the officer", &["acknowledgement", "reason"], Kind::Text(1_000)),
        ],
    },
    Section {
        method: "AnswerDetainer",
        title: "B. What the agency will do",
        instruction: "By the agency that holds the person. The law relied on is cited; a ground is given where both are declined.",
        items: &[
            item(
                "answer.kind",
                "Answer",
                &["answer", "kind"],
                Kind::Choice { prefix: "ANSWER_KIND", words: words::<AnswerKind> },
            ),
            item(
                "answer.ground",
                "Ground of declining",
                &["answer", "ground"],
                Kind::Choice { prefix: "DECLINE_GROUND", words: words::<DeclineGround> },
            ),
            item("answer.law", "Law relied on", &["answer", "legalBasis"], Kind::Text(200)),
            item("answer.at", "Answered at (UTC)", &["answer", "occurredAt"], Kind::Time),
            item("answer.reason", "Reason of the officer", &["answer", "reason"], Kind::Text(1_000)),
        ],
    },
    Section {
        method: "RecordServiceOfCopy",
        title: "C. Service of a copy on the person",
        instruction: "By the agency that served it. The copy is named by the SHA-256 of its file, 64 hexadecimal digits.",
        items: &[
            item("served.at", "Served at (UTC)", &["serviceOfCopy", "servedAt"], Kind::Time),
            item(
                "served.method",
                "Served",
                &["serviceOfCopy", "method"],
                Kind::Choice { prefix: "SERVICE_METHOD", words: words::<ServiceMethod> },
            ),
            item("served.language", "Language (BCP 47, as es)", &["serviceOfCopy", "language"], Kind::Text(35)),
            item("served.copy", "SHA-256 of the copy", &["serviceOfCopy", "copySha256"], Kind::Sha256),
            item("served.counsel", "The person's counsel was told", &["serviceOfCopy", "counselTold"], Kind::Check),
        ],
    },
    Section {
        method: "RecordRelease",
        title: "D. Release from custody",
        instruction: "By the agency that released the person, once it has.",
        items: &[
            item("released.custody", "Custody record", &["name"], Kind::Text(200)),
            item("released.at", "Released at (UTC)", &["release", "releasedAt"], Kind::Time),
            item(
                "released.reason",
                "Why",
                &["release", "reason"],
                Kind::Choice { prefix: "RELEASE_REASON", words: words::<ReleaseReason> },
            ),
            item(
                "released.recipient",
                "To whom",
                &["release", "recipient"],
                Kind::Choice { prefix: "RELEASE_RECIPIENT", words: words::<ReleaseRecipient> },
            ),
            item("released.order", "By whose order", &["release", "orderedBy"], Kind::Text(200)),
            item("released.place", "Where", &["release", "place"], Kind::Text(200)),
            item("released.public", "The date is open to the public", &["release", "datePublic"], Kind::Check),
            item("released.under", "Handed over under this detainer", &["detainer"], Kind::ThisDetainer),
            item("released.because", "Reason for a hand-over", &["reason"], Kind::Text(1_000)),
        ],
    },
    Section {
        method: "WithdrawDetainer",
        title: "E. Lift of the detainer",
        instruction: "By the agency that issued the detainer. Nothing else on this form is then asked any more.",
        items: &[item(
            "lifted.reason",
            "Lifted because",
            &["reason"],
            Kind::Choice { prefix: "LIFT_REASON", words: words::<LiftReason> },
        )],
    },
];

/// A read-only field: which layout of form it is.
pub(super) const LAYOUT_FIELD: &str = "form";
/// The layout of this program.
pub(super) const LAYOUT: &str = "comity-return-1";
/// A read-only field: the detainer's name.
pub(super) const DETAINER_FIELD: &str = "detainer";
/// A read-only field: the version of the request that stands on the form.
pub(super) const VERSION_FIELD: &str = "version";

//! Fills every personal field of a request, found in the contract by its class, with a canary of its own: one that is
//! valid where it must be, or one that is not.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use comity::wire::v1;
use prost_reflect::{DynamicMessage, MethodDescriptor, Value};

use crate::canaries::needles::Canary;
use crate::harness::descriptor::{self, Holds, Place};

/// Personal is every class but the one of facts for counting. Enumerations and flags have too few values to tell one from
/// another.
const COUNT: &str = "FIELD_CLASS_COUNT";

/// What a write is wrapped in. A field beside these has no class of its own, and is as personal as one that has.
const ENVELOPE: [&str; 8] = ["name", "parent", "detainer", "entry", "request_id", "etag", "cursor", "consumer"];

/// Fields that cannot carry one, each with the reason.
pub(super) const BARE: [(&str, &str); 6] = [
    ("Acknowledgement.ask_again_until", "goes with a finding of its own, with which no custody is named"),
    ("Acknowledgement.custody", "has to name a case, by the id that the gateway drew for it"),
    ("Acknowledgement.confidence_percent", "a number up to a hundred is everywhere"),
    ("Acknowledgement.duplicate_of", "has to name a case, by the id that the gateway drew for it"),
    ("IssueAppealRequest.detainer_ids", "have to name cases, by the ids that the gateway drew for them"),
    ("Movement.custodian", "has to name an agency of the exchange"),
];

/// A field as the lists name it.
pub(super) fn key(place: &Place) -> String {
    format!("{}.{}", place.field.parent_message().name(), place.field.name())
}

/// Whether a field is personal and of a kind that can hold a canary.
pub(super) fn is_personal(place: &Place) -> bool {
    let above = place.field.parent_message();
    let of_a_write = above.get_field_by_name("request_id").is_some() && !ENVELOPE.contains(&place.field.name());
    let personal = place.class.as_deref().map_or(of_a_write, |class| class != COUNT);
    personal && !matches!(place.holds(), Holds::Flag | Holds::Word(_))
}

/// What was planted where.
#[derive(Debug, Default)]
pub(super) struct Planted {
    made: u32,
    /// By method and path, as `CustodyService/OpenCustody custody.subject.name.family`; and whether the contract lets
    /// the gateway alone fill it in, so that it must not arrive.
    pub(super) canaries: BTreeMap<String, (Canary, bool)>,
}

impl Planted {
    /// A request with a good canary in each personal field that is to be there.
    pub(super) fn good(&mut self, method: &MethodDescriptor, is_there: impl Fn(&Place) -> bool) -> DynamicMessage {
        descriptor::fill(&method.input(), &mut |place| {
            if is_there(place) { self.good_value(method, place) } else { None }
        })
    }

    /// The same, where those that `is_bad` are bad.
    pub(super) fn mixed(&mut self, method: &MethodDescriptor, is_bad: impl Fn(&Place) -> bool) -> DynamicMessage {
        descriptor::fill(&method.input(), &mut |place| {
            if is_bad(place) { self.bad_value(method, place) } else { self.good_value(method, place) }
        })
    }

    /// A text that nothing else contains.
    pub(super) fn word(&mut self, place: &str) -> String {
        self.made += 1;
        let word = format!("Zebra{:04}Quark", self.made);
        self.canaries.insert(place.to_owned(), (Canary::Text(word.clone()), true));
        word
    }

    fn good_value(&mut self, method: &MethodDescriptor, place: &Place) -> Option<Value> {
        if let Holds::Word(_) = place.holds() {
            return Some(Value::EnumNumber(match key(place).as_str() {
                // A charge that has a day of conviction was a conviction.
                "Charge.status" => v1::ChargeStatus::Convicted.into(),
                _ => 1,
            }));
        }
        if !is_personal(place) || BARE.iter().any(|(field, _)| *field == key(place)) {
            return None;
        }
        self.made += 1;
        let n = self.made;
        let (canary, value) = match place.holds() {
            Holds::Flag | Holds::Word(_) | Holds::Message(_) => return None,
            Holds::Time => soon(n),
            // A number that is no port, and that most limits let pass. Else `BARE` is where to say why not.
            Holds::Int32 => (Canary::Word("98739".to_owned()), Value::I32(98_739)),
            Holds::Int64 => (Canary::Word("98739".to_owned()), Value::I64(98_739)),
            Holds::Text => good_text(&key(place), n),
            // As long as a digest.
            Holds::Bytes if key(place) == "Warrant.document_sha256" => {
                let (_, document) = bytes(0, 32);
                (Canary::Word("Zebra0000Quark".to_owned()), document)
            }
            Holds::Bytes => bytes(n, 32),
        };
        self.plant(method, place, canary);
        Some(value)
    }

    fn bad_value(&mut self, method: &MethodDescriptor, place: &Place) -> Option<Value> {
        self.made += 1;
        let n = self.made;
        let number = 917_364_000 + i32::try_from(n).unwrap();
        let text = |value| (Canary::Text(number.to_string()), value);
        let (canary, value) = match place.holds() {
            Holds::Flag | Holds::Message(_) => return None,
            // After 2100.
            Holds::Time => time(9_170_000_000, n),
            Holds::Word(_) => text(Value::EnumNumber(number)),
            Holds::Int32 => text(Value::I32(number)),
            Holds::Bytes => bytes(n, 0),
            // A number of the envelope's, such as a position in a log.
            Holds::Int64 => text(Value::I64(-i64::from(number))),
            Holds::Text => {
                let word = format!("Zebra{n:04}Quark");
                // No field takes a control character.
                (Canary::Text(word.clone()), Value::String(format!("{word}\u{7}")))
            }
        };
        self.plant(method, place, canary);
        Some(value)
    }

    fn plant(&mut self, method: &MethodDescriptor, place: &Place, canary: Canary) {
        let path = format!("{} {} ({})", descriptor::name(method), place.path, self.made);
        self.canaries.insert(path, (canary, place.output_only));
    }
}

/// About now, as the clock of an agency may have it that is ahead of the gateway's: later than anything that the gateway
/// itself dates while the test runs, and each later than the one before.
fn soon(n: u32) -> (Canary, Value) {
    static AHEAD: LazyLock<i64> = LazyLock::new(|| jiff::Timestamp::now().as_second() + 200);
    let (seconds, nanos) = (*AHEAD + i64::from(n) / 40, 910_653_589 + i32::try_from(n).unwrap());
    (Canary::Time(seconds, nanos), descriptor::time(seconds, nanos))
}

fn time(from: i64, n: u32) -> (Canary, Value) {
    let (seconds, nanos) = (from + i64::from(n) * 86_411, 910_653_589 + i32::try_from(n).unwrap());
    (Canary::Time(seconds, nanos), descriptor::time(seconds, nanos))
}

/// Each later than the one before.
fn day(from: u32, n: u32) -> String {
    format!("{}-{:02}-{:02}", from + n / 300, 1 + n / 25 % 12, 1 + n % 25)
}

fn bytes(n: u32, len_min: usize) -> (Canary, Value) {
    let word = format!("Zebra{n:04}Quark");
    let padded = format!("{word:.<len_min$}");
    (Canary::Text(word), Value::Bytes(padded.into_bytes().into()))
}

/// A text of the form that the field wants. Any other field takes any text; one that does not is refused, and this is
/// where to say what it takes.
fn good_text(field: &str, n: u32) -> (Canary, Value) {
    // Too short to tell one from another, and so the same wherever they stand.
    let word = match field {
        "Subject.citizenship" => Some("QZX"),
        "Charge.ncic_code" => Some("0739"),
        "Charge.nibrs_code" => Some("73Q"),
        // Of a warrant that is verified nothing reads otherwise than in the request.
        "Warrant.court" => Some("ZebraCourtQuark"),
        "Warrant.signer" => Some("ZebraSignerQuark"),
        "Warrant.docket" => Some("ZebraDocketQuark"),
        "Warrant.expires_on" => Some("2047-11-23"),
        _ => None,
    };
    if let Some(word) = word {
        return (Canary::Word(word.to_owned()), Value::String(word.to_owned()));
    }
    let text = match field {
        "Subject.birth_date" => day(1850, n),
        "Warrant.document_media_type" => format!("application/zebra{n:04}quark"),
        "Charge.charged_on" | "Charge.convicted_on" => day(1950, n),
        "ReleaseEligibility.eligible_on" => day(2060, n),
        "Identifiers.alien_number" => format!("{}", 917_364_000 + n),
        "Identifiers.fbi_number" => format!("QZX{n:06}"),
        "Identifiers.state_id" => format!("NYQZX{n:05}"),
        "Identifiers.booking_number" | "AcceptMoveRequest.booking_number" => format!("QZB-{n:06}-X"),
        "Identifiers.din" => format!("{}-Q-{:04}", 73 + n / 10_000, n % 10_000),
        "Custody.facility" | "Movement.facility" | "TransferWindow.facility" | "AcceptMoveRequest.facility" => {
            format!("QZF{n:06}XQ")
        }
        "ServiceOfCopy.language" | "Interview.language" | "InterviewAdvisal.language" => format!("qz-x-zq{n:06}"),
        _ => format!("Zebra{n:04}Quark"),
    };
    (Canary::Text(text.clone()), Value::String(text))
}

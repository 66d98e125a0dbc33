//! Fills every personal field of a request, found in the contract by its class, with a canary of its own: one that is
//! valid where it must be, or one that is not.

use std::collections::BTreeMap;

use prost_reflect::{DynamicMessage, Kind, MethodDescriptor, Value};

use crate::canaries::needles::Canary;
use crate::harness::descriptor::{self, Place};

/// Personal is every class but the one of facts for counting. What the envelope of a request holds (`name`, `parent`,
/// `request_id`, `etag`, `cursor`) has none, and enumerations and flags have too few values to tell one from another.
const COUNT: &str = "FIELD_CLASS_COUNT";

/// Fields that cannot carry one, each with the reason.
pub(super) const BARE: [(&str, &str); 2] = [
    ("Acknowledgement.custody", "has to name a case, by the id that the gateway drew for it"),
    ("Acknowledgement.confidence_percent", "a number up to a hundred is everywhere"),
];

/// A field as the lists name it.
pub(super) fn key(place: &Place) -> String {
    format!("{}.{}", place.field.parent_message().name(), place.field.name())
}

/// Whether a field is personal and of a kind that can hold a canary.
pub(super) fn is_personal(place: &Place) -> bool {
    let class = place.class.as_deref();
    class.is_some_and(|class| class != COUNT) && !matches!(place.field.kind(), Kind::Bool | Kind::Enum(_))
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
    /// A request with a good canary in each personal field.
    pub(super) fn good(&mut self, method: &MethodDescriptor) -> DynamicMessage {
        descriptor::fill(&method.input(), &mut |place| self.good_value(method, place))
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
        if let Kind::Enum(_) = place.field.kind() {
            return Some(Value::EnumNumber(1));
        }
        if !is_personal(place) || BARE.iter().any(|(field, _)| *field == key(place)) {
            return None;
        }
        self.made += 1;
        let n = self.made;
        if place.is_time() {
            let (seconds, nanos) = (2_942_197_255 + i64::from(n) * 86_411, 910_653_589 + i32::try_from(n).unwrap());
            self.plant(method, place, Canary::Time(seconds, nanos));
            return Some(descriptor::time(seconds, nanos));
        }
        let (canary, value) = match place.field.kind() {
            Kind::String => {
                let canary = good_text(&key(place), n);
                let (Canary::Text(text) | Canary::Word(text)) = &canary else { unreachable!("a text") };
                let value = Value::String(text.clone());
                (canary, value)
            }
            // A number that is no port, and that most limits let pass. Else `BARE` is where to say why not.
            Kind::Int32 => (Canary::Word("98739".to_owned()), Value::I32(98_739)),
            kind => panic!("{} is of kind {kind:?}, of which there is no canary yet", place.path),
        };
        self.plant(method, place, canary);
        Some(value)
    }

    fn bad_value(&mut self, method: &MethodDescriptor, place: &Place) -> Option<Value> {
        self.made += 1;
        let n = self.made;
        if place.is_time() {
            // After 2100.
            let (seconds, nanos) = (9_170_000_000 + i64::from(n) * 86_411, 910_653_589 + i32::try_from(n).unwrap());
            self.plant(method, place, Canary::Time(seconds, nanos));
            return Some(descriptor::time(seconds, nanos));
        }
        let number = 917_364_000 + i32::try_from(n).unwrap();
        let (text, value) = match place.field.kind() {
            Kind::Bool => return None,
            Kind::Enum(_) => (number.to_string(), Value::EnumNumber(number)),
            Kind::Int32 => (number.to_string(), Value::I32(number)),
            // A number of the envelope's, such as a position in a log.
            Kind::Int64 => (number.to_string(), Value::I64(-i64::from(number))),
            Kind::String => {
                let text = format!("Zebra{n:04}Quark");
                // No field takes a control character.
                (text.clone(), Value::String(format!("{text}\u{7}")))
            }
            kind => panic!("{} is of kind {kind:?}, of which there is no canary yet", place.path),
        };
        self.plant(method, place, Canary::Text(text));
        Some(value)
    }

    fn plant(&mut self, method: &MethodDescriptor, place: &Place, canary: Canary) {
        let path = format!("{} {} ({})", descriptor::name(method), place.path, self.made);
        self.canaries.insert(path, (canary, place.output_only));
    }
}

/// A text of the form that the field wants. Any other field takes any text; one that does not is refused, and this is
/// where to say what it takes.
fn good_text(field: &str, n: u32) -> Canary {
    let text = match field {
        "Subject.birth_date" | "Charge.charged_on" | "Charge.convicted_on" => {
            format!("{}-{:02}-{:02}", 1850 + n / 300, 1 + n / 25 % 12, 1 + n % 25)
        }
        // Too short to tell one from another, so the same wherever they stand.
        "Subject.citizenship" => return Canary::Word("QZX".to_owned()),
        "Charge.ncic_code" => return Canary::Word("0739".to_owned()),
        "Charge.nibrs_code" => return Canary::Word("73Q".to_owned()),
        "Identifiers.alien_number" => format!("{}", 917_364_000 + n),
        "Identifiers.fbi_number" => format!("QZX{n:06}"),
        "Identifiers.state_id" => format!("NYQZX{n:05}"),
        "Identifiers.booking_number" => format!("QZB-{n:06}-X"),
        "Identifiers.din" => format!("{:02}-Q-{n:04}", 73),
        "Custody.facility" => format!("QZF{n:06}XQ"),
        _ => format!("Zebra{n:04}Quark"),
    };
    Canary::Text(text)
}

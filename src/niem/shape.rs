//! What a field of a request looks like in a document.

use std::collections::BTreeSet;

use crate::domain::vocabulary::Vocabulary;

/// The property of a date with its time. NIEM: nc:DateTime stands for nc:DateRepresentation.
pub(super) const DATE_TIME: &str = "nc:DateTime";
/// The properties of a date, by how many characters it has: the day, or day and month, may be unknown.
pub(super) const DATES: [(usize, &str); 3] = [(10, "nc:Date"), (7, "nc:YearMonthDate"), (4, "nc:YearDate")];
/// The properties of a country code, by how many letters it has.
pub(super) const COUNTRIES: [(usize, &str); 2] = [(3, "iso_3166:CountryAlpha3Code"), (2, "ncic:CountryCode")];
/// The code of why a detainer was lifted, and the text beside it.
pub(super) const LIFT_CODE: &str = "im:DetentionDetainerLiftCode";
/// See [`LIFT_CODE`].
pub(super) const LIFT_TEXT: &str = "im:DetentionDetainerLiftDescriptionText";

/// A request of one method.
pub(super) struct Message {
    pub(super) method: &'static str,
    pub(super) fields: &'static [Field],
}

/// One field of a message.
pub(super) struct Field {
    /// Its name in the JSON of the request.
    pub(super) proto: &'static str,
    /// The properties that lead to it. Empty for [`Shape::Group`] and [`Shape::DateBy`].
    pub(super) path: &'static [&'static str],
    pub(super) shape: Shape,
    /// It may occur more than once.
    pub(super) many: bool,
}

/// How a value is written.
pub(super) enum Shape {
    /// A text, as it is.
    Text,
    /// True, or absent.
    Indicator,
    /// Days, as a duration: P30D (XML Schema).
    Days,
    /// A time, as an object with [`DATE_TIME`].
    DateTime,
    /// A date, as an object with one of [`DATES`].
    Date,
    /// Bytes, in hexadecimal digits.
    Hex,
    /// A word of ours. The value of the request has the prefix before it.
    Word { prefix: &'static str, words: fn() -> Vec<&'static str> },
    /// A code or text of NIEM's for each of our words.
    Coded { prefix: &'static str, codes: &'static [(&'static str, &'static str)] },
    /// A country code, as an object with one of [`COUNTRIES`].
    Country,
    /// [`LIFT_CODE`] and [`LIFT_TEXT`]: of each of our words the code, and the word itself.
    Lift(&'static [(&'static str, &'static str)]),
    /// A message.
    Object(&'static [Field]),
    /// A message whose properties stand among those of the message around it. One that says nothing leaves nothing.
    Group(&'static [Field]),
    /// A time whose property is chosen by the word of another field.
    DateBy { by: &'static str, prefix: &'static str, names: &'static [(&'static str, &'static str)] },
}

/// A field that occurs once.
pub(super) const fn one(proto: &'static str, path: &'static [&'static str], shape: Shape) -> Field {
    Field { proto, path, shape, many: false }
}

/// A field that may occur often.
pub(super) const fn many(proto: &'static str, path: &'static [&'static str], shape: Shape) -> Field {
    Field { proto, path, shape, many: true }
}

/// The words of a vocabulary.
pub(super) fn words<V: Vocabulary>() -> Vec<&'static str> {
    V::VARIANTS.iter().map(|variant| variant.plain_word()).collect()
}

/// Adds every property that such fields may have.
pub(super) fn gather(fields: &'static [Field], properties: &mut BTreeSet<&'static str>) {
    for field in fields {
        properties.extend(field.path);
        match &field.shape {
            Shape::Text | Shape::Indicator | Shape::Days | Shape::Hex | Shape::Word { .. } | Shape::Coded { .. } => {}
            Shape::DateTime => {
                properties.insert(DATE_TIME);
            }
            Shape::Date => properties.extend(DATES.map(|(_, name)| name)),
            Shape::Country => properties.extend(COUNTRIES.map(|(_, name)| name)),
            Shape::Lift(_) => properties.extend([LIFT_CODE, LIFT_TEXT]),
            Shape::Object(fields) | Shape::Group(fields) => gather(fields, properties),
            Shape::DateBy { names, .. } => {
                properties.insert(DATE_TIME);
                properties.extend(names.iter().map(|(_, name)| *name));
            }
        }
    }
}

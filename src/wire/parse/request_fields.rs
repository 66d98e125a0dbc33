//! Reads the fields of a request, and collects their faults. The path of a field becomes a text only where something is said of
//! it: most requests have no fault, and some thirty fields.

use std::fmt::{Arguments, Display};
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::domain::ids::{AgencyId, CaseKind, CaseName, InvalidId, JurisdictionId, RequestId};
use crate::domain::text::TextKind;
use crate::domain::vocabulary::Vocabulary;
use crate::wire::normalized::NormalizedTexts;
use crate::wire::{Violation, Violations, enums};

/// Collects the faults of one request, and the texts that were sent in another spelling than the one that is kept.
#[derive(Debug, Default)]
pub struct RequestFields {
    faults: Violations,
    pub(super) normalized: NormalizedTexts,
}

/// Faults that are named. More would not fit into the headers that a client accepts.
const FAULTS_MAX: usize = 20;

impl RequestFields {
    /// The value, if no field is at fault.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Violations> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            Some(_) | None => {
                // A value is missing only with a fault. Should this ever fail to hold, refuse all the same.
                if self.faults.is_empty() {
                    self.fault("request", "complete");
                }
                self.faults.truncate(FAULTS_MAX);
                Err(self.faults)
            }
        }
    }

    /// Records a fault.
    pub fn fault(&mut self, field: impl Display + Copy, expected: &str) {
        self.faults.push(Violation { field: field.to_string(), description: format!("must be {expected}") });
    }

    /// The value, or a recorded fault.
    pub fn parsed<T>(&mut self, field: impl Display + Copy, value: Result<T, InvalidId>) -> Option<T> {
        value.map_err(|error| self.fault(field, error.expected)).ok()
    }

    /// The SHA-256 of a document. Refuses what stands for no document, such as zeros or the hash of nothing.
    pub fn digest(&mut self, field: impl Display + Copy, bytes: Vec<u8>) -> Option<[u8; 32]> {
        const OF_NOTHING: [u8; 32] = [
            0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae,
            0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
        ];
        let digest: Result<[u8; 32], _> = bytes.try_into().map_err(|_| InvalidId { expected: "32 bytes" });
        let of_a_document = |digest: &[u8; 32]| ![OF_NOTHING, [0; 32], [0xff; 32]].contains(digest);
        let expected = InvalidId { expected: "the SHA-256 of a document that is there" };
        self.parsed(field, digest.and_then(|digest| of_a_document(&digest).then_some(digest).ok_or(expected)))
    }

    /// A message that must be present.
    pub fn required<T>(&mut self, field: impl Display + Copy, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.fault(field, "present");
        }
        value
    }

    /// A text of at most `chars_max` characters, which may be empty.
    pub fn text(&mut self, field: impl Display + Copy, text: &str, of: TextKind, chars_max: usize) -> Option<String> {
        match of.read(text, chars_max) {
            Ok(read) => {
                self.normalized.record(field, text, read.as_deref().unwrap_or_default());
                read
            }
            Err(flaw) => {
                self.fault(field, &flaw.to_string());
                None
            }
        }
    }

    /// A text that must be present.
    pub fn required_text(
        &mut self,
        field: impl Display + Copy,
        text: &str,
        of: TextKind,
        chars_max: usize,
    ) -> Option<String> {
        let faults = self.faults.len();
        let text = self.text(field, text, of, chars_max);
        if text.is_none() && self.faults.len() == faults {
            self.fault(field, "present");
        }
        text
    }

    /// An identifier that must be given.
    pub fn required_id<T: FromStr<Err = InvalidId> + Display>(
        &mut self,
        field: impl Display + Copy,
        text: &str,
    ) -> Option<T> {
        let id: T = self.parsed(field, text.parse())?;
        self.normalized.record(field, text, &id.to_string());
        Some(id)
    }

    /// An identifier that may be empty.
    pub fn id<T: FromStr<Err = InvalidId> + Display>(&mut self, field: impl Display + Copy, text: &str) -> Option<T> {
        if text.is_empty() { None } else { self.required_id(field, text) }
    }

    /// An enumeration that must be given.
    pub fn required_word<V: Vocabulary>(&mut self, field: impl Display + Copy, number: i32) -> Option<V> {
        let value = enums::from_wire(number);
        if value.is_none() {
            self.fault(field, "a value of the contract other than UNSPECIFIED");
        }
        value
    }

    /// An enumeration that may be UNSPECIFIED.
    pub fn word<V: Vocabulary>(&mut self, field: impl Display + Copy, number: i32) -> Option<V> {
        if number == 0 { None } else { self.required_word(field, number) }
    }

    /// A date, YYYY-MM-DD, that may be empty.
    pub fn date(&mut self, field: impl Display + Copy, text: &str) -> Option<Date> {
        if text.is_empty() {
            return None;
        }
        let date = Date::strptime("%Y-%m-%d", text).ok().filter(|date| date.to_string() == text && date.year() >= 1850);
        self.parsed(field, date.ok_or(InvalidId { expected: "a date as YYYY-MM-DD" }))
    }

    /// A time that may be absent.
    pub fn time(&mut self, field: impl Display + Copy, time: Option<prost_types::Timestamp>) -> Option<Timestamp> {
        let time = time?;
        let parsed = Timestamp::new(time.seconds, time.nanos).ok().filter(|parsed| {
            // The years that a case may concern. A mistyped unit (milliseconds for seconds) falls outside.
            (0..=4_102_444_800).contains(&parsed.as_second()) && (0..1_000_000_000).contains(&time.nanos)
        });
        self.parsed(field, parsed.ok_or(InvalidId { expected: "a time between 1970 and 2100" }))
    }

    /// A time that must be present.
    pub fn required_time(
        &mut self,
        field: impl Display + Copy,
        time: Option<prost_types::Timestamp>,
    ) -> Option<Timestamp> {
        let time = self.required(field, time);
        self.time(field, time)
    }

    /// `agencies/{id}`, which may be empty.
    pub fn agency(&mut self, field: impl Display + Copy, text: &str) -> Option<AgencyId> {
        const EXPECTED: InvalidId = InvalidId { expected: "agencies/{id}" };
        if text.is_empty() {
            return None;
        }
        self.parsed(field, text.strip_prefix("agencies/").ok_or(EXPECTED).and_then(str::parse))
    }

    /// `agencies/{id}`, which must be given.
    pub fn required_agency(&mut self, field: impl Display + Copy, text: &str) -> Option<AgencyId> {
        if text.is_empty() {
            self.fault(field, "agencies/{id}");
        }
        self.agency(field, text)
    }

    /// A text that must be empty here.
    pub fn empty(&mut self, field: impl Display + Copy, text: &str, expected: &str) {
        if !text.is_empty() {
            self.fault(field, expected);
        }
    }

    /// `jurisdictions/{id}`.
    pub fn jurisdiction(&mut self, field: impl Display + Copy, text: &str) -> Option<JurisdictionId> {
        const EXPECTED: InvalidId = InvalidId { expected: "jurisdictions/{id}" };
        self.parsed(field, text.strip_prefix("jurisdictions/").ok_or(EXPECTED).and_then(str::parse))
    }

    /// The name of a case of one kind.
    pub fn case(&mut self, field: impl Display + Copy, text: &str, kind: CaseKind) -> Option<CaseName> {
        let expected = match kind {
            CaseKind::Detainer => "jurisdictions/{id}/detainers/{uuid}",
            CaseKind::Custody => "jurisdictions/{id}/custodies/{uuid}",
            CaseKind::Appeal => "jurisdictions/{id}/appeals/{uuid}",
        };
        let name = text.parse::<CaseName>().ok().filter(|name| name.kind == kind);
        let name = self.parsed(field, name.ok_or(InvalidId { expected }))?;
        self.normalized.record(field, text, &name.to_string());
        Some(name)
    }

    /// A UUID other than nil.
    pub fn request_id(&mut self, text: &str) -> Option<RequestId> {
        self.required_id("request_id", text)
    }

    /// A number of at most `max`.
    pub fn number(&mut self, field: impl Display + Copy, number: i32, max: u32) -> Option<u32> {
        let number = u32::try_from(number).ok().filter(|number| *number <= max);
        if number.is_none() {
            self.fault(field, &format!("between 0 and {max}"));
        }
        number
    }

    /// A list of at most `len_max`.
    pub fn list<T, U>(
        &mut self,
        field: impl Display + Copy,
        items: Vec<T>,
        len_max: usize,
        mut parse: impl FnMut(&mut Self, Arguments<'_>, T) -> Option<U>,
    ) -> Vec<U> {
        if items.len() > len_max {
            self.fault(field, &format!("a list of at most {len_max}"));
            return Vec::new();
        }
        let items = items.into_iter().enumerate();
        items.filter_map(|(at, item)| parse(self, format_args!("{field}[{at}]"), item)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_in_another_spelling_is_noted_by_its_field() {
        let mut fields = RequestFields::default();
        fields.text("subject.name.family", " Nu\u{301}n\u{303}ez ", TextKind::Name, 20);
        fields.text("reason", "as it is kept", TextKind::Reason, 20);
        fields.id::<crate::domain::ids::Din>("subject.identifiers.din", "24b1234");
        fields.request_id("0198C0DE-0000-7000-8000-000000000001");
        let noted: Vec<_> = fields.normalized.iter().collect();
        assert_eq!(
            noted,
            [
                ("subject.name.family", "Núñez"),
                ("subject.identifiers.din", "24-B-1234"),
                ("request_id", "0198c0de-0000-7000-8000-000000000001")
            ]
        );
        assert!(fields.finish(Some(())).is_ok());
    }
}

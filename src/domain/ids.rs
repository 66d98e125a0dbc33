//! Names and identifiers: of jurisdictions, agencies, cases and logs, and those that the field uses for persons.
//!
//! Each is parsed once, where it enters. Inside there are no raw strings.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use uuid::Uuid;

use crate::domain::spelling;

/// Why a text is not a valid identifier. It MUST NOT hold the text itself, which may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {expected}")]
pub struct InvalidId {
    /// The shape that was expected, in words.
    pub expected: &'static str,
}

/// Defines a text newtype that is valid by construction. It keeps the text as given, or, with a respelling function, in
/// the one canonical spelling. Short ones are kept in place: names are copied everywhere, and that must cost little.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $valid:expr) => {
        text_id!($(#[$doc])* $name, $expected, respelt: |text| {
            let valid: fn(&str) -> bool = $valid;
            valid(text).then(|| SmolStr::new(text))
        });
    };
    ($(#[$doc:meta])* $name:ident, $expected:literal, respelt: $respell:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "SmolStr", into = "SmolStr")]
        #[schemars(with = "String")]
        pub struct $name(SmolStr);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                respell(text, $respell).map(Self).ok_or(InvalidId { expected: $expected })
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl TryFrom<SmolStr> for $name {
            type Error = InvalidId;
            fn try_from(text: SmolStr) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for SmolStr {
            fn from(id: $name) -> SmolStr {
                id.0
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.debug_text())
            }
        }
    };
}

/// Debug text: public identifiers are printed, those of persons are not.
macro_rules! debug_text {
    (public: $($public:ident),+; personal: $($personal:ident),+) => {
        $(impl $public { fn debug_text(&self) -> &str { &self.0 } })+
        $(impl $personal {
            fn debug_text(&self) -> &'static str { "withheld" }
        })+
    };
}

text_id!(
    /// A jurisdiction, whose law applies: `us-ny`, `us-ny-nyc`, `us-tx`.
    JurisdictionId,
    "lower-case words joined by hyphens, 2 to 40 characters, such as us-ny",
    is_slug
);
text_id!(
    /// An agency on the exchange: `us-ice`, `us-ny-doccs`. The last part of its SPIFFE id.
    AgencyId,
    "lower-case words joined by hyphens, 2 to 40 characters, such as us-ny-doccs",
    is_slug
);
text_id!(
    /// One system of an agency that receives its inbox: `default`, `case-system`.
    ConsumerId,
    "lower-case words joined by hyphens, 2 to 40 characters, such as case-system",
    is_slug
);
text_id!(
    /// A language, by its BCP 47 tag: `es`, `zh-Hant`.
    LanguageTag,
    "a BCP 47 language tag of at most 35 characters, such as es or zh-Hant",
    respelt: spelling::language
);
text_id!(
    /// Originating agency identifier, nine characters (`j:OrganizationORIIdentification`).
    Ori,
    "an ORI of nine letters and digits, such as NY030015G",
    respelt: spelling::ori
);
text_id!(
    /// The custodian's own code of a facility.
    FacilityCode,
    "a facility code of 2 to 12 letters and digits",
    respelt: |text| spelling::upper(text).filter(|code| (2..=12).contains(&code.len()))
);
text_id!(
    /// Alien registration number, as nine digits (`im:AlienNumberIdentification`).
    AlienNumber,
    "an A-number of 7 to 9 digits, such as 012345678 or A012-345-678",
    respelt: spelling::alien_number
);
text_id!(
    /// FBI universal control number, up to 9 alphanumerics (`j:PersonFBIIdentification`).
    FbiNumber,
    "an FBI number of 1 to 9 letters and digits",
    respelt: spelling::fbi_number
);
text_id!(
    /// State identification number: two letters of the state, then its own number
    /// (`j:PersonStateFingerprintIdentification`).
    StateId,
    "a SID of two state letters and 1 to 8 letters and digits, or a NYSID of 8 digits and a letter",
    respelt: spelling::state_id
);
text_id!(
    /// Booking number of a jail (`j:BookingAgencyRecordIdentification`), as the jail writes it.
    BookingNumber,
    "a booking number of 1 to 20 letters, digits and hyphens",
    |text| (1..=20).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
);
text_id!(
    /// New York departmental identification number, as `24-B-1234`.
    Din,
    "a New York DIN such as 24-B-1234",
    respelt: spelling::din
);
text_id!(
    /// Citizenship: an ISO 3166-1 alpha-3 or a two-letter NCIC place code (`nc:PersonCitizenship`).
    CountryCode,
    "two or three letters",
    respelt: |text| spelling::upper(text)
        .filter(|code| (2..=3).contains(&code.len()) && code.chars().all(|c| c.is_ascii_uppercase()))
);
text_id!(
    /// NCIC uniform offence code, four digits; its first two name the group.
    NcicCode,
    "an NCIC offence code of four digits",
    |text| text.len() == 4 && digits(text)
);
text_id!(
    /// NIBRS offence code, two digits and up to two alphanumerics: `13A`, `09A`, `520`.
    NibrsCode,
    "a NIBRS offence code of three characters",
    respelt: |text| spelling::upper(text)
        .filter(|code| code.len() == 3 && code.chars().take(2).all(|c| c.is_ascii_digit()))
);
text_id!(
    /// A keyed pseudonym of the officer or system that acted. Only the holder of the key can resolve it.
    OfficerPseudonym,
    "32 lower-case hexadecimal digits",
    |text| text.len() == 32
        && text.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
);

debug_text!(
    public: JurisdictionId, AgencyId, ConsumerId, Ori, FacilityCode, CountryCode, LanguageTag, NcicCode, NibrsCode, OfficerPseudonym;
    personal: AlienNumber, FbiNumber, StateId, BookingNumber, Din
);

/// A text in its one spelling.
fn respell<T: Into<SmolStr>>(text: &str, respell: fn(&str) -> Option<T>) -> Option<SmolStr> {
    respell(text).map(Into::into)
}

fn is_slug(text: &str) -> bool {
    (2..=40).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .split('-')
            .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
}

fn digits(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit())
}

/// A UUID as RFC 9562 writes it, in either case: the last part of a resource name, or a key. Other spellings (in
/// braces, as a URN, without hyphens) are refused, because systems differ in which of them they accept.
pub fn uuid(text: &str) -> Result<Uuid, InvalidId> {
    // No other spelling that the parser accepts has this length.
    let hyphenated = text.len() == uuid::fmt::Hyphenated::LENGTH;
    let id = text.parse::<Uuid>().ok().filter(|_| hyphenated);
    id.ok_or(InvalidId { expected: "a UUID with hyphens, without braces or urn:uuid:" })
}

/// A client's own key for a write (AIP-155): the same id with the same command returns the first answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub Uuid);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RequestId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        const EXPECTED: InvalidId =
            InvalidId { expected: "a UUID with hyphens, without braces or urn:uuid:, and not nil" };
        uuid(text).ok().filter(|id| !id.is_nil()).map(Self).ok_or(EXPECTED)
    }
}

/// The kinds of case, each with a life cycle of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CaseKind {
    /// A request for notice of, or a hold on, one person.
    Detainer,
    /// One stay of one person in one facility system.
    Custody,
    /// A formal demand about many detainers.
    Appeal,
}

impl CaseKind {
    /// Its collection in a resource name.
    pub fn collection(self) -> &'static str {
        match self {
            Self::Detainer => "detainers",
            Self::Custody => "custodies",
            Self::Appeal => "appeals",
        }
    }
}

/// A resource name: `jurisdictions/us-ny/detainers/{uuidv7}`, and the same for custodies and appeals (AIP-122).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CaseName {
    /// The jurisdiction whose law governs the case and whose logs hold it.
    pub jurisdiction: JurisdictionId,
    /// Detainer, custody or appeal.
    pub kind: CaseKind,
    /// Unique, and ordered by creation time.
    pub id: Uuid,
}

impl CaseName {
    /// The name of a detainer.
    pub fn detainer(jurisdiction: JurisdictionId, id: Uuid) -> Self {
        Self { jurisdiction, kind: CaseKind::Detainer, id }
    }

    /// The name of a custody.
    pub fn custody(jurisdiction: JurisdictionId, id: Uuid) -> Self {
        Self { jurisdiction, kind: CaseKind::Custody, id }
    }

    /// The name of an appeal.
    pub fn appeal(jurisdiction: JurisdictionId, id: Uuid) -> Self {
        Self { jurisdiction, kind: CaseKind::Appeal, id }
    }
}

impl fmt::Display for CaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "jurisdictions/{}/{}/{}", self.jurisdiction, self.kind.collection(), self.id)
    }
}

impl FromStr for CaseName {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        const EXPECTED: InvalidId =
            InvalidId { expected: "jurisdictions/{id}/{detainers, custodies or appeals}/{uuid}" };
        let mut parts = text.split('/');
        let (Some("jurisdictions"), Some(jurisdiction), Some(collection), Some(id), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(EXPECTED);
        };
        let kind = match collection {
            "detainers" => CaseKind::Detainer,
            "custodies" => CaseKind::Custody,
            "appeals" => CaseKind::Appeal,
            _ => return Err(EXPECTED),
        };
        let id = uuid(id).map_err(|_| EXPECTED)?;
        Ok(Self { jurisdiction: jurisdiction.parse()?, kind, id })
    }
}

/// One of a jurisdiction's two logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LogKind {
    /// What passes between the parties.
    Exchange,
    /// What stays within the jurisdiction and its oversight, its checkpoints included.
    Custody,
}

impl LogKind {
    /// The last part of the log's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Exchange => "exchange",
            Self::Custody => "custody",
        }
    }
}

/// A log: `jurisdictions/us-ny/logs/exchange`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogName {
    /// The jurisdiction whose log it is.
    pub jurisdiction: JurisdictionId,
    /// Exchange or custody.
    pub kind: LogKind,
}

impl LogName {
    /// The logs of a jurisdiction.
    pub fn both_of(jurisdiction: &JurisdictionId) -> [Self; 2] {
        [LogKind::Exchange, LogKind::Custody].map(|kind| Self { jurisdiction: jurisdiction.clone(), kind })
    }

    /// The name of one of its entries.
    pub fn entry(&self, index: u64) -> String {
        format!("{self}/entries/{index}")
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "jurisdictions/{}/logs/{}", self.jurisdiction, self.kind.word())
    }
}

impl FromStr for LogName {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        const EXPECTED: InvalidId =
            InvalidId { expected: "jurisdictions/{id}/logs/exchange or jurisdictions/{id}/logs/custody" };
        let (jurisdiction, kind) =
            text.strip_prefix("jurisdictions/").and_then(|rest| rest.split_once("/logs/")).ok_or(EXPECTED)?;
        let kind = match kind {
            "exchange" => LogKind::Exchange,
            "custody" => LogKind::Custody,
            _ => return Err(EXPECTED),
        };
        Ok(Self { jurisdiction: jurisdiction.parse()?, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_exactly_the_shape_of_the_field() {
        fn check<T: FromStr>(good: &[&str], bad: &[&str]) {
            for text in good {
                assert!(text.parse::<T>().is_ok(), "{text} should parse");
            }
            for text in bad {
                assert!(text.parse::<T>().is_err(), "{text} should be refused");
            }
        }
        check::<AlienNumber>(&["1234567", "123456789", "A1234567"], &["123456", "1234567890", "B1234567", ""]);
        check::<FbiNumber>(&["1", "12345AB67", "ab"], &["", "1234567890", "a_b"]);
        check::<StateId>(&["NY1", "NY12345678"], &["NY", "N12345678", "NY123456789"]);
        check::<Din>(&["24-B-1234", "24B1234", "24-b-1234"], &["24-B-12345", "24-B-123", "é4-B-1234"]);
        check::<Ori>(&["NY030015G", "ny030015g"], &["NY030015"]);
        check::<NcicCode>(&["0999"], &["999", "09999", "09a9"]);
        check::<NibrsCode>(&["13A", "520"], &["1A3", "13", "13AA"]);
        check::<AgencyId>(&["us-ice", "us-ny-doccs"], &["us--ice", "-ice", "US-ICE", "1a", "us/ice", ""]);
        check::<CaseName>(
            &[
                "jurisdictions/us-ny/detainers/0198c0de-0000-7000-8000-000000000001",
                "jurisdictions/us-ny/appeals/0198c0de-0000-7000-8000-000000000001",
                "jurisdictions/us-ny/detainers/0198C0DE-0000-7000-8000-000000000001",
            ],
            &[
                "jurisdictions/US-NY/detainers/0198c0de-0000-7000-8000-000000000001",
                "jurisdictions/us-ny/detainers/{0198c0de-0000-7000-8000-000000000001}",
                "jurisdictions/us-ny/detainers/urn:uuid:0198c0de-0000-7000-8000-000000000001",
                "jurisdictions/us-ny/detainers/0198c0de-0000-7000-8000-000000000001 ",
                "jurisdictions/us-ny/detainers/0198c0de000070008000000000000001",
                "jurisdictions/us-ny/persons/0198c0de-0000-7000-8000-000000000001",
                "jurisdictions/us-ny/detainers/0198c0de-0000-7000-8000-000000000001/x",
            ],
        );
    }

    #[test]
    fn a_uuid_has_one_spelling_in_two_cases() {
        const LOWER: &str = "0198c0de-0000-7000-8000-00000000000a";
        for text in [LOWER, &LOWER.to_uppercase(), "0198C0de-0000-7000-8000-00000000000A"] {
            assert_eq!(uuid(text).unwrap().to_string(), LOWER);
            let name: CaseName = format!("jurisdictions/us-ny/custodies/{text}").parse().unwrap();
            assert_eq!(name.to_string(), format!("jurisdictions/us-ny/custodies/{LOWER}"));
        }
        let simple = LOWER.replace('-', "");
        for bad in [&format!("{{{LOWER}}}"), &format!("urn:uuid:{LOWER}"), &simple, &format!("{LOWER} "), ""] {
            assert!(uuid(bad).is_err(), "{bad}");
        }
        assert!("00000000-0000-0000-0000-000000000000".parse::<RequestId>().is_err());
    }

    #[test]
    fn debug_never_prints_an_identifier_of_a_person() {
        let number: AlienNumber = "012345678".parse().unwrap();
        assert_eq!(format!("{number:?}"), "AlienNumber(withheld)");
    }
}

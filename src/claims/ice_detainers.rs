//! The layout of the public ICE detainer releases: 65 columns, 64 of them about the detainer and the last one an anonymized
//! identifier of the person. Each row is read whole, and every fault in it is named by its column.

use jiff::civil::{Date, DateTime};

use crate::claims::claim::{ChargeAsClaimed, Claim, ClaimedOutcome, Criminality, Fault};
use crate::claims::error::ClaimsError;
use crate::domain::detainer::{DetainerForm, LiftReason};
use crate::domain::ids::NcicCode;
use crate::domain::partial_date::PartialDate;
use crate::domain::subject::Sex;
use crate::ledger;

/// The columns, in order.
pub const COLUMNS: [&str; 65] = [
    "Detainer Prepare Date",
    "Facility State",
    "Facility AOR",
    "Port of Departure",
    "Departure Country",
    "Departed Date",
    "Case Status",
    "Detainer Criminality",
    "Detainer Facility",
    "Detainer Facility Code",
    "Facility City",
    "Detainer Threat Level",
    "Gender",
    "Citizenship Country",
    "Birth Country",
    "Birth Date",
    "Birth Year",
    "Entry Status",
    "MSC Charge",
    "MSC Sentence Days",
    "MSC Sentence Months",
    "MSC Sentence Years",
    "MSC Charge Code",
    "MSC Charge Date",
    "MSC Conviction Date",
    "Aggravated Felon Yes No",
    "Processing Disposition",
    "Case Category",
    "TOA Case Category",
    "TOA Current Program",
    "Apprehension Method",
    "Final Order Yes No",
    "Final Order Date",
    "Apprehension Date",
    "Entry Date",
    "Prior Felony Yes No",
    "Multiple Prior MISD Yes No",
    "Violent Misdemeanor Yes No",
    "Illegal Entry Yes No",
    "Illegal Reentry Yes No",
    "Immigration Fraud Yes No",
    "Significant Risk Yes No",
    "Other Removal Reason Yes No",
    "Other Removal Reason",
    "Criminal Street Gang Yes No",
    "Aggravated Felony Yes No",
    "Deportation Ordered Yes No",
    "Order to Show Cause Served Yes No",
    "Order to Show Cause Served Date",
    "Biometric Match Yes No",
    "Statements Made Yes No",
    "Unlawful Attempt Yes No",
    "Unlawful Entry Yes No",
    "Visa Yes No",
    "Federal Register Notice Yes No",
    "Resume Custody Yes No",
    "Detainer Lift Reason",
    "Detainer Lift Reason Code",
    "Active Investigation Yes No",
    "Arrest Warrant Served Date",
    "Detainer Type",
    "Notify Release Request Yes No",
    "TOD Current Duty Site",
    "EID DTA ID",
    "Anonymized Identifier",
];

/// The state that each row's facility must be in, as the layout spells it, by the first part of a jurisdiction.
const STATES: [(&str, &str); 8] = [
    ("us-ny", "NEW YORK"),
    ("us-ca", "CALIFORNIA"),
    ("us-co", "COLORADO"),
    ("us-fl", "FLORIDA"),
    ("us-il", "ILLINOIS"),
    ("us-nj", "NEW JERSEY"),
    ("us-tx", "TEXAS"),
    ("us-wa", "WASHINGTON"),
];

/// Longest text of a field that is kept, in bytes.
const TEXT_LEN_MAX: usize = 200;

/// Refuses a first line that is not the layout's.
pub(super) fn check_header(header: &csv::ByteRecord) -> Result<(), ClaimsError> {
    for (at, column) in COLUMNS.iter().enumerate() {
        let found = header.get(at).unwrap_or_default();
        // A file that was saved by a spreadsheet may begin with a byte order mark.
        let found = if at == 0 { found.strip_prefix(b"\xef\xbb\xbf").unwrap_or(found) } else { found };
        if found.trim_ascii() != column.as_bytes() {
            return Err(ClaimsError::Header(format!("column {} should be {column}", at.saturating_add(1))));
        }
    }
    if header.len() == COLUMNS.len() {
        return Ok(());
    }
    Err(ClaimsError::Header(format!("{} columns, and not {}", header.len(), COLUMNS.len())))
}

/// What two rows that are one detainer have in common: a digest over every field with its length.
pub(super) fn row_id(row: &csv::ByteRecord) -> String {
    let mut bytes = Vec::with_capacity(row.as_slice().len().saturating_add(row.len().saturating_mul(8)));
    for field in row {
        bytes.extend_from_slice(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    ledger::leaf_hash(&bytes).to_string()
}

/// Reads a row, or names everything that is wrong with it.
pub(super) fn read(row: &csv::ByteRecord, jurisdiction: &str) -> Result<Claim, Vec<Fault>> {
    if row.len() != COLUMNS.len() {
        let reason = format!("has {} fields, and not {}", row.len(), COLUMNS.len());
        return Err(vec![Fault { column: String::new(), reason }]);
    }
    let mut columns = Columns { row, faults: Vec::new() };
    let claim = columns.claim(jurisdiction);
    match claim {
        Some(claim) if columns.faults.is_empty() => Ok(claim),
        Some(_) | None => Err(columns.faults),
    }
}

struct Columns<'a> {
    row: &'a csv::ByteRecord,
    faults: Vec<Fault>,
}

impl Columns<'_> {
    fn claim(&mut self, jurisdiction: &str) -> Option<Claim> {
        self.in_state(jurisdiction);
        let prepared_at = self.needed("Detainer Prepare Date", "a moment as 2025-08-09 21:25:00", moment);
        let form = self.needed("Detainer Type", "a form that is known", form);
        let criminality = self.needed("Detainer Criminality", "1, 2 or 3 and its words", criminality);
        let facility_code = self.needed("Detainer Facility Code", "a code of letters and digits", code);
        let facility = self.needed("Detainer Facility", "a name", some_text);
        let birth = self.birth();
        let sex = self.maybe("Gender", "Male, Female or Unknown", sex);
        let charge = self.charge();
        let outcome = self.outcome();
        let says_why = self.text("Detainer Lift Reason").is_some_and(|text| !text.is_empty());
        let notice_requested = self.maybe("Notify Release Request Yes No", "Yes or No", yes_or_no);
        let person = self.maybe("Anonymized Identifier", "40 hexadecimal digits", anonymized);
        let final_order = self.maybe("Final Order Yes No", "Yes or No", yes_or_no);
        // Only now: a row is told everything that is wrong with it.
        let (outcome, lift_reason) = outcome?;
        Some(Claim {
            id: row_id(self.row),
            prepared_at: prepared_at?,
            form: form?,
            notice_requested,
            facility_code: facility_code?,
            facility: facility?,
            person,
            birth,
            sex,
            criminality: criminality?,
            charge,
            final_order,
            outcome,
            lift_reason,
            reason_text_missing: lift_reason.is_some() && !says_why,
        })
    }

    fn in_state(&mut self, jurisdiction: &str) {
        let expected = STATES.iter().find(|(known, _)| {
            jurisdiction == *known || jurisdiction.strip_prefix(known).is_some_and(|rest| rest.starts_with('-'))
        });
        let Some((_, expected)) = expected else { return };
        if self.text("Facility State").is_some_and(|found| !found.eq_ignore_ascii_case(expected)) {
            self.fault("Facility State", "is not the state of the jurisdiction".to_owned());
        }
    }

    /// The whole date where there is one, and else the year alone: no day or month is made up.
    fn birth(&mut self) -> Option<PartialDate> {
        let whole = self.maybe("Birth Date", "a day as 1993-05-17", |text| day(text).map(PartialDate::from));
        let year =
            self.maybe("Birth Year", "a year as 1993", |text| if text.len() == 4 { text.parse().ok() } else { None });
        let disagree =
            whole.zip(year).is_some_and(|(whole, year): (PartialDate, PartialDate)| !whole.agrees_with(year));
        if disagree {
            self.fault("Birth Year", "is not the year of the birth date".to_owned());
        }
        whole.or(year)
    }

    fn charge(&mut self) -> Option<ChargeAsClaimed> {
        let ncic: Option<NcicCode> =
            self.maybe("MSC Charge Code", "an NCIC code of 4 digits", |text| text.parse().ok());
        let charged_on = self.maybe("MSC Charge Date", "a day as 2025-04-07", day);
        let convicted_on = self.maybe("MSC Conviction Date", "a day as 2025-04-07", day);
        let sentence_days = self.maybe("MSC Sentence Days", "a number of days", |text| text.parse().ok());
        if charged_on.zip(convicted_on).is_some_and(|(charged, convicted)| convicted < charged) {
            self.fault("MSC Conviction Date", "is before the day of the charge".to_owned());
        }
        // Some rows have the days of a charge and no code: of what, nobody says, so it counts under no offence.
        Some(ChargeAsClaimed { ncic: ncic?, charged_on, convicted_on, sentence_days })
    }

    /// By the code: about one text in ten is missing where the code is not.
    fn outcome(&mut self) -> Option<(ClaimedOutcome, Option<LiftReason>)> {
        let text = self.text("Detainer Lift Reason")?.to_owned();
        let code = self.text("Detainer Lift Reason Code")?;
        if code.is_empty() && text.is_empty() {
            return Some((ClaimedOutcome::Outstanding, None));
        }
        let Some((reason, outcome, words)) = lifted(code) else {
            self.fault("Detainer Lift Reason Code", "must be one of D, N, I, E, B, S, C, U, P".to_owned());
            return None;
        };
        if !text.is_empty() && !text.eq_ignore_ascii_case(words) {
            self.fault("Detainer Lift Reason", "is not the text of its code".to_owned());
        }
        Some((outcome, Some(reason)))
    }

    fn text(&mut self, column: &'static str) -> Option<&str> {
        let at = COLUMNS.iter().position(|known| *known == column)?;
        let bytes = self.row.get(at).unwrap_or_default();
        match str::from_utf8(bytes) {
            Ok(text) if text.len() > TEXT_LEN_MAX => {
                self.fault(column, format!("must be at most {TEXT_LEN_MAX} bytes long"));
                None
            }
            Ok(text) if text.chars().any(char::is_control) => {
                self.fault(column, "must be of visible letters".to_owned());
                None
            }
            Ok(text) => Some(text.trim()),
            Err(_) => {
                self.fault(column, "must be in UTF-8".to_owned());
                None
            }
        }
    }

    /// What a column says, if it says anything.
    fn maybe<T>(&mut self, column: &'static str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(column).filter(|text| !text.is_empty())?;
        let value = read(text);
        if value.is_none() {
            self.fault(column, format!("must be {expected}"));
        }
        value
    }

    /// What a column must say.
    fn needed<T>(&mut self, column: &'static str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = self.text(column).map(read)?;
        if value.is_none() {
            self.fault(column, format!("must be {expected}"));
        }
        value
    }

    fn fault(&mut self, column: &str, reason: String) {
        self.faults.push(Fault { column: column.to_owned(), reason });
    }
}

fn lifted(code: &str) -> Option<(LiftReason, ClaimedOutcome, &'static str)> {
    use ClaimedOutcome::{EndedOtherwise, ReleasedWithOneActive};
    Some(match code {
        "D" => (LiftReason::DeclinedByLea, ReleasedWithOneActive, "Detainer Declined by LEA"),
        "N" => {
            let words = "No longer in State, Local, or Federal Custody";
            (LiftReason::NoLongerInCustody, ReleasedWithOneActive, words)
        }
        "I" => (LiftReason::InsufficientNotice, ReleasedWithOneActive, "Insufficient Notice to ICE"),
        "E" => (LiftReason::EarlyRelease, ReleasedWithOneActive, "Early Release"),
        "B" => (LiftReason::BookedIntoDetention, EndedOtherwise, "Booked into Detention"),
        "S" => (LiftReason::SupersededByNewForm, EndedOtherwise, "Superseding - New Form Issued"),
        "C" => (LiftReason::CaseClosed, EndedOtherwise, "Case Closed"),
        "U" => (LiftReason::CitizenshipClaim, EndedOtherwise, "USC or Presumptive Claim to US Citizenship"),
        "P" => (LiftReason::ProsecutorialDiscretion, EndedOtherwise, "Prosecutorial Discretion"),
        _ => return None,
    })
}

fn moment(text: &str) -> Option<DateTime> {
    DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()
}

fn day(text: &str) -> Option<Date> {
    // Exports of a spreadsheet add midnight to a day.
    let text = text.strip_suffix(" 00:00:00").unwrap_or(text);
    Date::strptime("%Y-%m-%d", text).ok()
}

fn form(text: &str) -> Option<DetainerForm> {
    let (name, _) = text.split_once(' ')?;
    match name {
        "I247A" => Some(DetainerForm::I247a),
        "I247G" => Some(DetainerForm::I247g),
        "I247D" => Some(DetainerForm::I247d),
        "I247N" => Some(DetainerForm::I247n),
        "I247X" => Some(DetainerForm::I247x),
        _ => None,
    }
}

fn criminality(text: &str) -> Option<Criminality> {
    match text {
        "1 Convicted Criminal" => Some(Criminality::Convicted),
        "2 Pending Criminal Charges" => Some(Criminality::Pending),
        "3 Other Immigration Violator" => Some(Criminality::Neither),
        _ => None,
    }
}

fn sex(text: &str) -> Option<Sex> {
    match text {
        "Male" => Some(Sex::Male),
        "Female" => Some(Sex::Female),
        "Unknown" => Some(Sex::Unknown),
        _ => None,
    }
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "Yes" => Some(true),
        "No" => Some(false),
        _ => None,
    }
}

fn code(text: &str) -> Option<String> {
    let good = (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    good.then(|| text.to_ascii_uppercase())
}

fn some_text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn anonymized(text: &str) -> Option<String> {
    let good = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    good.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row that is whole, with some columns said otherwise.
    fn row(with: &[(&str, &str)]) -> csv::ByteRecord {
        let usual = [
            ("Detainer Prepare Date", "2025-08-09 21:25:00"),
            ("Facility State", "NEW YORK"),
            ("Detainer Criminality", "2 Pending Criminal Charges"),
            ("Detainer Facility", "ST LAWRENCE COUNTY JAIL"),
            ("Detainer Facility Code", "STLAWNY"),
            ("Gender", "Male"),
            ("Birth Year", "1993"),
            ("MSC Charge Code", "1399"),
            ("Detainer Type", "I247A - Immigration Detainer - Request for Notification and Hold"),
        ];
        COLUMNS
            .iter()
            .map(|column| with.iter().chain(&usual).find(|(name, _)| name == column).map_or("", |(_, text)| *text))
            .collect::<Vec<_>>()
            .into()
    }

    fn columns_at_fault(with: &[(&str, &str)]) -> Vec<String> {
        let faults = read(&row(with), "us-ny").expect_err("a row at fault");
        faults.into_iter().map(|fault| fault.column).collect()
    }

    #[test]
    fn a_year_is_kept_as_a_year() {
        let claim = read(&row(&[]), "us-ny").unwrap();
        assert_eq!(claim.birth.unwrap().to_string(), "1993");
        let claim = read(&row(&[("Birth Date", "1993-05-17")]), "us-ny").unwrap();
        assert_eq!(claim.birth.unwrap().to_string(), "1993-05-17");
        assert_eq!(columns_at_fault(&[("Birth Date", "1994-05-17")]), ["Birth Year"]);
    }

    #[test]
    fn the_code_says_what_became_of_it() {
        fn check(code: &str, text: &str, expected: ClaimedOutcome) {
            let with = [("Detainer Lift Reason Code", code), ("Detainer Lift Reason", text)];
            let claim = read(&row(&with), "us-ny").unwrap();
            assert_eq!(claim.outcome, expected, "{code}");
            assert_eq!(claim.reason_text_missing, text.is_empty() && !code.is_empty());
        }
        check("", "", ClaimedOutcome::Outstanding);
        check("D", "Detainer Declined by LEA", ClaimedOutcome::ReleasedWithOneActive);
        for code in ["D", "N", "I", "E"] {
            check(code, "", ClaimedOutcome::ReleasedWithOneActive);
        }
        for code in ["B", "S", "C", "U", "P"] {
            check(code, "", ClaimedOutcome::EndedOtherwise);
        }
        assert_eq!(columns_at_fault(&[("Detainer Lift Reason Code", "Q")]), ["Detainer Lift Reason Code"]);
        assert_eq!(columns_at_fault(&[("Detainer Lift Reason", "Early Release")]), ["Detainer Lift Reason Code"]);
        let contradiction = [("Detainer Lift Reason Code", "D"), ("Detainer Lift Reason", "Early Release")];
        assert_eq!(columns_at_fault(&contradiction), ["Detainer Lift Reason"]);
    }

    #[test]
    fn every_fault_is_named_by_its_column_and_says_nothing_of_what_stands_there() {
        let with = [
            ("Detainer Prepare Date", "yesterday"),
            ("Facility State", "TEXAS"),
            ("Gender", "Canary"),
            ("Birth Year", "9w3"),
            ("MSC Charge Code", "1w3"),
            ("Detainer Type", "Form 7"),
            ("Anonymized Identifier", "wxyz"),
        ];
        let mut columns = columns_at_fault(&with);
        columns.sort();
        let mut expected: Vec<&str> = with.iter().map(|(column, _)| *column).collect();
        expected.sort_unstable();
        assert_eq!(columns, expected);
        let faults = read(&row(&with), "us-ny").expect_err("a row at fault");
        assert!(faults.iter().all(|fault| with.iter().all(|(_, text)| !fault.reason.contains(text))));
    }

    #[test]
    fn a_row_of_another_length_or_encoding_is_no_claim() {
        let short = csv::ByteRecord::from(vec!["a", "b"]);
        assert_eq!(read(&short, "us-ny").expect_err("short").len(), 1);
        let mut bytes = row(&[]);
        bytes = bytes.iter().enumerate().map(|(at, field)| if at == 8 { b"\xff".as_slice() } else { field }).collect();
        assert_eq!(read(&bytes, "us-ny").expect_err("not UTF-8").first().unwrap().column, "Detainer Facility");
    }

    #[test]
    fn the_first_line_must_be_that_of_the_layout() {
        let whole: csv::ByteRecord = COLUMNS.to_vec().into();
        check_header(&whole).unwrap();
        let mut fewer = COLUMNS.to_vec();
        fewer.pop();
        assert!(check_header(&fewer.into()).is_err());
        let mut swapped = COLUMNS.to_vec();
        swapped.swap(3, 4);
        let error = check_header(&swapped.into()).expect_err("columns swapped");
        assert!(error.to_string().contains("Port of Departure"));
    }
}

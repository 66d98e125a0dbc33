//! A roster as CSV: its columns by name, each row read whole, and every fault in it named by its column.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;

use crate::claims::Fault;
use crate::domain::ids::{AlienNumber, BookingNumber, Din, FacilityCode, FbiNumber, InvalidId, StateId};
use crate::domain::partial_date::PartialDate;
use crate::domain::subject::Sex;
use crate::domain::text::TextKind;
use crate::wire::{enums, show, v1};

/// The columns that are known.
pub(super) const COLUMNS: [&str; 12] = [
    "family_name",
    "given_name",
    "middle_name",
    "birth_date",
    "sex",
    "a_number",
    "fbi_number",
    "sid",
    "din",
    "booking_number",
    "facility",
    "booked_at",
];

/// As the gateway takes them.
const NAME_LEN_MAX: usize = 100;
/// More rows are refused by any gateway.
const ROWS_MAX: usize = 1_000_000;

/// A row that can be sent.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) number: u64,
    pub(super) subject: v1::Subject,
    pub(super) facility: Option<FacilityCode>,
    pub(super) booked_at: Option<Timestamp>,
}

/// A file as it was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) rows: Vec<Row>,
    pub(super) rejected: Vec<(u64, Vec<Fault>)>,
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Read> {
    let file = BufReader::new(File::open(path)?);
    let mut lines = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let columns = columns(lines.byte_headers()?)?;
    let (mut read, mut line, mut number) = (Read::default(), csv::ByteRecord::new(), 0_u64);
    while lines.read_byte_record(&mut line)? {
        number = number.saturating_add(1);
        let mut fields = Fields { line: &line, columns: &columns, faults: Vec::new() };
        let row = fields.row(number);
        if fields.faults.is_empty() {
            read.rows.push(row);
        } else {
            read.rejected.push((number, fields.faults));
        }
        ensure!(read.rows.len() <= ROWS_MAX, "it has more than {ROWS_MAX} rows");
    }
    ensure!(number > 0, "there is nobody in it");
    Ok(read)
}

/// The columns of the first line, in order.
fn columns(header: &csv::ByteRecord) -> Result<Vec<&'static str>> {
    let mut columns = Vec::new();
    for (at, name) in header.iter().enumerate() {
        // A file that was saved by a spreadsheet may begin with a byte order mark.
        let name = if at == 0 { name.strip_prefix(b"\xef\xbb\xbf").unwrap_or(name) } else { name };
        let name = name.trim_ascii().to_ascii_lowercase();
        let known = COLUMNS.iter().find(|column| column.as_bytes() == name);
        let known = known.with_context(|| {
            let at = at.saturating_add(1);
            format!("column {at} of the first line is none of {}", COLUMNS.join(", "))
        })?;
        if columns.contains(known) {
            bail!("the column {known} is there twice");
        }
        columns.push(*known);
    }
    let named = columns.iter().any(|column| ["family_name", "given_name"].contains(column));
    ensure!(named, "neither family_name nor given_name is a column of the first line");
    Ok(columns)
}

struct Fields<'a> {
    line: &'a csv::ByteRecord,
    columns: &'a [&'static str],
    faults: Vec<Fault>,
}

impl Fields<'_> {
    fn row(&mut self, number: u64) -> Row {
        if self.line.len() != self.columns.len() {
            self.fault("", &format!("has {} fields, and not {}", self.line.len(), self.columns.len()));
        }
        let middle = self.name("middle_name");
        let given = [self.name("given_name"), middle].into_iter().filter(|name| !name.is_empty());
        let given = given.collect::<Vec<_>>().join(" ");
        let family = self.name("family_name");
        if given.chars().count() > NAME_LEN_MAX {
            self.fault("middle_name", &format!("must be at most {NAME_LEN_MAX} characters with the given name"));
        }
        if given.is_empty() && family.is_empty() {
            self.fault("family_name", "must be present, or given_name");
        }
        let sex: Option<Sex> = self.text("sex").to_lowercase().parse().ok();
        if sex.is_none() && !self.text("sex").is_empty() {
            self.fault("sex", "must be female, male, unknown or x");
        }
        let identifiers = v1::Identifiers {
            alien_number: self.number::<AlienNumber>("a_number"),
            fbi_number: self.number::<FbiNumber>("fbi_number"),
            state_id: self.number::<StateId>("sid"),
            booking_number: self.number::<BookingNumber>("booking_number"),
            din: self.number::<Din>("din"),
        };
        let subject = v1::Subject {
            name: Some(v1::PersonName { given, family }),
            birth_date: self.number::<PartialDate>("birth_date"),
            sex: enums::to_wire_or_unspecified(sex),
            identifiers: Some(identifiers),
            ..Default::default()
        };
        let facility = self.id::<FacilityCode>("facility");
        let booked_at = self.text("booked_at").parse().ok();
        if booked_at.is_none() && !self.text("booked_at").is_empty() {
            self.fault("booked_at", "must be a time as 2026-01-31T22:53:20Z");
        }
        Row { number, subject, facility, booked_at }
    }

    fn text(&mut self, column: &'static str) -> String {
        let at = self.columns.iter().position(|known| *known == column);
        let field = at.and_then(|at| self.line.get(at)).unwrap_or_default();
        let Ok(text) = std::str::from_utf8(field) else {
            self.fault(column, "must be UTF-8");
            return String::new();
        };
        text.trim().to_owned()
    }

    fn name(&mut self, column: &'static str) -> String {
        match TextKind::Name.read(&self.text(column), NAME_LEN_MAX) {
            Ok(read) => read.unwrap_or_default(),
            Err(flaw) => {
                self.fault(column, &format!("must be {flaw}"));
                String::new()
            }
        }
    }

    fn id<T: FromStr<Err = InvalidId>>(&mut self, column: &'static str) -> Option<T> {
        let text = self.text(column);
        if text.is_empty() {
            return None;
        }
        text.parse().map_err(|error: InvalidId| self.fault(column, &error.to_string())).ok()
    }

    fn number<T: FromStr<Err = InvalidId> + ToString>(&mut self, column: &'static str) -> String {
        self.id::<T>(column).map(|id| id.to_string()).unwrap_or_default()
    }

    fn fault(&mut self, column: &str, reason: &str) {
        let fault = Fault { column: column.to_owned(), reason: reason.to_owned() };
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }
}

impl Row {
    /// The person as the gateway takes it.
    pub(super) fn person(&self) -> v1::RosterPerson {
        v1::RosterPerson { row: show::wire_position(self.number), subject: Some(self.subject.clone()) }
    }
}

/// The column of a field that the gateway found at fault.
pub(super) fn column_of(field: &str) -> &'static str {
    const FIELDS: [(&str, &str); 9] = [
        ("name.family", "family_name"),
        ("name.given", "given_name"),
        ("birth_date", "birth_date"),
        ("sex", "sex"),
        ("alien_number", "a_number"),
        ("fbi_number", "fbi_number"),
        ("state_id", "sid"),
        ("din", "din"),
        ("booking_number", "booking_number"),
    ];
    FIELDS.iter().find(|(known, _)| field.ends_with(known)).map_or("", |(_, column)| column)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Read> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path())
    }

    #[test]
    fn a_row_is_read_by_the_names_of_its_columns() {
        let text = "\u{feff}Birth_Date,GIVEN_NAME,middle_name,family_name,a_number,sid,booked_at,facility,sex\n\
                    1987-06-05,Zebulon,Q.,Quackenbush,A079-314-159,07654321l,2026-01-21T12:53:20Z,ny029,Male\n\
                    ,,,Suharto,,,,,\n";
        let read = of(text).unwrap();
        assert!(read.rejected.is_empty(), "{read:?}");
        let [first, second] = read.rows.as_slice() else { panic!("{read:?}") };
        let name = first.subject.name.clone().unwrap();
        assert_eq!((first.number, name.given.as_str(), name.family.as_str()), (1, "Zebulon Q.", "Quackenbush"));
        let numbers = first.subject.identifiers.clone().unwrap();
        assert_eq!((numbers.alien_number.as_str(), numbers.state_id.as_str()), ("079314159", "NY7654321L"));
        assert_eq!(first.facility.as_ref().map(FacilityCode::as_str), Some("NY029"));
        assert_eq!((first.booked_at.unwrap().as_second(), first.subject.sex), (1_769_000_000, v1::Sex::Male.into()));
        assert_eq!((second.number, second.subject.birth_date.as_str()), (2, ""));
    }

    #[test]
    fn every_fault_of_a_row_is_named_and_none_repeats_it() {
        let read = of("family_name,birth_date,a_number\nA,1987-13-05,12\n,,\nB,,,\nC,1987,79314159\n").unwrap();
        assert_eq!(read.rows.len(), 1);
        let named: Vec<(u64, Vec<&str>)> = read
            .rejected
            .iter()
            .map(|(row, faults)| (*row, faults.iter().map(|fault| fault.column.as_str()).collect()))
            .collect();
        assert_eq!(named, [(1, vec!["a_number", "birth_date"]), (2, vec!["family_name"]), (3, vec![""])]);
        assert!(!format!("{:?}", read.rejected).contains("1987-13-05"));
    }

    #[test]
    fn a_first_line_that_cannot_be_understood_is_refused() {
        for (text, expected) in [
            ("", "neither family_name"),
            ("birth_date\n1987\n", "neither family_name"),
            ("family_name,bail\nA,1\n", "column 2"),
            ("family_name,Family_Name\nA,B\n", "twice"),
            ("family_name\n", "nobody"),
        ] {
            let error = format!("{:#}", of(text).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}

//! The import of the published layout, and what is counted of it. The file is synthetic.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use comity::claims::{ClaimedOutcome, Claims};
use comity::reports::Report;
use flate2::read::GzDecoder;
use serde_json::Value;
use tempfile::TempDir;

use crate::reports::{comity, said, sum};

/// 15,176 rows in the layout of the public releases, faults included.
const PUBLISHED: &[u8] = include_bytes!("detainers-us-ny.csv.gz");

/// A directory with the published file.
pub(super) struct Desk(TempDir);

impl Desk {
    pub(super) fn new() -> Self {
        let desk = Self(TempDir::new().unwrap());
        let mut text = Vec::new();
        GzDecoder::new(PUBLISHED).read_to_end(&mut text).unwrap();
        fs::write(desk.path("published.csv"), text).unwrap();
        desk
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(super) fn import(&self, file: &str, book: &str) -> String {
        let (file, book) = (self.text(file), self.text(book));
        said(&["import", "ice-detainers", &file, "--jurisdiction", "us-ny", "--into", &book])
    }

    /// The published lines, with the first.
    fn lines(&self) -> Vec<String> {
        fs::read_to_string(self.path("published.csv")).unwrap().lines().map(str::to_owned).collect()
    }

    pub(super) fn report(&self, book: &str) -> Report {
        let json = self.text("report.json");
        said(&["report", "--jurisdiction", "us-ny", "--claims", &self.text(book), "--json", &json]);
        Report::from_json(&fs::read_to_string(json).unwrap()).unwrap()
    }
}

fn claims(path: &Path) -> Claims {
    Claims::read(path).unwrap()
}

#[test]
fn the_published_file_is_counted_as_it_claims() {
    let desk = Desk::new();
    let printed = desk.import("published.csv", "book.jsonl");
    assert!(printed.contains("15176 rows read = 14928 claims + 248 repeated whole + 0 rejected"), "{printed}");
    let report = desk.report("book.jsonl");
    let total = |outcome: &str, what: &str| sum(&report, "claimed-totals", &[outcome, what]);
    assert_eq!(total("outstanding", "detainers"), 7_113);
    assert_eq!(total("released-with-one-active", "detainers"), 6_947);
    assert_eq!(total("ended-otherwise", "detainers"), 868);
    // One in eight lacks the person's identifier, and no two of the others have the same.
    assert_eq!(
        total("outstanding", "people-by-identifier") + total("outstanding", "detainers-without-identifier"),
        7_113
    );
    let by_offence = [
        ("homicide", 148, 29),
        ("assault", 717, 2_509),
        ("burglary", 134, 199),
        ("robbery", 106, 305),
        ("drugs", 235, 392),
        ("weapons", 152, 300),
        ("sexual", 260, 207),
    ];
    for (offence, outstanding, released) in by_offence {
        assert_eq!(sum(&report, "claimed-by-offence", &["outstanding", offence]), outstanding, "{offence}");
        assert_eq!(sum(&report, "claimed-by-offence", &["released-with-one-active", offence]), released, "{offence}");
        // Nobody recorded any of it.
        assert_eq!(sum(&report, "reconciliation", &["outstanding", offence, "claimed-and-not-recorded"]), outstanding);
        assert_eq!(sum(&report, "reconciliation", &["outstanding", offence, "recorded"]), 0);
    }
    // Two spellings with one code are one facility.
    let facilities = &report.table("claimed-by-facility").unwrap().rows;
    let lawrence: Vec<&str> =
        facilities.iter().filter(|row| row.key[1] == "STLAWNY").map(|row| row.key[2].as_str()).collect();
    assert!(
        lawrence.len() >= 2
            && lawrence.iter().all(|names| *names == "SAINT LAWRENCE CO JAIL = ST LAWRENCE COUNTY JAIL")
    );
    assert_eq!(facilities.iter().filter(|row| row.key[0] == "outstanding").count(), 10);
    assert!(report.table("claimed-totals").unwrap().title.ends_with("as claimed by us-ice."));
    assert_eq!(sum(&report, "totals", &["detainers"]), 0, "no claim is a detainer of the exchange");
    assert_eq!(report.trees[0].origin, "claims/us-ny/us-ice");
    assert_eq!(report.trees[0].counted, 14_928);
    // A birth year is a year.
    let book = claims(&desk.path("book.jsonl"));
    assert!(book.claims.iter().all(|claim| claim.birth.is_some_and(|birth| birth.to_string().len() == 4)));
    // The same book, the same bytes.
    let bytes = fs::read(desk.path("report.json")).unwrap();
    desk.report("book.jsonl");
    assert_eq!(fs::read(desk.path("report.json")).unwrap(), bytes);
}

#[test]
fn an_import_that_was_cut_off_goes_on_and_a_second_one_adds_nothing() {
    let desk = Desk::new();
    desk.import("published.csv", "book.jsonl");
    let whole = fs::read(desk.path("book.jsonl")).unwrap();
    let printed = desk.import("published.csv", "book.jsonl");
    assert!(printed.contains("every row of it was in the book already"), "{printed}");
    assert_eq!(fs::read(desk.path("book.jsonl")).unwrap(), whole);
    let mut random = fastrand::Rng::with_seed(7);
    let first_line = whole.iter().position(|byte| *byte == b'\n').unwrap();
    for cut in [0, 10, first_line + 1, whole.len() - 1, random.usize(first_line..whole.len()), whole.len() / 2] {
        fs::write(desk.path("book.jsonl"), &whole[..cut]).unwrap();
        if cut > first_line + 400 {
            let report = comity(&["report", "--claims", &desk.text("book.jsonl")]);
            assert!(!report.status.success(), "half a file is not counted: {cut}");
        }
        desk.import("published.csv", "book.jsonl");
        assert!(fs::read(desk.path("book.jsonl")).unwrap() == whole, "cut at {cut}");
    }
    // A line that somebody changed is found, and so is one that is taken out.
    let text = String::from_utf8(whole).unwrap();
    for changed in [
        text.replacen("\"outstanding\"", "\"pending\"", 1),
        text.replacen("\"accepted\":14928", "\"accepted\":14927", 1),
    ] {
        assert_ne!(changed, text);
        fs::write(desk.path("book.jsonl"), changed).unwrap();
        assert!(Claims::read(&desk.path("book.jsonl")).is_err());
    }
    let mut lines: Vec<&str> = text.lines().collect();
    lines.remove(100);
    fs::write(desk.path("book.jsonl"), lines.join("\n") + "\n").unwrap();
    assert!(Claims::read(&desk.path("book.jsonl")).is_err());
}

#[test]
fn a_row_that_is_no_claim_is_named_by_row_and_column() {
    let desk = Desk::new();
    let mut lines: Vec<String> = desk.lines().into_iter().take(101).collect();
    lines[10] = format!("in-{}", lines[10]);
    lines[20] = lines[20].replace("I247", "Z247");
    lines[30] = "a,b,c".to_owned();
    lines[31] = lines[32].clone();
    lines.push(format!("\"{}", lines[32]));
    fs::write(desk.path("some.csv"), lines.join("\n")).unwrap();
    let printed = desk.import("some.csv", "book.jsonl");
    let book = claims(&desk.path("book.jsonl"));
    let sums = book.files[0].1;
    assert_eq!((sums.rows, sums.duplicates, sums.rejected), (101, 1, 4));
    assert_eq!(sums.rows, sums.accepted + sums.duplicates + sums.rejected);
    assert!(printed.contains("101 rows read = 96 claims + 1 repeated whole + 4 rejected"), "{printed}");
    let rejects = fs::read_to_string(desk.path("book.rejects.csv")).unwrap();
    let rejected: Vec<&str> = rejects.lines().collect();
    assert_eq!(rejected[0], "row,column,reason");
    assert_eq!(rejected[1], "11,Detainer Prepare Date,must be a moment as 2025-08-09 21:25:00");
    assert_eq!(rejected[2], "21,Detainer Type,must be a form that is known");
    assert_eq!(rejected[3], "31,,\"has 3 fields, and not 65\"");
    assert!(rejected[4].starts_with("102,"), "{rejected:?}");
    let other = lines[0].replacen("Detainer Prepare Date", "Prepared", 1);
    fs::write(desk.path("other.csv"), other).unwrap();
    let output = comity(&[
        "import",
        "ice-detainers",
        &desk.text("other.csv"),
        "--jurisdiction",
        "us-ny",
        "--into",
        &desk.text("other.jsonl"),
    ]);
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("column 1 should be Detainer Prepare Date"));
    // A book is of one requester and one jurisdiction.
    let output = comity(&[
        "import",
        "ice-detainers",
        &desk.text("some.csv"),
        "--jurisdiction",
        "us-tx",
        "--into",
        &desk.text("book.jsonl"),
    ]);
    assert!(!output.status.success());
}

#[test]
fn ten_claims_that_one_side_withholds_are_named() {
    let desk = Desk::new();
    desk.import("published.csv", "ours.jsonl");
    let ours = claims(&desk.path("ours.jsonl"));
    let mut ids: Vec<&str> = ours.claims.iter().step_by(1_400).take(10).map(|claim| claim.id.as_str()).collect();
    ids.sort_unstable();
    let rows: Vec<&str> = ids.clone();
    // Every row of those detainers goes, the repeated ones too.
    let mut lines = desk.lines();
    let first = lines.remove(0);
    let text = fs::read_to_string(desk.path("ours.jsonl")).unwrap();
    let of_rows = text.lines().filter(|line| line.starts_with("{\"row\""));
    let kept =
        lines.iter().zip(of_rows).filter(|(_, line)| !rows.iter().any(|id| line.contains(id))).map(|(row, _)| row);
    let mut file = fs::File::create(desk.path("theirs.csv")).unwrap();
    writeln!(file, "{first}").unwrap();
    kept.for_each(|row| writeln!(file, "{row}").unwrap());
    drop(file);
    desk.import("theirs.csv", "theirs.jsonl");
    let found = said(&["report", "diff", "--json", &desk.text("ours.jsonl"), &desk.text("theirs.jsonl")]);
    let found: Value = serde_json::from_str(&found).unwrap();
    let named: Vec<&str> =
        found["only_in_first"].as_array().unwrap().iter().map(|one| one[0].as_str().unwrap()).collect();
    assert_eq!(named, ids);
    assert!(found["only_in_second"].as_array().unwrap().is_empty());
    let outstanding = ours.claims.iter().filter(|claim| ids.contains(&claim.id.as_str()));
    let outstanding = outstanding.filter(|claim| claim.outcome == ClaimedOutcome::Outstanding).count();
    let figures = found["figures"].as_array().unwrap();
    let total = figures.iter().find(|one| one[0] == "claimed-totals: outstanding / detainers").unwrap();
    assert_eq!(total[1].as_u64().unwrap() - total[2].as_u64().unwrap(), u64::try_from(outstanding).unwrap());
}

//! The page of a report, opened from disk in a browser without a network.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::browser;
use crate::reports::claims::Desk;
use crate::reports::said;

/// The sum of a table's rows by the word of one column, where another column has this word.
fn sums(report: &Value, table: &str, only: Option<(usize, &str)>, by: usize) -> BTreeMap<String, u64> {
    let table = report["tables"].as_array().unwrap().iter().find(|own| own["name"] == table).unwrap();
    let mut sums = BTreeMap::new();
    for row in table["rows"].as_array().unwrap() {
        if only.is_none_or(|(at, word)| row["key"][at] == word) {
            let word = row["key"][by].as_str().unwrap().to_owned();
            *sums.entry(word).or_default() += row["count"].as_u64().unwrap();
        }
    }
    sums
}

/// The part of a document from an element with this id to the end of its kind.
fn element<'a>(page: &'a str, kind: &str, id: &str) -> &'a str {
    let at = page.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no {id}"));
    let rest = &page[at..];
    &rest[..rest.find(&format!("</{kind}>")).unwrap()]
}

/// The widths of the bars of a plot, and the texts in it.
fn drawn(svg: &str) -> (Vec<f64>, Vec<String>) {
    let bars = svg.split("<rect ").skip(1).filter(|rect| rect.split('>').next().unwrap().contains("#1F4E79"));
    let width = |rect: &str| rect.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
    let texts = svg
        .split("<text ")
        .skip(1)
        .map(|text| text.split_once('>').unwrap().1.split("</text>").next().unwrap().trim().to_owned());
    (bars.map(width).collect(), texts.collect())
}

fn unescaped(text: &str) -> String {
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    plain.replace("&amp;", "&")
}

#[test]
fn the_page_needs_nothing_and_its_plots_are_the_figures() {
    let desk = Desk::new();
    desk.import("published.csv", "book.jsonl");
    let (json, html) = (desk.text("report.json"), desk.text("report.html"));
    said(&[
        "report",
        "--jurisdiction",
        "us-ny",
        "--claims",
        &desk.text("book.jsonl"),
        "--json",
        &json,
        "--html",
        &html,
    ]);
    let json = fs::read_to_string(json).unwrap();
    let file = fs::read_to_string(&html).unwrap();
    for outside in ["<script", "src=", "@import", "url(", "<iframe", "<object"] {
        assert!(!file.contains(outside), "{outside}");
    }
    let page =
        browser::installed("the report's page in a browser").map_or(file, |browser| opened(&browser, Path::new(&html)));
    assert_eq!(unescaped(element(&page, "pre", "report").split_once('>').unwrap().1), json);
    let report: Value = serde_json::from_str(&json).unwrap();
    for (plot, outcome) in
        [("plot-claimed-outstanding", "outstanding"), ("plot-claimed-released", "released-with-one-active")]
    {
        let expected = sums(&report, "claimed-by-offence", Some((0, outcome)), 1);
        let svg = element(&page, "svg", plot);
        let (bars, texts) = drawn(svg);
        assert_eq!(bars.len(), expected.len(), "{plot}");
        let most = *expected.values().max().unwrap();
        let longest = bars.iter().copied().fold(0.0, f64::max);
        for ((offence, count), bar) in expected.iter().zip(bars) {
            let ratio = |part: u64, whole: u64| {
                f64::from(u32::try_from(part).unwrap()) / f64::from(u32::try_from(whole).unwrap())
            };
            assert!((bar - longest * ratio(*count, most)).abs() <= 1.5, "{plot} {offence}: {bar}");
            assert!(texts.contains(&count.to_string()) && texts.contains(offence), "{plot} {offence}: {texts:?}");
            assert!(svg.contains(&format!("{offence}: {count}")), "in words: {offence}");
        }
    }
}

/// Opens the page, keeps a screenshot under target/tmp, and gives the document as the browser has it.
fn opened(browser: &str, page: &Path) -> String {
    let profile = tempfile::TempDir::new().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new("timeout");
        command.args(["120", browser, "--enable-logging=stderr"]).args(browser::arguments(profile.path()));
        let output =
            command.args(arguments).arg(format!("file://{}", page.display())).stdin(Stdio::null()).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        assert!(!errors.contains("CONSOLE"), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    };
    let screenshot = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.png");
    run(&[&format!("--screenshot={}", screenshot.display()), "--window-size=1000,6000"]);
    assert!(fs::metadata(&screenshot).unwrap().len() > 10_000);
    run(&["--dump-dom"])
}

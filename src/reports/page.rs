//! A report as one HTML file that needs nothing else: no script, no network, no font of its own.

use std::fmt::Write as _;

use crate::reports::plots::{PlotError, escaped, plots};
use crate::reports::report::{Report, Row, Table};

const STYLE: &str = "\
:root{color-scheme:light}\
body{margin:0 auto;max-width:62rem;padding:1.5rem;font:16px/1.5 sans-serif;color:#1a1a1a;background:#fff}\
h1{font-size:1.6rem;line-height:1.2}h2{font-size:1.15rem;margin:2.2rem 0 .4rem}\
a{color:#1f4e79}a:focus-visible,.wide:focus-visible,summary:focus-visible{outline:3px solid #1f4e79;outline-offset:2px}\
.skip{position:absolute;left:-100rem}.skip:focus{position:static}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{font-weight:bold}dd{margin:0;overflow-wrap:anywhere}\
figure{margin:1.5rem 0;break-inside:avoid}figure svg{max-width:100%;height:auto}figcaption{font-weight:bold}\
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}\
caption{text-align:left;font-weight:bold;padding:.3rem 0}th,td{border-bottom:1px solid #767676;padding:.2rem .6rem .2rem 0;text-align:left;\
vertical-align:top;overflow-wrap:anywhere}td.count,th.count{text-align:right;font-variant-numeric:tabular-nums}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.75rem}\
@media print{body{max-width:none;padding:0;font-size:10pt}nav,.skip,details{display:none}thead{display:table-header-group}tr{break-inside:avoid}}";

/// The page. `json` is the report's canonical JSON, which is in the page as it is.
pub fn html(report: &Report, json: &str) -> Result<String, PlotError> {
    let mut page = String::new();
    let title = escaped(&format!("Detainers: {}, for {}", report.jurisdiction, report.audience));
    page.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.push_str("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.push_str("<link rel=\"icon\" href=\"data:,\">\n");
    let _ = writeln!(page, "<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>");
    let _ = writeln!(page, "<a class=\"skip\" href=\"#figures\">To the figures</a>\n<header><h1>{title}</h1>");
    page.push_str(&provenance(report));
    page.push_str("</header>\n<main id=\"figures\">\n");
    page.push_str(&contents(report));
    for plot in plots(report) {
        let caption = escaped(&plot.title);
        let _ = writeln!(page, "<figure>\n<figcaption>{caption}</figcaption>\n{}\n</figure>", plot.svg()?);
    }
    for table in &report.tables {
        page.push_str(&as_html(table));
    }
    let _ =
        writeln!(page, "<details><summary>report.json</summary><pre id=\"report\">{}</pre></details>", escaped(json));
    page.push_str("</main>\n</body>\n</html>\n");
    Ok(page)
}

/// What it was computed from, for whom and how.
fn provenance(report: &Report) -> String {
    let mut said = String::from("<dl>\n");
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(said, "<dt>{}</dt><dd>{}</dd>", escaped(name), escaped(value));
    };
    let moment =
        |at: Option<jiff::Timestamp>, otherwise: &str| at.map_or_else(|| otherwise.to_owned(), |at| at.to_string());
    line("Jurisdiction", &report.jurisdiction);
    line("Computed for", &report.audience);
    line(
        "Window",
        &format!("from {} to {}", moment(report.from, "the beginning"), moment(report.to, "the as-of time")),
    );
    line("As of", &moment(report.as_of, "no entry"));
    for tree in &report.trees {
        line(&tree.origin, &format!("size {}, root {}, {} counted", tree.size, tree.root, tree.counted));
    }
    said.push_str("</dl>\n<ul>\n");
    for note in &report.notes {
        let _ = writeln!(said, "<li>{}</li>", escaped(note));
    }
    said.push_str("</ul>\n");
    said
}

fn contents(report: &Report) -> String {
    let link =
        |table: &Table| format!("<li><a href=\"#{}\">{}</a></li>\n", escaped(&table.name), escaped(&table.title));
    let links: String = report.tables.iter().map(link).collect();
    format!("<nav aria-label=\"Tables\"><h2>Tables</h2>\n<ul>\n{links}</ul></nav>\n")
}

fn as_html(table: &Table) -> String {
    let Table { name, title, of, columns, rows } = table;
    let (name, title) = (escaped(name), escaped(title));
    let heads: Vec<_> = columns.iter().map(|column| format!("<th scope=\"col\">{}</th>", escaped(column))).collect();
    let heads = heads.concat();
    let row = |row: &Row| {
        let words: Vec<_> = row.key.iter().map(|word| format!("<td>{}</td>", escaped(word))).collect();
        let words = words.concat();
        let count = row.count.map_or_else(|| "suppressed".to_owned(), |count| count.to_string());
        format!("<tr>{words}<td class=\"count\">{count}</td></tr>\n")
    };
    let body: String = if rows.is_empty() {
        format!("<tr><td colspan=\"{}\">none</td></tr>\n", columns.len().saturating_add(1))
    } else {
        rows.iter().map(row).collect()
    };
    format!(
        "<section id=\"{name}\">\n<h2>{title}</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\">\n\
         <table data-table=\"{name}\">\n<caption>Of {}</caption>\n<thead><tr>{heads}<th scope=\"col\" class=\"count\">count</th></tr></thead>\n\
         <tbody>\n{body}</tbody>\n</table>\n</div>\n</section>\n",
        escaped(of)
    )
}

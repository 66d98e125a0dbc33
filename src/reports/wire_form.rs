//! A report as the contract carries it, and back. The JSON of both is the same.

use jiff::Timestamp;

use crate::reports::report::{CountedTree, Question, Report, Row, Table};
use crate::wire::{Timestamp as WireTime, show, v1};

/// The message of a report.
pub fn to_wire_form(report: &Report) -> v1::Report {
    v1::Report {
        jurisdiction: report.jurisdiction.clone(),
        audience: report.audience.clone(),
        start_time: report.from.map(show::timestamp),
        end_time: report.to.map(show::timestamp),
        as_of_time: report.as_of.map(show::timestamp),
        trees: report.trees.iter().map(tree).collect(),
        notes: report.notes.clone(),
        tables: report.tables.iter().map(table).collect(),
    }
}

/// The report of a message. None: a number in it cannot be.
pub fn from_wire_form(message: v1::Report) -> Option<Report> {
    let time = |time: Option<WireTime>| time.map(|time| Timestamp::new(time.seconds, time.nanos).ok());
    let question = Question {
        jurisdiction: message.jurisdiction,
        audience: message.audience,
        from: time(message.start_time).unwrap_or_default(),
        to: time(message.end_time).unwrap_or_default(),
        as_of: None,
    };
    let mut report = Report::new(&question, time(message.as_of_time).unwrap_or_default());
    for tree in message.trees {
        report.trees.push(CountedTree {
            origin: tree.origin,
            size: u64::try_from(tree.size).ok()?,
            root: tree.root,
            counted: u64::try_from(tree.counted).ok()?,
        });
    }
    report.notes = message.notes;
    for table in message.tables {
        let row = |row: v1::ReportRow| {
            let count = row.count.map(u64::try_from).transpose().ok()?;
            Some(Row { key: row.key, count })
        };
        report.tables.push(Table {
            name: table.name,
            title: table.title,
            of: table.of,
            columns: table.columns,
            rows: table.rows.into_iter().map(row).collect::<Option<_>>()?,
        });
    }
    Some(report)
}

fn tree(tree: &CountedTree) -> v1::CountedTree {
    v1::CountedTree {
        origin: tree.origin.clone(),
        size: show::wire_position(tree.size),
        root: tree.root.clone(),
        counted: show::wire_position(tree.counted),
    }
}

fn table(table: &Table) -> v1::ReportTable {
    let row = |row: &Row| v1::ReportRow { key: row.key.clone(), count: row.count.map(show::wire_position) };
    v1::ReportTable {
        name: table.name.clone(),
        title: table.title.clone(),
        of: table.of.clone(),
        columns: table.columns.clone(),
        rows: table.rows.iter().map(row).collect(),
    }
}

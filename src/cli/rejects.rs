//! What a command says of a file that it reads row by row: a progress bar, and the rows that it cannot use.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressStyle};

use crate::claims::Fault;

/// Writes rows that cannot be used: row, column, reason. A reason never repeats what stands in the row.
pub(super) fn write<'a>(path: &Path, rejected: impl Iterator<Item = (u64, &'a Fault)>) -> Result<()> {
    let mut lines = csv::Writer::from_writer(Vec::new());
    lines.write_record(["row", "column", "reason"])?;
    for (row, fault) in rejected {
        lines.write_record([&row.to_string(), &fault.column, &fault.reason])?;
    }
    let text = lines.into_inner().context("the rows cannot be written")?;
    let mut file = std::fs::File::create(path)?;
    file.write_all(&text)?;
    Ok(file.sync_data()?)
}

/// A progress bar on standard error, if that is a terminal.
pub(super) fn bar(whole: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(whole);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

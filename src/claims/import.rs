//! Imports a published file into a book, row by row. It can be cut off anywhere and run again.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};

use crate::claims::book::{Book, Reconciliation, Row, SourceFile};
use crate::claims::error::ClaimsError;
use crate::claims::ice_detainers;

/// The largest file, in bytes. A record whose quote is never closed is read whole.
const FILE_LEN_MAX: u64 = 1_024 * 1_024 * 1_024;
/// So many rows are lost at most when the machine stops.
const ROWS_A_SYNC: u64 = 1_000;

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The file.
    pub source: SourceFile,
    /// What became of its rows.
    pub sums: Reconciliation,
    /// Rows that were in the book before this run.
    pub before: u64,
}

/// Imports a file of the layout `ice-detainers`. `progress` is told how many bytes of it are read.
pub fn import(
    book: &mut Book,
    path: &Path,
    jurisdiction: &str,
    progress: &mut dyn FnMut(u64),
) -> Result<Imported, ClaimsError> {
    let mut file = File::open(path)?;
    let source = described(&mut file)?;
    if let Some(sums) = book.finished(&source.sha256) {
        return Ok(Imported { source, sums, before: sums.rows });
    }
    file.rewind()?;
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(BufReader::new(file.take(source.bytes)));
    ice_detainers::check_header(rows.byte_headers()?)?;
    let before = book.begin(&source)?.rows;
    let (mut row, mut read) = (csv::ByteRecord::new(), 0u64);
    while rows.read_byte_record(&mut row)? {
        read = read.saturating_add(1);
        if read <= before {
            continue;
        }
        book.row(what_it_is(book, &row, jurisdiction))?;
        if read % ROWS_A_SYNC == 0 {
            book.sync()?;
            progress(rows.position().byte());
        }
    }
    progress(source.bytes);
    Ok(Imported { sums: book.end()?, source, before })
}

fn what_it_is(book: &Book, row: &csv::ByteRecord, jurisdiction: &str) -> Row {
    match ice_detainers::read(row, jurisdiction) {
        Err(faults) => Row::Rejected(faults),
        Ok(claim) if book.knows(&claim.id) => Row::DuplicateOf(claim.id),
        Ok(claim) => Row::Claim(Box::new(claim)),
    }
}

fn described(file: &mut File) -> Result<SourceFile, ClaimsError> {
    let (mut digest, mut bytes) = (Context::new(&SHA256), 0u64);
    let mut block = vec![0; 256 * 1_024];
    loop {
        let len = file.read(&mut block)?;
        let Some(read) = block.get(..len).filter(|read| !read.is_empty()) else { break };
        digest.update(read);
        bytes = bytes.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        if bytes > FILE_LEN_MAX {
            return Err(ClaimsError::TooLarge(FILE_LEN_MAX));
        }
    }
    Ok(SourceFile { sha256: hex::encode(digest.finish()), bytes, layout: "ice-detainers".to_owned() })
}

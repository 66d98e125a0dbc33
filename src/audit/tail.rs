//! The end of a file that an earlier process wrote: where the chain goes on, and what after its last whole line is none.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::audit::chain::{Links, Tip};

/// How far back a whole line is looked for, in bytes. No line is nearly as long.
const LOOKED_AT: u64 = 1_024 * 1_024;

/// Events after which nothing more was to come.
const ENDS: [&str; 5] = ["stopped", "begun", "continued", "recovered", "command_ended"];

/// The end of a file.
#[derive(Debug)]
pub(super) enum Tail {
    /// There is nothing in it.
    Empty,
    /// It ends a chain.
    Chain {
        /// Where the chain goes on.
        tip: Tip,
        /// The number of the file's first line.
        first: u64,
        /// Whether whoever wrote it ended as asked.
        ended: bool,
        /// What comes after the last whole line.
        torn: Vec<u8>,
    },
    /// There is something in it, and no line of a chain where one should be.
    Foreign,
}

impl Tail {
    /// Reads the end of a file.
    pub(super) fn read(file: &File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        if len == 0 {
            return Ok(Self::Empty);
        }
        let from = len.saturating_sub(LOOKED_AT);
        let end = read_from(file, from, LOOKED_AT)?;
        let beginning = read_from(file, 0, LOOKED_AT)?;
        let first = beginning.split(|byte| *byte == b'\n').next().and_then(Links::parse);
        let Some(first) = first else { return Ok(Self::Foreign) };
        Ok(tail_of(&end, first.sequence).unwrap_or(Self::Foreign))
    }
}

/// The tail in the last bytes of a file.
fn tail_of(end: &[u8], first: u64) -> Option<Tail> {
    let mut rest = end;
    let mut found: Option<(Tip, usize)> = None;
    // Backwards, line by line. What is before the last newline is a line; what is after it is torn.
    while let Some(at) = rest.iter().rposition(|byte| *byte == b'\n') {
        let before = rest.get(..at)?;
        let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline.saturating_add(1));
        let line = before.get(begin..)?;
        if let Some(links) = Links::parse(line) {
            let (tip, torn_at) = *found.get_or_insert_with(|| {
                let tip = Tip { sequence: links.sequence, ..Tip::FIRST }.after(line);
                (tip, at.saturating_add(1))
            });
            // The signature of a chain says nothing of whether it ended.
            if links.event != "head" {
                let ended = ENDS.contains(&links.event.as_str());
                return Some(Tail::Chain { tip, first, ended, torn: end.get(torn_at..)?.to_vec() });
            }
        } else if found.is_some() {
            break;
        }
        rest = end.get(..begin)?;
    }
    let (tip, torn_at) = found?;
    Some(Tail::Chain { tip, first, ended: false, torn: end.get(torn_at..)?.to_vec() })
}

fn read_from(file: &File, from: u64, len_max: u64) -> io::Result<Vec<u8>> {
    let len = file.metadata()?.len().saturating_sub(from).min(len_max);
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

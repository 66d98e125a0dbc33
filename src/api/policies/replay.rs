//! A replay as a stream, page by page. Each page holds no more than the caller may read, and is accounted for before it
//! leaves.

use std::ops::Range;
use std::sync::Arc;

use tonic::Status;

use crate::api::context::Api;
use crate::api::policies::show;
use crate::api::status;
use crate::api::stream::MessageSender;
use crate::domain::agency::Caller;
use crate::domain::determination::{FieldClass, FieldClasses};
use crate::domain::ids::LogName;
use crate::domain::method::ReadMethod;
use crate::feed::{judge_again, may_read, recorded_within};
use crate::policy::candidate::with_replaced_files;
use crate::policy::engine::Engine;
use crate::policy::load::PolicyError;
use crate::policy::replay::{Change, Replay};
use crate::store::DisclosedResource;
use crate::wire::{Violation, parse, v1};

/// Entries read at once.
const PAGE_LEN: usize = 128;
/// The most determinations that one call judges.
const DETERMINATIONS_MAX: u64 = 200_000;

/// A replay that was admitted.
pub(super) struct Replaying {
    caller: Caller,
    logs: Vec<(LogName, Range<u64>)>,
    replay: Replay,
}

/// The outcome of a page.
struct Page {
    /// The entries with a determination that changes, by index.
    changed: Vec<(u64, Vec<Change>)>,
    /// The position to continue at.
    next: u64,
}

impl Replaying {
    /// Finds the period, and reads the candidate as a gateway would that is to activate it.
    pub(super) async fn begin(api: &Api, caller: Caller, period: parse::Period) -> Result<Self, Status> {
        let own = |log: &&LogName| log.jurisdiction == period.jurisdiction && may_read(&caller, log);
        let logs: Vec<(LogName, u64)> = api.heads.keys().filter(own).map(|log| (log.clone(), api.head(log))).collect();
        if logs.is_empty() {
            return Err(status::not_found());
        }
        let (from, to) = (period.from, period.to);
        let found = api.read(move |reader| {
            let within = |(log, size): (LogName, u64)| {
                let range = recorded_within(reader, &log, size, from, to)?;
                Ok((log, range))
            };
            logs.into_iter().map(within).collect::<Result<Vec<_>, _>>()
        });
        let logs = found.await?;
        let in_force = Arc::clone(api.gate_for(&caller, ReadMethod::Replay.word())?.engine());
        let files = period.files;
        let replay = api.evaluate_blocking(move || {
            let candidate = candidate(&in_force, &files).map_err(|error| refused(&error, &files))?;
            Ok::<_, Status>(Replay::new(candidate, [in_force]))
        });
        Ok(Self { caller, logs, replay: replay.await?? })
    }

    /// Streams each determination that changes, then the totals.
    pub(super) async fn serve(self, api: &Api, sender: &MessageSender<v1::ReplayResponse>) -> Result<(), Status> {
        let Self { caller, logs, mut replay } = self;
        for (log, Range { start, end }) in logs {
            let mut next = start;
            while next < end {
                let page;
                (replay, page) = read(api, &caller, &log, next..end, replay).await?;
                next = page.next;
                let resources = page.changed.iter().map(|(index, _)| DisclosedResource::entry(&log, *index)).collect();
                let classes: FieldClasses = [FieldClass::Determination].into_iter().collect();
                api.disclose(&caller, ReadMethod::Replay, &log.jurisdiction, resources, classes).await?;
                for (index, changes) in &page.changed {
                    let name = log.entry(*index);
                    for change in changes {
                        sender.send(show::change(&name, change)).await?;
                    }
                }
                if replay.totals().determinations > DETERMINATIONS_MAX {
                    return Err(too_many());
                }
            }
        }
        sender.send(show::totals(replay.candidate(), replay.totals())).await
    }
}

/// Judges a page again, using only what the caller may read of each entry now.
async fn read(
    api: &Api,
    caller: &Caller,
    log: &LogName,
    range: Range<u64>,
    mut replay: Replay,
) -> Result<(Replay, Page), Status> {
    let slot = api.slot(&api.concurrency.evaluations).await?;
    let (whose, log) = (caller.clone(), log.clone());
    let read = api.read_for(caller, ReadMethod::Replay, move |reader, disclosure_filter| {
        let _slot = slot;
        let mut page = Page { changed: Vec::new(), next: range.end };
        let found = reader.entries_for(&whose, &log, range.start, PAGE_LEN)?;
        if let Some(last) = found.last() {
            page.next = last.index.saturating_add(1);
        }
        for stored in found.iter().filter(|stored| stored.index < range.end) {
            let visible = disclosure_filter.visible(stored, &log.jurisdiction)?;
            if !visible.is_some_and(|visible| visible.classes.contains(FieldClass::Determination)) {
                continue;
            }
            let changes = judge_again(stored, &mut replay)?;
            if !changes.is_empty() {
                page.changed.push((stored.index, changes));
            }
        }
        Ok((replay, page))
    });
    read.await
}

/// The set in force with the candidate's files laid over it; the set itself if there are no files.
fn candidate(in_force: &Arc<Engine>, files: &[(String, Option<String>)]) -> Result<Arc<Engine>, PolicyError> {
    if files.is_empty() {
        return Ok(Arc::clone(in_force));
    }
    with_replaced_files(in_force, files).map(|set| Arc::new(Engine::new(set)))
}

/// Names the file at fault and repeats nothing of it. `comity policy check` reports the cause.
fn refused(error: &PolicyError, files: &[(String, Option<String>)]) -> Status {
    let at = error.file().and_then(|file| files.iter().position(|(name, _)| name == file));
    let field = at.map_or_else(|| "files".to_owned(), |at| format!("files[{at}].text"));
    let description = "must be what a gateway would take: comity policy check says what is wrong".to_owned();
    status::violations(&vec![Violation { field, description }])
}

fn too_many() -> Status {
    let description = format!("must be the end of a period of no more than {DETERMINATIONS_MAX} determinations");
    status::violations(&vec![Violation { field: "end_time".to_owned(), description }])
}

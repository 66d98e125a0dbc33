//! `ReportService`: reports over the entries that the caller may read.
//!
//! The log is folded for each call, as far as the caller may be shown it now: a custodian or a law that narrows what an issuer sees
//! narrows its reports too. One report at a time for each agency, and a few in all.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tonic::{Request, Response, Status};

use crate::api::context::Api;
use crate::api::status::{self, LimitOwner};
use crate::domain::agency::Caller;
use crate::domain::determination::{FieldClass, FieldClasses};
use crate::domain::ids::{CaseName, JurisdictionId, LogName};
use crate::domain::method::ReadMethod;
use crate::domain::zone::Zones;
use crate::feed::{DisclosureFilter, may_read};
use crate::reports::{CountedEntry, CountedTree, Fold, Merged, Question, Report, Row, to_wire_form};
use crate::store::{DisclosedResource, Reader, StoreError};
use crate::wire::v1::report_service_server::ReportService;
use crate::wire::{parse, show, v1};

/// Entries read at once.
const PAGE_LEN: usize = 256;
/// When to ask again while a report for the same agency is being computed.
const BUSY_FOR: Duration = Duration::from_secs(5);

/// The service.
#[derive(Debug, Clone)]
pub struct Reports(pub Arc<Api>);

#[tonic::async_trait]
impl ReportService for Reports {
    async fn get_report(
        &self,
        request: Request<v1::GetReportRequest>,
    ) -> Result<Response<v1::GetReportResponse>, Status> {
        let caller = Api::caller(&request)?;
        let asked = parse::report_scope(request.get_ref()).map_err(|faults| status::violations(&faults))?;
        let is_asked = |log: &&LogName| asked.jurisdiction.as_ref().is_none_or(|asked| *asked == log.jurisdiction);
        let own = self.0.heads.keys().filter(is_asked).filter(|log| may_read(&caller, log));
        let logs: Vec<(LogName, u64)> = own.map(|log| (log.clone(), self.0.head(log))).collect();
        if logs.is_empty() {
            return Err(status::not_found());
        }
        let question = Question {
            jurisdiction: asked.jurisdiction.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string),
            audience: show::agency_name(&caller.agency.id),
            from: asked.from,
            to: asked.to,
            as_of: asked.as_of,
        };
        let zone = asked.jurisdiction.as_ref().map_or(TimeZone::UTC, |jurisdiction| Zones::default().of(jurisdiction));
        let active = self.0.concurrency.active_reports.begin(&caller.agency.id);
        let active = active.ok_or_else(|| status::overloaded(LimitOwner::Agency, BUSY_FOR))?;
        let slot = self.0.slot(&self.0.concurrency.reports).await?;
        let whose = caller.clone();
        let report = self.0.read_for(&caller, ReadMethod::GetReport, move |reader, filter| {
            let _until_it_is_done = (slot, active);
            let (fold, trees) = fold(reader, filter, &whose, logs, &question)?;
            Ok(fold.report(&question, trees, &zone))
        });
        let report = report.await?;
        if let Some(jurisdiction) = &asked.jurisdiction {
            self.account(&caller, jurisdiction, &report).await?;
        }
        Ok(Response::new(v1::GetReportResponse { report: Some(to_wire_form(&report)) }))
    }
}

impl Reports {
    /// Figures are nobody's data, but a table that the statute of a jurisdiction asks for may have a line for each person.
    async fn account(&self, caller: &Caller, jurisdiction: &JurisdictionId, report: &Report) -> Result<(), Status> {
        let lines = report.table("5-ilcs-805-25").into_iter().flat_map(|table| &table.rows);
        let name = |line: &Row| line.key.first()?.parse::<CaseName>().ok();
        let resources = lines.map(|line| name(line).as_ref().map(DisclosedResource::from)).collect::<Option<_>>();
        let resources = resources.ok_or_else(|| status::internal("a line of a report names no case"))?;
        let classes: FieldClasses =
            [FieldClass::Count, FieldClass::ReleaseDate, FieldClass::ReleaseDetail].into_iter().collect();
        self.0.disclose(caller, ReadMethod::GetReport, jurisdiction, resources, classes).await
    }
}

/// Counts what the caller may be shown of these logs now.
fn fold(
    reader: &dyn Reader,
    filter: &mut DisclosureFilter<'_>,
    caller: &Caller,
    logs: Vec<(LogName, u64)>,
    question: &Question,
) -> Result<(Fold, Vec<CountedTree>), StoreError> {
    let filter = RefCell::new(filter);
    let shown = |(log, end): &(LogName, u64)| Shown {
        reader,
        filter: &filter,
        caller,
        log: log.clone(),
        next: 0,
        end: *end,
        page: VecDeque::new(),
    };
    let mut fold = Fold::default();
    for entry in Merged::of(logs.iter().map(shown)) {
        let entry = entry?;
        if question.as_of.is_some_and(|as_of| entry.recorded_at > as_of) {
            break;
        }
        fold.take(&entry);
    }
    let mut trees = Vec::new();
    for (log, size) in logs.into_iter().filter(|(_, size)| *size > 0) {
        let note = reader.checkpoint_at(&log, size)?.ok_or(StoreError::Broken("a checkpoint is missing"))?;
        // C2SP tlog-checkpoint: origin, size, root.
        let mut lines = note.lines();
        let (origin, _size, root) = (lines.next(), lines.next(), lines.next());
        let (origin, root) = origin.zip(root).ok_or(StoreError::Broken("a checkpoint is not three lines"))?;
        let counted = fold.counted(&log);
        trees.push(CountedTree { origin: origin.to_owned(), size, root: root.to_owned(), counted });
    }
    Ok((fold, trees))
}

/// The entries of a log that the caller may be shown, each as far as it may.
struct Shown<'a, 'f> {
    reader: &'a dyn Reader,
    filter: &'a RefCell<&'a mut DisclosureFilter<'f>>,
    caller: &'a Caller,
    log: LogName,
    next: u64,
    end: u64,
    page: VecDeque<CountedEntry>,
}

impl Shown<'_, '_> {
    /// Reads pages until there is an entry for the caller, or none is left.
    fn fill(&mut self) -> Result<(), StoreError> {
        while self.page.is_empty() && self.next < self.end {
            let left = usize::try_from(self.end.saturating_sub(self.next)).unwrap_or(PAGE_LEN);
            let found = self.reader.entries_for(self.caller, &self.log, self.next, left.min(PAGE_LEN))?;
            let Some(last) = found.last() else { return Err(StoreError::Broken("an entry is missing")) };
            self.next = last.index.saturating_add(1);
            for stored in found {
                let visible = self.filter.borrow_mut().visible(&stored, &self.log.jurisdiction)?;
                let Some(visible) = visible else { continue };
                let opened = stored.openings.iter().filter(|opening| visible.classes.contains(opening.class));
                let counted = CountedEntry::read(&self.log, &stored.leaf, opened);
                self.page.push_back(counted.map_err(|_| StoreError::Broken("an entry is not of a known layout"))?);
            }
        }
        Ok(())
    }
}

impl Iterator for Shown<'_, '_> {
    type Item = Result<CountedEntry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.fill() {
            self.next = self.end;
            return Some(Err(error));
        }
        self.page.pop_front().map(Ok)
    }
}

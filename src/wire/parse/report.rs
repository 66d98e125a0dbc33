//! The scope of a report that is asked for.

use jiff::Timestamp;

use crate::domain::ids::JurisdictionId;
use crate::wire::parse::RequestFields;
use crate::wire::{Violations, v1};

/// Every jurisdiction that the caller takes part in (AIP-159).
const EVERY_JURISDICTION: &str = "jurisdictions/-";

/// What a report must cover.
#[derive(Debug)]
pub struct ReportScope {
    /// The jurisdiction. `None`: every one that the caller takes part in.
    pub jurisdiction: Option<JurisdictionId>,
    /// The first moment of the window.
    pub from: Option<Timestamp>,
    /// The moment after the window.
    pub to: Option<Timestamp>,
    /// Entries that were recorded later are not counted.
    pub as_of: Option<Timestamp>,
}

/// Reads a request for a report.
pub fn report_scope(request: &v1::GetReportRequest) -> Result<ReportScope, Violations> {
    let mut fields = RequestFields::default();
    let every = request.parent == EVERY_JURISDICTION;
    let jurisdiction = if every { None } else { fields.jurisdiction("parent", &request.parent) };
    let from = fields.time("start_time", request.start_time);
    let to = fields.time("end_time", request.end_time);
    let as_of = fields.time("as_of_time", request.as_of_time);
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        fields.fault("end_time", "after start_time");
    }
    fields.finish(Some(ReportScope { jurisdiction, from, to, as_of }))
}

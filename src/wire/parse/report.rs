//! A request for figures.

use jiff::Timestamp;

use crate::domain::ids::JurisdictionId;
use crate::wire::parse::RequestFields;
use crate::wire::{Violations, v1};

/// Every jurisdiction that the caller takes part in (AIP-159).
const EVERY_JURISDICTION: &str = "jurisdictions/-";

/// Which figures are asked for.
#[derive(Debug)]
pub struct Figures {
    /// Of which jurisdiction. None: of every one that the caller takes part in.
    pub jurisdiction: Option<JurisdictionId>,
    /// The first moment of the window.
    pub from: Option<Timestamp>,
    /// The moment after the window.
    pub to: Option<Timestamp>,
    /// What was recorded after it is not counted.
    pub as_of: Option<Timestamp>,
}

/// Reads a request for figures.
pub fn figures(request: &v1::GetReportRequest) -> Result<Figures, Violations> {
    let mut fields = RequestFields::default();
    let every = request.parent == EVERY_JURISDICTION;
    let jurisdiction = if every { None } else { fields.jurisdiction("parent", &request.parent) };
    let from = fields.time("start_time", request.start_time);
    let to = fields.time("end_time", request.end_time);
    let as_of = fields.time("as_of_time", request.as_of_time);
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        fields.fault("end_time", "after start_time");
    }
    fields.finish(Some(Figures { jurisdiction, from, to, as_of }))
}

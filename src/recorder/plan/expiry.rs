//! Detainers that wait for a person: which of them an intake asks the custodian about again, and the end of those whose
//! custodian did not have the person by the day that it gave.

use jiff::Timestamp;

use crate::domain::agency::gateway;
use crate::domain::apply::apply;
use crate::domain::asked_again::{ASKED_AGAIN_LEN_MAX, ends_at, is_asked_again};
use crate::domain::case::StoredCase;
use crate::domain::command::{CaseCommand, Command};
use crate::domain::decide::not_found_in_time;
use crate::domain::detainer::Detainer;
use crate::domain::ids::{CaseKind, CaseName, LogKind, LogName, OfficerPseudonym};
use crate::domain::permit::Admitted;
use crate::domain::search;
use crate::recorder::plan::naming::NO_OFFICER;
use crate::recorder::plan::outcome::PlanError;
use crate::recorder::plan::{By, Plan};
use crate::store::{FoundBy, ListedItem};

/// What a leaf names as its method if a detainer ended because its custodian did not have the person in time.
const EXPIRY: &str = "Expiry";

/// By which terms the detainers are found that the intakes of a batch may ask about again.
pub(in crate::recorder) fn found_by<'a>(
    writes: impl Iterator<Item = (&'a Admitted<Command>, &'a CaseCommand)>,
) -> FoundBy {
    let mut wanted = FoundBy::new();
    for (admitted, command) in writes {
        if let CaseCommand::OpenCustody(intake) = command {
            let terms = search::asked_again(&admitted.caller.agency.id, &intake.subject);
            wanted.entry((admitted.jurisdiction.clone(), CaseKind::Detainer)).or_default().extend(terms);
        }
    }
    wanted
}

impl Plan<'_> {
    /// The detainers that a command asks its caller about again, oldest first. INVARIANT: the caller's own alone, and told to
    /// nobody else.
    pub(in crate::recorder) fn asked_again(
        &self,
        admitted: &Admitted<Command>,
        command: &CaseCommand,
        now: Timestamp,
    ) -> Vec<CaseName> {
        let CaseCommand::OpenCustody(intake) = command else { return Vec::new() };
        let waits = |detainer: &&Detainer| {
            detainer.name.jurisdiction == admitted.jurisdiction
                && ends_at(detainer, &self.timetable.zones).is_some_and(|end| end > now)
                && is_asked_again(detainer, &admitted.caller.agency.id, &intake.subject)
        };
        let loaded = self.loaded.cases.values().filter_map(StoredCase::detainer);
        loaded.filter(waits).map(|detainer| detainer.name.clone()).take(ASKED_AGAIN_LEN_MAX).collect()
    }

    /// Ends detainers whose custodian did not have the person by the day that it gave.
    pub(in crate::recorder) fn expire(&mut self, due: &[ListedItem], clock_now: Timestamp) -> Result<(), PlanError> {
        due.iter().try_for_each(|listed| {
            let span = tracing::error_span!("expiry", case = %listed.case);
            span.in_scope(|| self.expire_one(listed, clock_now))
        })
    }

    /// INVARIANT: only the case, as this batch has it, says whether it waits. So it ends once, however many gateways saw that
    /// it was due.
    fn expire_one(&mut self, listed: &ListedItem, clock_now: Timestamp) -> Result<(), PlanError> {
        let now = self.time_of_record(&listed.case.jurisdiction, clock_now);
        let mut case = self.assemble([&listed.case]);
        let zones = &self.timetable.zones;
        let over = |detainer: &&Detainer| ends_at(detainer, zones).is_some_and(|end| end <= now);
        let record = case.detainer.as_ref().filter(over).and_then(|detainer| {
            let law = self.gate.law_on_expiry(detainer, now);
            not_found_in_time(detainer, &law)
        });
        let Some(record) = record else {
            self.clear_agenda(&listed.case, listed.item.clone());
            self.keep(case, now);
            return Ok(());
        };
        let officer: OfficerPseudonym = NO_OFFICER.parse().map_err(|_| PlanError::NoOfficer)?;
        let by = By { agency: &gateway(), officer: &officer, method: EXPIRY, request_id: None, from_paper: false };
        let log = LogName { jurisdiction: listed.case.jurisdiction.clone(), kind: record.log };
        let index = self.append(by, &record, now)?;
        let exchange_index = if record.log == LogKind::Exchange { index } else { self.exchange_size(&log) };
        apply(&mut case, &record, exchange_index, now);
        for record in self.follow(&mut case, &[record], now) {
            let index = self.append(by, &record, now)?;
            apply(&mut case, &record, index, now);
        }
        self.keep(case, now);
        Ok(())
    }
}

//! The backlog of an inbox. The agency itself also gets its cursor; an operator sees only counts and names.

use tonic::Status;

use crate::api::context::Api;
use crate::api::status;
use crate::domain::agency::{AgencyKind, Caller};
use crate::domain::ids::{ConsumerId, JurisdictionId, LogName};
use crate::domain::inbox::{Attempt, Consumer, EntryPosition, InboxConsumer};
use crate::feed::{self, Backlog, Cursor, may_read};
use crate::wire::{parse, show, v1};

impl Api {
    /// The backlog of an agency.
    pub(super) async fn backlog(
        &self,
        caller: &Caller,
        request: &v1::GetBacklogRequest,
    ) -> Result<v1::GetBacklogResponse, Status> {
        let faults = |faults| status::violations(&faults);
        let jurisdiction = parse::jurisdiction("parent", &request.parent).map_err(faults)?;
        let only = match request.consumer.as_str() {
            "" => None,
            consumer => Some(parse::consumer(consumer).map_err(faults)?),
        };
        let asked = parse::agency("agency", &request.agency).map_err(faults)?;
        let operator = caller.agency.kind == AgencyKind::Operator;
        let agency = match asked {
            Some(asked) if operator || asked == caller.agency.id => self.gate().agency(&asked).cloned(),
            Some(_) => None,
            None if operator => return Err(status::missing("agency")),
            None => Some(caller.agency.clone()),
        };
        let agency = Caller { agency: agency.ok_or_else(status::not_found)?, actor: None };
        let logs = self.heads.iter().filter(|(log, _)| log.jurisdiction == jurisdiction && may_read(&agency, log));
        let logs: Vec<(LogName, u64)> = logs.map(|(log, head)| (log.clone(), *head.borrow())).collect();
        if logs.is_empty() || agency.agency.kind == AgencyKind::Oversight {
            return Err(status::not_found());
        }
        let mut consumers = self.consumers(&agency.agency.id, &jurisdiction).await?.0;
        if consumers.is_empty() {
            consumers.insert(parse::consumer("").map_err(faults)?, Consumer::default());
        }
        consumers.retain(|name, _| only.as_ref().is_none_or(|only| only == name));
        // Takes a slot: counting reads through the log.
        let slot = self.slot(&self.concurrency.lists).await?;
        let whose = agency.clone();
        let counted = self.read(move |reader| {
            let _slot = slot;
            let count = |(name, consumer): (ConsumerId, Consumer)| {
                Ok((feed::backlog(reader, &whose, &consumer, &logs)?, name, consumer))
            };
            consumers.into_iter().map(count).collect::<Result<Vec<_>, _>>()
        });
        let backlogs = counted.await?.into_iter().map(|(waiting, consumer, state)| {
            let whose =
                InboxConsumer { agency: agency.agency.id.clone(), jurisdiction: jurisdiction.clone(), consumer };
            let cursor = (!operator).then(|| self.keys.cursors.seal(&whose, Cursor::confirmed(&state)));
            shown(&whose, cursor, waiting, &state)
        });
        Ok(v1::GetBacklogResponse { backlogs: backlogs.collect() })
    }
}

fn shown(whose: &InboxConsumer, cursor: Option<String>, waiting: Backlog, state: &Consumer) -> v1::Backlog {
    v1::Backlog {
        consumer: whose.consumer.to_string(),
        cursor: cursor.unwrap_or_default(),
        waiting_count: show::wire_position(waiting.count),
        incomplete: waiting.incomplete,
        oldest_recorded_at: waiting.oldest.map(show::timestamp),
        parked: state.parked().map(|parked| parked_entry(&whose.jurisdiction, parked)).collect(),
    }
}

fn parked_entry(jurisdiction: &JurisdictionId, (place, attempt): (EntryPosition, Attempt)) -> v1::ParkedEntry {
    let log = LogName { jurisdiction: jurisdiction.clone(), kind: place.log };
    v1::ParkedEntry {
        entry: log.entry(place.index),
        tries: i32::try_from(attempt.tries).unwrap_or(i32::MAX),
        since: Some(show::timestamp(attempt.since)),
    }
}

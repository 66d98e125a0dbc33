//! Confirmations of an inbox. Each is a proof of delivery, recorded in a log whose readers may know of it.

use jiff::Timestamp;

use crate::domain::agency::Agency;
use crate::domain::command::{Command, InboxCommand};
use crate::domain::determination::{FieldClass, FieldClasses};
use crate::domain::event::Party;
use crate::domain::ids::{ConsumerId, LogKind, LogName, OfficerPseudonym};
use crate::domain::inbox::{Confirmed, Inbox, InboxConsumer, Limits, Refusal};
use crate::domain::permit::Admitted;
use crate::policy::gate::Denial;
use crate::recorder::plan::outcome::{NotRecorded, PlanError, Rejection};
use crate::recorder::plan::{By, Draft, Plan};
use crate::store::{Audience, NewDelivery};
use crate::wire::{Message as _, entry, show, v1};

/// A confirmation that the rules of the inbox allow, and the contents of its entry.
struct Confirmation<'a> {
    consumer: &'a ConsumerId,
    confirmed: Confirmed,
    resource: String,
    event: v1::InboxAcknowledged,
    answer: Vec<u8>,
}

impl Plan<'_> {
    /// Records a confirmation. If it proves no new delivery of what passed between the parties, it goes into the custody
    /// log: otherwise, how often a custodian confirms would reveal what happens in its custody.
    pub(in crate::recorder) fn confirm(
        &mut self,
        admitted: &Admitted<Command>,
        command: &InboxCommand,
        officer: &OfficerPseudonym,
        now: Timestamp,
    ) -> Result<(LogName, u64), NotRecorded> {
        let method = command.method().rpc();
        // For a command on a case, the gate asks this itself.
        self.gate.admit(&admitted.caller, method).map_err(|_| Rejection::Denied(Denial::NotAdmitted))?;
        let agency = &admitted.caller.agency;
        let jurisdiction = &admitted.jurisdiction;
        let inbox = self.loaded.inboxes.entry((agency.id.clone(), jurisdiction.clone())).or_default();
        let confirmation = confirmation(admitted, command, inbox, self.limits).map_err(Rejection::Inbox)?;
        let Confirmation { consumer, confirmed, resource, event, answer } = confirmation;
        self.consumers.insert(InboxConsumer {
            agency: agency.id.clone(),
            jurisdiction: jurisdiction.clone(),
            consumer: consumer.clone(),
        });
        let log = |kind| LogName { jurisdiction: jurisdiction.clone(), kind };
        self.deliveries.extend(confirmed.received.iter().map(|span| NewDelivery {
            agency: agency.id.clone(),
            log: log(span.log),
            from: span.from,
            position: span.to,
            recorded_at: now,
        }));
        let (kind, audience) = audience(agency, confirmed.is_news);
        let by =
            By { agency: &agency.id, officer, method, request_id: Some(admitted.value.request_id), from_paper: false };
        let draft = Draft {
            log: log(kind),
            by,
            named: by.named(),
            resource,
            case: None,
            policy_digest: None,
            audience,
            contents: entry::contents(&show::inbox_acknowledged(event)).map_err(PlanError::from)?,
        };
        let index = self.write(draft, now)?;
        if let Some(entry) = self.entries.last_mut() {
            entry.answer = Some(answer);
        }
        Ok((log(kind), index))
    }
}

/// What a command confirms.
fn confirmation<'a>(
    admitted: &Admitted<Command>,
    command: &'a InboxCommand,
    inbox: &mut Inbox,
    limits: Limits,
) -> Result<Confirmation<'a>, Refusal> {
    let jurisdiction = &admitted.jurisdiction;
    let acknowledged = |consumer: &ConsumerId| v1::InboxAcknowledged {
        agency: show::agency_name(&admitted.caller.agency.id),
        consumer: consumer.to_string(),
        ..v1::InboxAcknowledged::default()
    };
    match command {
        InboxCommand::Acknowledge { consumer, exchange_position, exchange_seen, custody_position } => {
            let positions = (*exchange_position, *exchange_seen, *custody_position);
            let confirmed = inbox.confirm(consumer, positions, limits)?;
            let event = v1::InboxAcknowledged {
                exchange_position: show::wire_position(*exchange_seen),
                parked: confirmed.parked.iter().copied().map(show::wire_position).collect(),
                ..acknowledged(consumer)
            };
            let resource = format!("jurisdictions/{jurisdiction}");
            let answer = v1::AcknowledgeResponse::default().encode_to_vec();
            Ok(Confirmation { consumer, confirmed, resource, event, answer })
        }
        InboxCommand::AcknowledgeParked { consumer, entry } => {
            let confirmed = inbox.confirm_parked(consumer, *entry)?;
            let name = LogName { jurisdiction: jurisdiction.clone(), kind: entry.log }.entry(entry.index);
            let event = v1::InboxAcknowledged { entry: name.clone(), ..acknowledged(consumer) };
            let answer = v1::AcknowledgeParkedResponse::default().encode_to_vec();
            Ok(Confirmation { consumer, confirmed, resource: name, event, answer })
        }
    }
}

/// The log of a confirmation, and its audience.
fn audience(agency: &Agency, is_news: bool) -> (LogKind, Audience) {
    let holds_people = agency.kind.holds_people();
    let mut audience =
        vec![(Party::Agency(agency.id.clone()), FieldClasses::all()), (Party::Oversight, FieldClasses::all())];
    if is_news {
        // The other side may know that something was delivered, but not to which system of the agency.
        let other_side = if holds_people { Party::Requesters } else { Party::Custodians };
        audience.push((other_side, [FieldClass::Count].into_iter().collect()));
    }
    let log = if holds_people && !is_news { LogKind::Custody } else { LogKind::Exchange };
    (log, Audience(audience))
}

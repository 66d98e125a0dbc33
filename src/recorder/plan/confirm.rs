//! Confirming an inbox: proof of delivery, in the log that the other side may know of it in.

use jiff::Timestamp;

use crate::domain::agency::Agency;
use crate::domain::command::{Action, Command};
use crate::domain::decide;
use crate::domain::determination::{FieldClass, FieldClasses};
use crate::domain::event::Party;
use crate::domain::ids::{ConsumerId, LogKind, LogName, OfficerPseudonym};
use crate::domain::inbox::{Confirmed, Inbox, InboxConsumer, Limits, Refusal};
use crate::domain::permit::Admitted;
use crate::recorder::plan::outcome::{Outcome, PlanError};
use crate::recorder::plan::{By, Draft, Plan};
use crate::store::{Audience, NewDelivery};
use crate::wire::{Message as _, entry, show, v1};

/// A confirmation that was found good: what it covers, and what its entry says of it.
struct Confirmation<'a> {
    consumer: &'a ConsumerId,
    confirmed: Confirmed,
    resource: String,
    event: v1::InboxAcknowledged,
    answer: Vec<u8>,
}

impl Plan<'_> {
    /// Records a confirmation. Where it proves delivery of nothing new that passed between the parties, it stays within
    /// the jurisdiction: how often a custodian confirms would else tell what goes on in its custody.
    pub(in crate::recorder) fn confirm(
        &mut self,
        admitted: &Admitted<Command>,
        officer: &OfficerPseudonym,
        now: Timestamp,
    ) -> Result<Result<(LogName, u64), Outcome>, PlanError> {
        let agency = &admitted.caller.agency;
        let jurisdiction = &admitted.jurisdiction;
        let inbox = self.loaded.inboxes.entry((agency.id.clone(), jurisdiction.clone())).or_default();
        let confirmation = match confirmation(admitted, inbox, self.limits) {
            Ok(Some(confirmation)) => confirmation,
            Ok(None) => return Ok(Err(Outcome::Refused(decide::Refusal::NoSuchCase))),
            Err(refusal) => return Ok(Err(Outcome::Inbox(refusal))),
        };
        let Confirmation { consumer, confirmed, resource, event, answer } = confirmation;
        let (agency_id, jurisdiction_id) = (agency.id.clone(), jurisdiction.clone());
        self.consumers.insert(InboxConsumer {
            agency: agency_id,
            jurisdiction: jurisdiction_id,
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
        let method = admitted.value.action.method().rpc();
        let by = By { agency: &agency.id, officer, method, request_id: Some(admitted.value.request_id) };
        let draft = Draft {
            log: log(kind),
            by,
            named: by.named(),
            resource,
            case: None,
            policy_digest: None,
            audience,
            contents: entry::contents(&show::inbox_acknowledged(event))?,
        };
        let index = self.write(draft, now)?;
        if let Some(entry) = self.entries.last_mut() {
            entry.answer = Some(answer);
        }
        Ok(Ok((log(kind), index)))
    }
}

/// What a command confirms. `None`: nothing, it is upon a case.
fn confirmation<'a>(
    admitted: &'a Admitted<Command>,
    inbox: &mut Inbox,
    limits: Limits,
) -> Result<Option<Confirmation<'a>>, Refusal> {
    let jurisdiction = &admitted.jurisdiction;
    let acknowledged = |consumer: &ConsumerId| v1::InboxAcknowledged {
        agency: show::agency_name(&admitted.caller.agency.id),
        consumer: consumer.to_string(),
        ..v1::InboxAcknowledged::default()
    };
    match &admitted.value.action {
        Action::Case(_) => Ok(None),
        Action::AcknowledgeInbox { consumer, exchange_position, exchange_seen, custody_position } => {
            let positions = (*exchange_position, *exchange_seen, *custody_position);
            let confirmed = inbox.confirm(consumer, positions, limits)?;
            let event = v1::InboxAcknowledged {
                exchange_position: show::wire_position(*exchange_seen),
                parked: confirmed.parked.iter().copied().map(show::wire_position).collect(),
                ..acknowledged(consumer)
            };
            let resource = format!("jurisdictions/{jurisdiction}");
            let answer = v1::AcknowledgeResponse::default().encode_to_vec();
            Ok(Some(Confirmation { consumer, confirmed, resource, event, answer }))
        }
        Action::AcknowledgeParked { consumer, entry } => {
            let confirmed = inbox.confirm_parked(consumer, *entry)?;
            let name = LogName { jurisdiction: jurisdiction.clone(), kind: entry.log }.entry(entry.index);
            let event = v1::InboxAcknowledged { entry: name.clone(), ..acknowledged(consumer) };
            let answer = v1::AcknowledgeParkedResponse::default().encode_to_vec();
            Ok(Some(Confirmation { consumer, confirmed, resource: name, event, answer }))
        }
    }
}

/// In which log a confirmation is recorded, and who may see it.
fn audience(agency: &Agency, is_news: bool) -> (LogKind, Audience) {
    let holds_people = agency.kind.holds_people();
    let mut audience =
        vec![(Party::Agency(agency.id.clone()), FieldClasses::all()), (Party::Oversight, FieldClasses::all())];
    if is_news {
        // Proof of delivery is of use to the other side; which of the agency's systems received is not.
        let other_side = if holds_people { Party::Requesters } else { Party::Custodians };
        audience.push((other_side, [FieldClass::Count].into_iter().collect()));
    }
    let log = if holds_people && !is_news { LogKind::Custody } else { LogKind::Exchange };
    (log, Audience(audience))
}

//! Confirming an inbox: proof of delivery, in the log that the other side may know of it in.

use jiff::Timestamp;

use crate::domain::command::{Command, Method};
use crate::domain::determination::FieldClasses;
use crate::domain::event::Party;
use crate::domain::ids::{LogKind, LogName, OfficerPseudonym};
use crate::domain::permit::Admitted;
use crate::recorder::plan::{Draft, Plan, PlanError};
use crate::store::{Audience, NewDelivery};
use crate::wire::{Message as _, entry, show, v1};

/// How far an agency has received.
#[derive(Debug, Clone, Copy)]
pub(super) struct Confirmed {
    /// Entries of the exchange log before it were received or were for others.
    pub(super) exchange_position: u64,
    /// Just after the last entry of the exchange log that was for the agency.
    pub(super) exchange_seen: u64,
    /// Entries of the custody log before it were received or were for others.
    pub(super) custody_position: u64,
}

impl Plan<'_> {
    /// Records a confirmation. Where it proves delivery of nothing new that passed between the parties, it stays within
    /// the jurisdiction: how often a custodian confirms would else tell what goes on in its custody.
    pub(super) fn confirm(
        &mut self,
        admitted: &Admitted<Command>,
        confirmed: Confirmed,
        officer: &OfficerPseudonym,
        now: Timestamp,
    ) -> Result<(LogName, u64), PlanError> {
        let agency = &admitted.caller.agency;
        let jurisdiction = &admitted.jurisdiction;
        let log = |kind| LogName { jurisdiction: jurisdiction.clone(), kind };
        let exchange = (agency.id.clone(), log(LogKind::Exchange));
        let before = self.loaded.confirmed.get(&exchange).copied().unwrap_or_default();
        let proves = confirmed.exchange_seen > before;
        for (kind, position) in
            [(LogKind::Exchange, confirmed.exchange_position), (LogKind::Custody, confirmed.custody_position)]
        {
            if position > 0 {
                let agency = agency.id.clone();
                self.deliveries.push(NewDelivery { agency, log: log(kind), position, recorded_at: now });
            }
        }
        self.loaded.confirmed.insert(exchange, before.max(confirmed.exchange_position));
        let own = vec![Party::Agency(agency.id.clone()), Party::Oversight];
        let (kind, audience) = match (agency.kind.holds_people(), proves) {
            // Proof of delivery is of use to the other side.
            (true, true) => (LogKind::Exchange, [own, vec![Party::Requesters]].concat()),
            (true, false) => (LogKind::Custody, own),
            (false, true) => (LogKind::Exchange, [own, vec![Party::Custodians]].concat()),
            (false, false) => (LogKind::Exchange, own),
        };
        let draft = Draft {
            log: log(kind),
            agency: &agency.id,
            officer,
            method: Method::AcknowledgeInbox,
            resource: format!("jurisdictions/{jurisdiction}"),
            case: None,
            policy_digest: None,
            audience: Audience(audience.into_iter().map(|party| (party, FieldClasses::all())).collect()),
            contents: entry::contents(&show::inbox_acknowledged(&agency.id, confirmed.exchange_seen))?,
        };
        let index = self.write(draft, now)?;
        if let Some(entry) = self.entries.last_mut() {
            entry.answer = Some(v1::AcknowledgeResponse::default().encode_to_vec());
        }
        Ok((log(kind), index))
    }
}

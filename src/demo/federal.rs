//! The federal system. It lodges detainers, reads what it is told in each jurisdiction, and lifts detainers that no
//! longer apply.
//!
//! It knows about custody and release only what its inboxes say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};

use crate::demo::agencies::JURISDICTIONS;
use crate::demo::agency_client::{AgencyClient, bounded, request_id};
use crate::demo::calendar::Step;
use crate::demo::evidence::Entry;
use crate::demo::inbox::Inbox;
use crate::demo::person::{Outcome, Person};
use crate::demo::requests;
use crate::demo::roster::Roster;
use crate::domain::custody::ReleaseRecipient;
use crate::domain::detainer::{Finding, LiftReason};
use crate::wire::enums::{from_wire, to_wire};
use crate::wire::v1;
use crate::wire::v1::event::Event;

/// Shorter notice is not enough to pick somebody up.
const NOTICE_S: i64 = 48 * 3_600;
/// Steps until a detainer is lifted when nobody was found.
const NOBODY_FOUND: Step = 8;

/// The requester.
#[derive(Debug)]
pub(super) struct Federal {
    pub(super) client: Arc<AgencyClient>,
    /// One inbox for each jurisdiction, in order.
    pub(super) inboxes: Vec<Inbox>,
    roster: Arc<Roster>,
    /// The people to lodge a detainer for at each step, by place in the roster.
    lodging: BTreeMap<Step, Vec<usize>>,
    open: Arc<Mutex<OpenDetainers>>,
}

/// The detainers that it has to act on.
#[derive(Debug, Default)]
struct OpenDetainers {
    /// The person of each detainer.
    people: BTreeMap<String, usize>,
    /// The detainers to lift at each step, and why.
    lifting: BTreeMap<Step, Vec<(String, LiftReason)>>,
}

impl Federal {
    pub(super) async fn open(client: Arc<AgencyClient>, roster: Arc<Roster>) -> Result<Self> {
        let mut inboxes = Vec::new();
        for jurisdiction in JURISDICTIONS {
            inboxes.push(Inbox::open(&client, jurisdiction).await?);
        }
        let mut lodging: BTreeMap<Step, Vec<usize>> = BTreeMap::new();
        for (place, person) in roster.people.iter().enumerate() {
            lodging.entry(person.lodged).or_default().push(place);
        }
        Ok(Self { client, inboxes, roster, lodging, open: Arc::default() })
    }

    /// Lodges and lifts what is due.
    pub(super) async fn work(&self, step: Step) -> Result<()> {
        let due = self.lock().lifting.remove(&step).unwrap_or_default();
        let lifts = due.into_iter().map(|(name, reason)| {
            let client = Arc::clone(&self.client);
            async move { withdraw(&client, name, reason).await }
        });
        bounded(lifts).await?;
        let due = self.lodging.get(&step).cloned().unwrap_or_default();
        bounded(due.into_iter().map(|place| {
            let (client, roster, open) = (Arc::clone(&self.client), Arc::clone(&self.roster), Arc::clone(&self.open));
            async move {
                let person = roster.people.get(place).context("nobody of that number")?;
                let name = Box::pin(lodge(&client, person)).await?;
                let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
                if let Outcome::Lifted(step, reason) = person.outcome {
                    open.lifting.entry(step).or_default().push((name.clone(), reason));
                }
                open.people.insert(name, place);
                Ok(())
            }
        }))
        .await
    }

    /// Reads its inboxes and decides what to lift.
    pub(super) fn read(&self, step: Step) {
        let mut open = self.lock();
        for entry in self.inboxes.iter().flat_map(Inbox::take) {
            let person = open.people.get(&entry.resource).and_then(|place| self.roster.people.get(*place));
            let Some(person) = person else { continue };
            if let Some((after, reason)) = lifts(person, &entry) {
                open.lifting.entry(step + after).or_default().push((entry.resource, reason));
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, OpenDetainers> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn lodge(client: &AgencyClient, person: &Person) -> Result<String> {
    let jurisdiction = if person.custodian.starts_with("us-tx") { "us-tx" } else { "us-ny" };
    let request = v1::LodgeDetainerRequest {
        parent: format!("jurisdictions/{jurisdiction}"),
        detainer: Some(requests::detainer(person)),
        request_id: request_id(),
    };
    let lodged = Box::pin(client.write("LodgeDetainer", client.system.detainers().lodge_detainer(request))).await?;
    Ok(lodged.detainer.context("a detainer without content")?.name)
}

async fn withdraw(client: &AgencyClient, name: String, reason: LiftReason) -> Result<()> {
    let request = v1::WithdrawDetainerRequest {
        name,
        reason: to_wire(reason),
        request_id: request_id(),
        etag: String::new(),
        entered_from_paper: false,
    };
    client.write("WithdrawDetainer", client.system.detainers().withdraw_detainer(request)).await?;
    Ok(())
}

/// Whether news from the custodian makes it lift a detainer: after how many steps, and why.
fn lifts(person: &Person, entry: &Entry) -> Option<(Step, LiftReason)> {
    let event = entry.event.as_ref()?;
    if let Event::DetainerAcknowledged(told) = event {
        return match from_wire(told.acknowledgement.as_ref()?.finding)? {
            Finding::NoSuchPerson | Finding::IdentityMismatch | Finding::Duplicate | Finding::NotFoundInTime => {
                Some((NOBODY_FOUND, LiftReason::CaseClosed))
            }
            Finding::MatchedCustody | Finding::NotInCustody => None,
        };
    }
    let Event::DetainerReleased(told) = event else { return None };
    // It is not told about a detainer that it lifted before, so this is the first news of the release.
    let after = person.lifted_after?;
    let lead = told.counts.as_ref().and_then(|counts| counts.lead_time_seconds);
    let recipient = told.release.as_ref().and_then(|release| from_wire(release.recipient));
    let reason = match (recipient, lead) {
        (Some(ReleaseRecipient::RequestingAgency), _) => LiftReason::BookedIntoDetention,
        (_, Some(seconds)) if seconds >= NOTICE_S => LiftReason::NoLongerInCustody,
        (_, Some(_) | None) => LiftReason::InsufficientNotice,
    };
    Some((after, reason))
}

//! Plays custodians for a developer who writes the requester's side: finds everybody who is asked for, answers as the
//! law requires, and schedules a release. So one developer sees a whole exchange.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use tonic::Status;

use crate::client::{Client, Inbox};
use crate::demo::agency_client::request_id;
use crate::demo::answer::{advice, decided, match_by_name};
use crate::demo::evidence::Entry;
use crate::demo::person::Decision;
use crate::domain::agency::ActorKind;
use crate::domain::custody::ReleaseDateBasis;
use crate::domain::detainer::{AnswerKind, DetainerState};
use crate::domain::warrant::{VerificationMethod, VerificationOutcome, WarrantDetail};
use crate::sandbox::{AGENCIES, Sandbox};
use crate::wire::enums::to_wire;
use crate::wire::failure::{reason_of, reason_word};
use crate::wire::show::timestamp;
use crate::wire::v1;
use crate::wire::v1::event::Event;

/// How long after a request the person is to be released.
const RELEASE_IN: SignedDuration = SignedDuration::from_hours(72);
/// The pause before an inbox that ended is read again.
const PAUSE: Duration = Duration::from_secs(5);

/// A custodian: its system, and an officer for what the law leaves to a person.
#[derive(Debug, Clone)]
pub struct Counterpart {
    id: &'static str,
    system: Client,
    officer: Client,
}

impl Counterpart {
    /// Plays all of them for ever. Errors are logged, and the play goes on.
    pub async fn play(sandbox: &Sandbox, address: SocketAddr, ids: &[&str]) -> Infallible {
        let seats = AGENCIES.iter().filter(|seat| ids.contains(&seat.id));
        let inboxes = seats.flat_map(|seat| seat.jurisdictions.iter().map(|jurisdiction| (seat.id, *jurisdiction)));
        let _never = join_all(inboxes.map(|(id, jurisdiction)| Self::follow(sandbox, address, id, jurisdiction))).await;
        // There are none to play.
        std::future::pending().await
    }

    async fn follow(sandbox: &Sandbox, address: SocketAddr, id: &'static str, jurisdiction: &str) -> Infallible {
        loop {
            let Err(error) = Box::pin(Self::read(sandbox, address, id, jurisdiction)).await;
            tracing::warn!(agency = id, jurisdiction, error = format!("{error:#}"), "the counterpart begins again");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read(sandbox: &Sandbox, address: SocketAddr, id: &'static str, jurisdiction: &str) -> Result<Infallible> {
        let system = Client::connect(sandbox.client(address, id, ActorKind::System)).await?;
        let officer = system.with_token(sandbox.token_source(id, ActorKind::Officer));
        let own = Self { id, system, officer };
        let mut inbox = Inbox::new(&own.system, format!("jurisdictions/{jurisdiction}")).of_consumer("counterpart");
        let handle = |delivery: v1::Delivery| {
            let own = own.clone();
            async move {
                own.receive(delivery).await;
                Ok::<_, Infallible>(())
            }
        };
        Ok(inbox.run(handle).await?)
    }

    async fn receive(&self, delivery: v1::Delivery) {
        let entry = delivery.entry.context("a delivery of nothing").and_then(|entry| Entry::open(&entry));
        let met = match entry {
            Ok(Entry { resource, event: Some(Event::DetainerLodged(_)), .. }) => Box::pin(self.meet(resource)).await,
            Ok(_) => return,
            Err(error) => Err(error),
        };
        if let Err(error) = met {
            tracing::warn!(agency = self.id, error = format!("{error:#}"), "the counterpart could not go on");
        }
    }

    /// Everything that it does about a request.
    async fn meet(&self, name: String) -> Result<()> {
        let asked = v1::GetDetainerRequest { name: name.clone() };
        let asked =
            self.system.detainers().get_detainer(asked).await.map_err(|status| refused("GetDetainer", &status))?;
        let detainer = asked.into_inner().detainer.context("a detainer without content")?;
        // Handled before, by this counterpart or by somebody who tries the custodian's side.
        if detainer.state != to_wire(DetainerState::Lodged) {
            return Ok(());
        }
        let held_in = self.take_in(&name, &detainer).await?;
        let mut said = self.find(&name, &held_in).await?;
        // A judge's warrant is only claimed until an officer has compared it with the docket.
        if said.iter().any(|one| one.unverified) {
            said = self.verify(&name, &detainer).await?;
        }
        let advice = advice(&said);
        let pending = advice.first.kind == to_wire(AnswerKind::PendingReview);
        self.answer(&self.system, &name, advice.first.clone()).await?;
        if pending {
            let granted = match decided(&advice, Decision::Grant) {
                Some(answer) => self.answer(&self.officer, &name, answer).await,
                None => Ok(()),
            };
            if let (Err(_), Some(answer)) = (granted, decided(&advice, Decision::Decline)) {
                self.answer(&self.officer, &name, answer).await?;
            }
        }
        self.schedule(&name, held_in).await
    }

    /// Opens a custody for the person as described in the request.
    async fn take_in(&self, name: &str, detainer: &v1::Detainer) -> Result<String> {
        let parent = name.split_once("/detainers/").map(|(parent, _)| parent.to_owned());
        let request = v1::OpenCustodyRequest {
            parent: parent.context("a detainer is not named as one")?,
            custody: Some(v1::Custody {
                facility: "CENTRAL".to_owned(),
                subject: detainer.subject.clone(),
                flags: Some(v1::Flags::default()),
                occurred_at: Some(timestamp(Timestamp::now())),
                ..Default::default()
            }),
            request_id: request_id(),
        };
        let opened = self.system.custodies().open_custody(request).await;
        let opened = opened.map_err(|status| refused("OpenCustody", &status))?.into_inner();
        self.say("OpenCustody", name);
        Ok(opened.custody.context("a custody without content")?.name)
    }

    async fn find(&self, name: &str, held_in: &str) -> Result<Vec<v1::Determination>> {
        let request = match_by_name(name, held_in);
        let found = self.system.detainers().acknowledge_detainer(request).await;
        let found = found.map_err(|status| refused("AcknowledgeDetainer", &status))?.into_inner();
        self.say("AcknowledgeDetainer", name);
        Ok(found.determinations)
    }

    async fn verify(&self, name: &str, detainer: &v1::Detainer) -> Result<Vec<v1::Determination>> {
        let claimed = detainer.warrant.clone().unwrap_or_default();
        let or =
            |claimed: &str, made_up: &str| if claimed.is_empty() { made_up.to_owned() } else { claimed.to_owned() };
        let seen = v1::Warrant {
            court: or(&claimed.court, "a United States District Court (synthetic)"),
            signer: or(&claimed.signer, "a magistrate judge (synthetic)"),
            docket: or(&claimed.docket, "mj-000001"),
            ..claimed.clone()
        };
        let request = v1::VerifyWarrantRequest {
            name: name.to_owned(),
            verification: Some(v1::WarrantVerification {
                outcome: to_wire(VerificationOutcome::Verified),
                method: to_wire(VerificationMethod::DocketChecked),
                compared: [WarrantDetail::Subject, WarrantDetail::Docket].map(to_wire).to_vec(),
                seen: Some(seen),
                ..Default::default()
            }),
            request_id: request_id(),
            etag: String::new(),
        };
        let verified = self.officer.detainers().verify_warrant(request).await;
        let verified = verified.map_err(|status| refused("VerifyWarrant", &status))?.into_inner();
        self.say("VerifyWarrant", name);
        Ok(verified.determinations)
    }

    async fn answer(&self, as_whom: &Client, name: &str, answer: v1::Answer) -> Result<()> {
        let request = v1::AnswerDetainerRequest {
            name: name.to_owned(),
            answer: Some(answer),
            request_id: request_id(),
            ..Default::default()
        };
        as_whom.detainers().answer_detainer(request).await.map_err(|status| refused("AnswerDetainer", &status))?;
        self.say("AnswerDetainer", name);
        Ok(())
    }

    async fn schedule(&self, name: &str, held_in: String) -> Result<()> {
        let request = v1::ScheduleReleaseRequest {
            name: held_in,
            release: Some(v1::ScheduledRelease {
                expected_at: Some(timestamp(Timestamp::now().checked_add(RELEASE_IN)?)),
                basis: to_wire(ReleaseDateBasis::MaximumExpiry),
                ..Default::default()
            }),
            request_id: request_id(),
            etag: String::new(),
        };
        let scheduled = self.system.custodies().schedule_release(request).await;
        scheduled.map_err(|status| refused("ScheduleRelease", &status))?;
        self.say("ScheduleRelease", name);
        Ok(())
    }

    fn say(&self, method: &str, detainer: &str) {
        tracing::info!(agency = self.id, method, detainer, "counterpart");
    }
}

/// The gateway's error, without any text of the request.
fn refused(what: &str, status: &Status) -> anyhow::Error {
    let reason = reason_of(status).map_or("", reason_word);
    anyhow::anyhow!("{what}: {:?}: {reason}: {}", status.code(), status.message())
}

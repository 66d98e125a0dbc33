//! The writes of each role, about people who are made up: what is sent twice is recorded once, what a receipt proves, and that
//! our client refuses one that was tampered with.

use jiff::{SignedDuration, Timestamp};
use tonic::Status;
use uuid::Uuid;

use crate::client::{Client, verify_receipt};
use crate::demo::{lawful_answer, match_by_name};
use crate::domain::agency::AgencyKind;
use crate::domain::custody::{ReleaseDateBasis, ReleaseReason, ReleaseRecipient};
use crate::domain::detainer::{DetainerBasis, DetainerForm, DetainerState, IssuingAuthority, LiftReason, WarrantKind};
use crate::ledger::VerifierKey;
use crate::partner::self_test::rows::{Rows, told};
use crate::partner::settings::Settings;
use crate::wire::enums::to_wire;
use crate::wire::show::timestamp;
use crate::wire::v1;

/// Whether the story of the agency's role is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Story {
    /// Nothing is written.
    Dry,
    /// It is, on an exchange where its writes are welcome.
    Played,
}

/// Who the story is about: nobody.
const GIVEN: &str = "Ada";
const FAMILY: &str = "Synthetic";
const BIRTH_DATE: &str = "1980-02-03";
/// Numbers that are reserved for fiction.
const DUTY_DESK: &str = "+1-202-555-0100";
const OTHER_DESK: &str = "+1-202-555-0101";
/// How long after it is scheduled the release of the story would be.
const RELEASE_IN: SignedDuration = SignedDuration::from_hours(72);

/// A write that was recorded: what it is about, and its receipt.
#[derive(Debug, PartialEq)]
struct Written {
    name: String,
    receipt: v1::Receipt,
}

/// Plays the story of the agency's role in the first of its jurisdictions.
pub(super) async fn play(
    rows: &mut Rows,
    client: &Client,
    settings: &Settings,
    verifiers: &[VerifierKey],
    story: Story,
) {
    let Some(parent) = settings.jurisdictions.first().map(|id| format!("jurisdictions/{id}")) else {
        rows.not_applicable("story", "an operator takes part in no jurisdiction");
        return;
    };
    if story == Story::Dry {
        rows.not_applicable("story", "it writes, and was not asked for: --story");
        return;
    }
    let plot = Plot { client, parent, us: format!("agencies/{}", settings.agency), verifiers };
    match settings.kind {
        AgencyKind::Federal => Box::pin(plot.requester(rows)).await,
        AgencyKind::State | AgencyKind::County | AgencyKind::City => Box::pin(plot.custodian(rows)).await,
        AgencyKind::Oversight | AgencyKind::Operator => rows.not_applicable("story", "it writes nothing: it reads"),
    }
}

/// Who plays, and where.
struct Plot<'a> {
    client: &'a Client,
    parent: String,
    us: String,
    verifiers: &'a [VerifierKey],
}

impl Plot<'_> {
    /// Lodges with the jurisdiction, sees what it lodged, and withdraws it.
    async fn requester(&self, rows: &mut Rows) {
        let lodging = |phone: &str, request_id: &str| v1::LodgeDetainerRequest {
            parent: self.parent.clone(),
            detainer: Some(detainer(phone)),
            request_id: request_id.to_owned(),
        };
        let lodge = async |request: v1::LodgeDetainerRequest| {
            let lodged = self.client.detainers().lodge_detainer(request).await?.into_inner();
            written(lodged.detainer.map(|detainer| detainer.name), lodged.receipt)
        };
        let id = request_id();
        let first = Box::pin(lodge(lodging(DUTY_DESK, &id))).await;
        let again = Box::pin(lodge(lodging(DUTY_DESK, &id))).await;
        let other = Box::pin(lodge(lodging(OTHER_DESK, &id))).await;
        let Some(Written { name, .. }) = self.judge_once(rows, "story.lodged", first, again, other) else { return };
        let seen = self.client.detainers().get_detainer(v1::GetDetainerRequest { name: name.clone() }).await;
        rows.judge(
            "story.seen",
            match seen.map(|seen| seen.into_inner().detainer.unwrap_or_default()) {
                Ok(seen) if seen.issuer == self.us && seen.state == to_wire(DetainerState::Lodged) => {
                    Ok("as it was lodged".to_owned())
                }
                Ok(_) => Err("it is not as it was lodged".to_owned()),
                Err(status) => Err(told(status)),
            },
        );
        let withdrawal = v1::WithdrawDetainerRequest {
            name,
            reason: to_wire(LiftReason::CaseClosed),
            request_id: request_id(),
            etag: String::new(),
            entered_from_paper: false,
        };
        let withdrawn = self.client.detainers().withdraw_detainer(withdrawal).await;
        rows.judge("story.withdrawn", withdrawn.map(|_| "recorded".to_owned()).map_err(told));
    }

    /// Opens a custody, answers whoever asked for the person, and records the release.
    async fn custodian(&self, rows: &mut Rows) {
        let intake = |facility: &str, request_id: &str, at: Timestamp| v1::OpenCustodyRequest {
            parent: self.parent.clone(),
            custody: Some(custody(facility, at)),
            request_id: request_id.to_owned(),
        };
        let open = async |request: v1::OpenCustodyRequest| {
            let opened = self.client.custodies().open_custody(request).await?.into_inner();
            written(opened.custody.map(|custody| custody.name), opened.receipt)
        };
        let (id, now) = (request_id(), Timestamp::now());
        let first = Box::pin(open(intake("SELFTEST", &id, now))).await;
        let again = Box::pin(open(intake("SELFTEST", &id, now))).await;
        let other = Box::pin(open(intake("SELFTEST2", &id, now))).await;
        let Some(Written { name: custody, .. }) = self.judge_once(rows, "story.opened", first, again, other) else {
            return;
        };
        Box::pin(self.answer(rows, &custody)).await;
        Box::pin(self.release(rows, &custody)).await;
    }

    /// What is sent twice is recorded once, under one receipt, which proves it.
    fn judge_once(
        &self,
        rows: &mut Rows,
        name: &str,
        first: Result<Written, Status>,
        again: Result<Written, Status>,
        other: Result<Written, Status>,
    ) -> Option<Written> {
        let first = match first {
            Ok(first) => first,
            Err(status) => {
                rows.failed(name, told(status));
                return None;
            }
        };
        rows.passed(name, format!("{}, entry {} of {}", first.name, first.receipt.index, first.receipt.log));
        rows.judge(
            "retry.same",
            match again {
                Ok(again) if again == first => {
                    Ok("the same request id and request: the same answer and receipt".to_owned())
                }
                Ok(_) => Err("the same request id and request were answered otherwise".to_owned()),
                Err(status) => Err(told(status)),
            },
        );
        rows.refused("retry.other", other, v1::ErrorReason::RequestIdReused);
        let proven = verify_receipt(&first.receipt, self.verifiers);
        rows.judge(
            "receipt.proves",
            proven
                .map(|()| "it proves its entry, by a key of the approval".to_owned())
                .map_err(|error| error.to_string()),
        );
        rows.judge(
            "receipt.tampered",
            match tampered(&first.receipt).iter().find(|other| verify_receipt(other, self.verifiers).is_ok()) {
                None => Ok("another entry, another index and another log are refused by our client".to_owned()),
                Some(_) => Err("a receipt that was changed was believed".to_owned()),
            },
        );
        Some(first)
    }

    /// Answers a detainer about the person of the story, if somebody lodged one.
    async fn answer(&self, rows: &mut Rows, custody: &str) {
        let request = v1::ListDetainersRequest { parent: self.parent.clone(), page_size: 100, ..Default::default() };
        let listed = match self.client.detainers().list_detainers(request).await {
            Ok(listed) => listed.into_inner().detainers,
            Err(status) => return rows.failed("story.answered", told(status)),
        };
        let is_asked = |detainer: &&v1::Detainer| {
            detainer.custodian == self.us
                && detainer.state == to_wire(DetainerState::Lodged)
                && detainer.subject.as_ref().is_some_and(is_of_the_story)
        };
        let Some(asked) = listed.iter().find(is_asked) else {
            rows.not_applicable("story.answered", format!("nobody has lodged a detainer for {GIVEN} {FAMILY} with us"));
            return;
        };
        rows.judge("story.answered", Box::pin(self.answered(&asked.name, custody)).await.map_err(told));
    }

    async fn answered(&self, detainer: &str, custody: &str) -> Result<String, Status> {
        let found = match_by_name(detainer, custody);
        let found = self.client.detainers().acknowledge_detainer(found).await?.into_inner();
        let answer = v1::AnswerDetainerRequest {
            name: detainer.to_owned(),
            answer: Some(lawful_answer(&found.determinations)),
            request_id: request_id(),
            ..Default::default()
        };
        self.client.detainers().answer_detainer(answer).await?;
        Ok(format!("{detainer}: found and answered as the law has it"))
    }

    async fn release(&self, rows: &mut Rows, custody: &str) {
        let expected = Timestamp::now().checked_add(RELEASE_IN).unwrap_or(Timestamp::MAX);
        let schedule = v1::ScheduleReleaseRequest {
            name: custody.to_owned(),
            release: Some(v1::ScheduledRelease {
                expected_at: Some(timestamp(expected)),
                basis: to_wire(ReleaseDateBasis::MaximumExpiry),
                ..Default::default()
            }),
            request_id: request_id(),
            etag: String::new(),
        };
        let scheduled = self.client.custodies().schedule_release(schedule).await;
        rows.judge("story.scheduled", scheduled.map(|_| "recorded".to_owned()).map_err(told));
        let release = v1::RecordReleaseRequest {
            name: custody.to_owned(),
            release: Some(v1::ActualRelease {
                released_at: Some(timestamp(Timestamp::now())),
                reason: to_wire(ReleaseReason::CourtOrder),
                recipient: to_wire(ReleaseRecipient::Community),
                ordered_by: "order of a criminal court (synthetic)".to_owned(),
                ..Default::default()
            }),
            request_id: request_id(),
            ..Default::default()
        };
        let released = self.client.custodies().record_release(release).await;
        rows.judge("story.released", released.map(|_| "recorded".to_owned()).map_err(told));
    }
}

fn written(name: Option<String>, receipt: Option<v1::Receipt>) -> Result<Written, Status> {
    match (name, receipt) {
        (Some(name), Some(receipt)) => Ok(Written { name, receipt }),
        _ => Err(Status::data_loss("an answer without what was written, or without a receipt")),
    }
}

/// The receipt with one thing changed in each.
fn tampered(receipt: &v1::Receipt) -> [v1::Receipt; 3] {
    let mut leaf = receipt.leaf.clone();
    if let Some(last) = leaf.last_mut() {
        *last ^= 1;
    }
    [
        v1::Receipt { leaf, ..receipt.clone() },
        v1::Receipt { index: receipt.index.saturating_add(1), ..receipt.clone() },
        v1::Receipt { log: format!("{}-other", receipt.log), ..receipt.clone() },
    ]
}

fn request_id() -> String {
    Uuid::now_v7().to_string()
}

fn subject() -> v1::Subject {
    v1::Subject {
        name: Some(v1::PersonName { given: GIVEN.to_owned(), family: FAMILY.to_owned() }),
        birth_date: BIRTH_DATE.to_owned(),
        ..Default::default()
    }
}

fn is_of_the_story(subject: &v1::Subject) -> bool {
    let name = subject.name.as_ref();
    name.is_some_and(|name| name.given == GIVEN && name.family == FAMILY) && subject.birth_date == BIRTH_DATE
}

fn detainer(phone: &str) -> v1::Detainer {
    v1::Detainer {
        form: to_wire(DetainerForm::I247g),
        basis: vec![to_wire(DetainerBasis::FinalOrder)],
        warrant: Some(v1::Warrant {
            kind: to_wire(WarrantKind::None),
            issuing_authority: to_wire(IssuingAuthority::None),
            ..Default::default()
        }),
        subject: Some(subject()),
        contact_phone: phone.to_owned(),
        ..Default::default()
    }
}

fn custody(facility: &str, at: Timestamp) -> v1::Custody {
    v1::Custody {
        facility: facility.to_owned(),
        subject: Some(subject()),
        flags: Some(v1::Flags::default()),
        occurred_at: Some(timestamp(at)),
        ..Default::default()
    }
}

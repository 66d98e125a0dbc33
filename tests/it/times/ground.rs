//! What a time is held against: a detainer, a custody and a pick-up that stand so that one bound is the nearest.

use comity::wire::{Message as _, v1};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::harness::appeals::{answered, appeal_over};
use crate::harness::changes::{
    acceptance_of, amendment_of, birth_date_in, claim_on, eligibility_in, escape_from, handover_in, interview_answer,
    interview_under, movement_to, movement_to_hospital, rescheduling_of, revision_of, service_on, taking_over,
    verification_of, window_under,
};
use crate::harness::duties::meeting_of;
use crate::harness::requests::{answer_to, at, detainer_for, intake_at, match_of, release_of, schedule_of};
use crate::harness::{Party, World};
use crate::times::Said;
use crate::times::table::Row;

pub(super) const JAIL: &str = "us-tx-harris-jail";
/// To whom it hands people on.
pub(super) const NEXT_JAIL: &str = "us-tx-bexar-jail";
const ZONE: &str = "America/Chicago";
const BORN_ON: &str = "1987-06-05";
const CHARGED_ON: &str = "2015-03-02";
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// Of an agency's clock.
const SKEW: i64 = 300;
/// As late as the contract takes a time.
const LAST: i64 = 4_102_444_800;

/// A case, and when it came to stand so.
pub(super) struct Ground<'w> {
    pub(super) world: &'w World,
    /// The bound that is to be the nearest.
    near: String,
    /// When the detainer was lodged. An hour later the custody was entered, and another later what is said is said.
    pub(super) laid_at: i64,
    pub(super) detainer: String,
    custody: String,
    transfer: String,
    appeal: String,
}

impl<'w> Ground<'w> {
    pub(super) async fn laid(world: &'w World, row: &Row, near: &str) -> Ground<'w> {
        Self::lay(world, row, near, None).await
    }

    /// Where the issuer says that it asked so many seconds before.
    pub(super) async fn asked_before(world: &'w World, row: &Row, seconds: i64) -> Ground<'w> {
        Self::lay(world, row, "the request", Some(seconds)).await
    }

    async fn lay(world: &'w World, row: &Row, near: &str, asked_before: Option<i64>) -> Ground<'w> {
        let laid_at = world.clock.now().as_second();
        let none = String::new();
        let mut ground = Self {
            world,
            near: near.to_owned(),
            laid_at,
            detainer: none.clone(),
            custody: none.clone(),
            transfer: none.clone(),
            appeal: none,
        };
        let mut lodging = lodging();
        lodging.detainer.as_mut().unwrap().occurred_at = asked_before.map(|seconds| at(laid_at - seconds));
        ground.detainer = world.ice().lodge(lodging).await.accepted().detainer.unwrap().name;
        world.pass(SignedDuration::from_secs(HOUR));
        ground.custody = ground.custodian().open(ground.intake()).await.accepted().custody.unwrap().name;
        ground.come_to(row).await;
        world.pass(SignedDuration::from_secs(HOUR));
        ground
    }

    /// To where the method of a row can be called.
    async fn come_to(&mut self, row: &Row) {
        let (ice, jail) = (self.world.ice(), self.custodian());
        if row.method == "AcknowledgeDetainer" {
            return;
        }
        jail.acknowledge(match_of(&self.detainer, &self.custody)).await.accepted();
        if row.method == "AnswerDetainer" {
            return;
        }
        jail.answer(answer_to(&self.detainer, v1::AnswerKind::HonorHold)).await.accepted();
        if self.near == "the movement" {
            let mut movement = movement_to_hospital(&self.custody);
            movement.movement.as_mut().unwrap().occurred_at = Some(at(self.moved_at()));
            jail.relocate(movement).await.accepted();
        }
        if self.near == "the hand-over" {
            self.hand_over().await;
        }
        match row.method.as_str() {
            "AnswerInterview" => drop(ice.request_interview(interview_under(&self.detainer)).await.accepted()),
            "AcceptMove" => drop(jail.relocate(movement_to(&self.custody, NEXT_JAIL)).await.accepted()),
            "RescheduleRelease" => drop(jail.schedule(schedule_of(&self.custody)).await.accepted()),
            "ConfirmTransfer" | "ReviseWindow" => self.agree().await,
            "AnswerAppeal" => {
                let mut appeal = appeal_over(&[&self.detainer]);
                appeal.parent = "jurisdictions/us-tx".to_owned();
                appeal.appeal.as_mut().unwrap().due_at = Some(at(self.laid_at + 2 * HOUR + 1));
                self.appeal = ice.issue_appeal(appeal).await.accepted().appeal.unwrap().name;
            }
            _ => {}
        }
    }

    /// Upon a pick-up.
    async fn agree(&mut self) {
        let mut offer = window_under(&self.detainer);
        offer.window.as_mut().unwrap().closes_at = Some(at(LAST));
        self.transfer = self.custodian().offer(offer).await.accepted().transfer.unwrap().name;
        self.world.ice().accept(acceptance_of(&self.transfer)).await.accepted();
    }

    async fn hand_over(&mut self) {
        self.agree().await;
        let handed = v1::ConfirmTransferRequest {
            occurred_at: Some(at(self.laid_at + HOUR - SKEW)),
            ..handover_in(&self.transfer)
        };
        self.custodian().confirm_transfer(handed).await.accepted();
    }

    pub(super) fn custodian(&self) -> Party {
        self.world.system(JAIL)
    }

    /// What a mark is for the field of a row.
    pub(super) fn mark(&self, row: &Row, mark: &str, upper: bool) -> Said {
        let now = self.laid_at + 2 * HOUR;
        let moment = match mark {
            "now" if upper => now + SKEW,
            "now" => now,
            "a year from now" => now + 366 * DAY,
            "the birth" => return of_day(row, BORN_ON.parse().unwrap()),
            "the charge" | "the first charge" => return of_day(row, CHARGED_ON.parse().unwrap()),
            "the signature" => self.signed_at(row),
            "the request" => self.laid_at - SKEW,
            "the intake" => self.taken_in_at(),
            "the movement" => self.moved_at(),
            "the hand-over" | "the offer" | "the appeal" => self.laid_at + HOUR - SKEW,
            "the opening" => now + HOUR,
            unknown => panic!("nothing is known of {unknown}"),
        };
        if row.is_day() { Said::Day(day_of(moment)) } else { Said::Moment(moment) }
    }

    /// Of what is looked into after the request, after the request.
    fn signed_at(&self, row: &Row) -> i64 {
        if row.method == "VerifyWarrant" { self.laid_at + HOUR } else { self.laid_at - DAY }
    }

    fn taken_in_at(&self) -> i64 {
        if self.near == "the intake" { self.laid_at + HOUR / 2 } else { self.laid_at - 10 * DAY }
    }

    fn moved_at(&self) -> i64 {
        self.laid_at + HOUR - 600
    }

    fn intake(&self) -> v1::OpenCustodyRequest {
        let mut intake = intake_at(JAIL);
        let custody = intake.custody.as_mut().unwrap();
        custody.flags = None;
        custody.occurred_at = Some(at(self.taken_in_at()));
        custody.charges[0].charged_on = if self.near == "the first charge" { CHARGED_ON } else { "" }.to_owned();
        intake
    }

    fn intake_for(&self, row: &Row) -> v1::OpenCustodyRequest {
        let mut intake = self.intake();
        let custody = intake.custody.as_mut().unwrap();
        self.charge(&mut custody.charges);
        if row.field.ends_with("birth_date") {
            custody.occurred_at = None;
        }
        intake
    }

    /// The request of a row, but for its field.
    pub(super) fn base(&self, row: &Row) -> Vec<u8> {
        let (detainer, custody) = (&self.detainer, &self.custody);
        match row.method.as_str() {
            "LodgeDetainer" => self.lodging_of(row).encode_to_vec(),
            "AmendDetainer" => amendment_of(detainer, self.lodging_of(row)).encode_to_vec(),
            "AcknowledgeDetainer" if row.field.ends_with("ask_again_until") => {
                let mut request = match_of(detainer, "");
                request.acknowledgement.as_mut().unwrap().finding = v1::Finding::NotInCustody.into();
                request.encode_to_vec()
            }
            "AcknowledgeDetainer" => match_of(detainer, custody).encode_to_vec(),
            "AnswerDetainer" => answer_to(detainer, v1::AnswerKind::HonorHold).encode_to_vec(),
            "VerifyWarrant" => {
                let mut request = verification_of(detainer);
                let verification = request.verification.as_mut().unwrap();
                let signed_at = if self.near == "the signature" { self.signed_at(row) } else { self.laid_at - DAY };
                verification.seen.as_mut().unwrap().signed_at = Some(at(signed_at));
                request.encode_to_vec()
            }
            "RecordServiceOfCopy" => service_on(detainer).encode_to_vec(),
            "RequestInterview" => interview_under(detainer).encode_to_vec(),
            "AnswerInterview" => self.consent().encode_to_vec(),
            "RaiseCitizenshipClaim" => claim_on(detainer).encode_to_vec(),
            "MeetObligation" => meeting_of(detainer, "tell-the-subject").encode_to_vec(),
            "OpenCustody" => self.intake_for(row).encode_to_vec(),
            "UpdateCharges" => {
                let mut charges = self.intake().custody.unwrap().charges;
                self.charge(&mut charges);
                v1::UpdateChargesRequest { charges, ..crate::harness::changes::dismissal_in(custody) }.encode_to_vec()
            }
            "CorrectIdentity" => {
                v1::CorrectIdentityRequest { flags: Some(v1::Flags::default()), ..birth_date_in(custody) }
                    .encode_to_vec()
            }
            "MoveCustody" if row.field == "planned_at" => movement_to(custody, NEXT_JAIL).encode_to_vec(),
            "MoveCustody" => movement_to_hospital(custody).encode_to_vec(),
            "AcceptMove" => taking_over(custody).encode_to_vec(),
            "ScheduleRelease" => schedule_of(custody).encode_to_vec(),
            "RescheduleRelease" => rescheduling_of(custody).encode_to_vec(),
            "RecordReleaseEligibility" => eligibility_in(custody).encode_to_vec(),
            "RecordRelease" => {
                let mut release = release_of(custody);
                if self.near == "the hand-over" {
                    release.release.as_mut().unwrap().recipient = v1::ReleaseRecipient::RequestingAgency.into();
                }
                release.encode_to_vec()
            }
            "CloseCustody" => escape_from(custody).encode_to_vec(),
            "OfferWindow" => {
                let mut offer = window_under(detainer);
                let window = offer.window.as_mut().unwrap();
                let opens_at = if self.near == "the opening" { self.laid_at + 3 * HOUR } else { self.laid_at + HOUR };
                (window.opens_at, window.closes_at) = (Some(at(opens_at)), Some(at(LAST)));
                offer.encode_to_vec()
            }
            "ReviseWindow" => {
                let mut revision = revision_of(&self.transfer, 0);
                let window = revision.window.as_mut().unwrap();
                let opens_at = if self.near == "the opening" { self.laid_at + 3 * HOUR } else { self.laid_at + HOUR };
                (window.opens_at, window.closes_at) = (Some(at(opens_at)), Some(at(LAST)));
                revision.encode_to_vec()
            }
            "ConfirmTransfer" => handover_in(&self.transfer).encode_to_vec(),
            "IssueAppeal" => {
                v1::IssueAppealRequest { parent: "jurisdictions/us-tx".to_owned(), ..appeal_over(&[detainer]) }
                    .encode_to_vec()
            }
            "AnswerAppeal" => answered(&self.appeal, detainer, v1::AppealAnswerKind::StandsByAnswer).encode_to_vec(),
            unknown => panic!("nobody says {unknown}"),
        }
    }

    fn consent(&self) -> v1::AnswerInterviewRequest {
        let mut request = interview_answer(&self.detainer, v1::InterviewOutcome::Consented);
        let advisal = request.answer.as_mut().unwrap().advisal.as_mut().unwrap();
        advisal.advised_at = Some(at(self.laid_at + HOUR));
        request
    }

    fn lodging_of(&self, row: &Row) -> v1::LodgeDetainerRequest {
        let mut lodging = lodging();
        let detainer = lodging.detainer.as_mut().unwrap();
        let signed = self.near == "the signature";
        let warrant = detainer.warrant.as_mut().unwrap();
        warrant.signed_at = signed.then(|| at(self.signed_at(row)));
        self.charge(&mut detainer.charges);
        if row.field.ends_with("birth_date") {
            detainer.charges.clear();
        }
        lodging
    }

    /// The charge led to a conviction, where that is what is asked.
    fn charge(&self, charges: &mut [v1::Charge]) {
        let charge = charges.first_mut().unwrap();
        charge.status = v1::ChargeStatus::Convicted.into();
        charge.charged_on = if self.near == "the charge" { CHARGED_ON } else { "" }.to_owned();
    }
}

fn lodging() -> v1::LodgeDetainerRequest {
    let mut lodging = detainer_for(JAIL);
    let detainer = lodging.detainer.as_mut().unwrap();
    detainer.flags = None;
    detainer.occurred_at = None;
    detainer.warrant.as_mut().unwrap().signed_at = None;
    lodging
}

/// The first moment of a day, where the field of a row holds one.
fn of_day(row: &Row, day: Date) -> Said {
    let zone = TimeZone::get(ZONE).unwrap();
    if row.is_day() { Said::Day(day) } else { Said::Moment(day.to_zoned(zone).unwrap().timestamp().as_second()) }
}

fn day_of(moment: i64) -> Date {
    Timestamp::from_second(moment).unwrap().to_zoned(TimeZone::get(ZONE).unwrap()).date()
}

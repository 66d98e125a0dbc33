//! The story beside: cases that come to stand in every state, and stay there for the attackers to meet.

use std::sync::Arc;
use std::time::Duration;

use comity::domain::agency::ActorKind;
use comity::wire::{Message as _, Timestamp, v1};
use tonic::Status;

use crate::flood::pool::{Kind, Pool};
use crate::harness::Party;
use crate::harness::appeals::{answered, appeal_over};
use crate::harness::changes::{
    acceptance_of, amendment_of, birth_date_in, calling_back, cancellation_in, claim_on, declining_of, dismissal_in,
    eligibility_in, escape_from, expungement_of, failure_of, handover_in, interview_answer, interview_under,
    movement_to, movement_to_hospital, no_interview_under, reopening_of, rescheduling_of, resolution_of, revision_of,
    service_on, take_off_of, taking_over, turning_down, verification_of, window_under,
};
use crate::harness::duties::meeting_of;
use crate::harness::process::Served;
use crate::harness::requests::{
    NY, NY_EXCHANGE, TX, answer_to, at, detainer_for, evaluation_in, intake_at, made_up_facts, match_of,
    parked_receipt_of, receipt_of, release_of, schedule_of, withdrawal_of,
};

const REST: Duration = Duration::from_millis(100);
/// The steps of a whole story: of the detainer, of pick-ups, of the custody, and of what was told of them.
const STEPS: usize = 30;
/// Prime to the number of steps: one story after the other ends somewhere else, and soon everywhere.
const STRIDE: usize = 7;
/// Noon of a day in 2063, by the gateway's clock long to come.
const OPENS_AT: i64 = 2_942_136_000;

/// To whoever asked for them, and why.
fn handed_over(custody: &str) -> v1::RecordReleaseRequest {
    let mut released = v1::RecordReleaseRequest { reason: "the door was open".to_owned(), ..release_of(custody) };
    let release = released.release.as_mut().unwrap();
    release.recipient = v1::ReleaseRecipient::RequestingAgency.into();
    // No earlier than the hand-over, which was by the gateway's clock.
    release.released_at = Some(at(jiff::Timestamp::now().as_second() + 1));
    released
}

/// Who plays.
#[derive(Clone)]
pub(super) struct Cast {
    ice: Party,
    custodians: [Custodian; 2],
}

#[derive(Clone)]
struct Custodian {
    agency: &'static str,
    parent: &'static str,
    system: Party,
    officer: Party,
}

impl Cast {
    pub(super) fn of(served: &Served) -> Self {
        let custodian = |agency, parent| Custodian {
            agency,
            parent,
            system: served.party(agency, ActorKind::System),
            officer: served.party(agency, ActorKind::Officer),
        };
        let custodians = [custodian("us-ny-doccs", NY), custodian("us-tx-harris-jail", TX)];
        Self { ice: served.party("us-ice", ActorKind::System), custodians }
    }
}

/// One whole story, undisturbed: nobody learns of its cases before it is over.
pub(super) async fn plays_once(served: &Served, pool: &Pool) {
    let cast = Cast::of(served);
    for custodian in &cast.custodians {
        let unseen = Pool::default();
        play(&cast.ice, custodian, &unseen, STEPS).await.unwrap();
        pool.learn(unseen);
    }
}

/// Story upon story until it is told to stop. An attacker may have been there first, so a refusal ends one of them.
pub(super) async fn plays_on(cast: Cast, pool: Arc<Pool>) {
    for round in 0.. {
        let custodian = &cast.custodians[round % cast.custodians.len()];
        // A story has many durable writes: without a rest it would leave the attackers nothing of a slow disk.
        tokio::time::sleep(REST).await;
        let _refused: Result<(), Status> = play(&cast.ice, custodian, &pool, round * STRIDE % (STEPS + 1)).await;
    }
}

macro_rules! step {
    ($story:ident.$party:ident.$verb:ident($method:literal, $request:expr)) => {{
        let request = $request;
        $story.pool.put_message($method, request.encode_to_vec());
        $story.pool.put(Kind::RequestId, request.request_id.clone());
        $story.$party.$verb(request).await.0?
    }};
}

/// The first steps of a story.
async fn play(ice: &Party, custodian: &Custodian, pool: &Pool, steps: usize) -> Result<(), Status> {
    let Custodian { agency, parent, system, officer } = custodian;
    let mut story =
        Story { ice, system, officer, agency, parent, pool, detainer: String::new(), custody: String::new() };
    story.begin().await?;
    let (mut transfer, mut appeal) = (v1::Transfer::default(), String::new());
    for at in 0..steps {
        match at {
            0 => {
                // Early in each story: of all who attack, one agency alone may take them.
                story.of_people_on_offer().await?;
                story.of_the_detainer(at).await?;
            }
            2 => {
                story.of_the_detainer(at).await?;
                story.of_an_interview().await?;
            }
            1 | 3..7 => story.of_the_detainer(at).await?,
            7..15 => story.of_a_pick_up(at, &mut transfer).await?,
            15..25 => story.of_the_custody(at).await?,
            25..28 => story.of_an_appeal(at, &mut appeal).await?,
            28 => {
                let withdrawal = withdrawal_of(&story.detainer);
                story.detainer_is(step!(story.ice.withdraw("DetainerService/WithdrawDetainer", withdrawal)).detainer);
            }
            _ => {
                story.of_the_inbox().await?;
                story.of_other_stays().await?;
            }
        }
    }
    Ok(())
}

/// A detainer, a custody, and who speaks of them.
struct Story<'a> {
    ice: &'a Party,
    system: &'a Party,
    officer: &'a Party,
    agency: &'a str,
    parent: &'a str,
    pool: &'a Pool,
    detainer: String,
    custody: String,
}

impl Story<'_> {
    fn detainer_is(&self, seen: Option<v1::Detainer>) {
        self.pool.put(Kind::Etag, seen.unwrap_or_default().etag);
    }

    fn custody_is(&self, seen: Option<v1::Custody>) {
        self.pool.put(Kind::Etag, seen.unwrap_or_default().etag);
    }

    async fn begin(&mut self) -> Result<(), Status> {
        // Facts that go together are not come upon by chance.
        let evaluation = evaluation_in(self.parent, made_up_facts());
        self.pool.put_message("PolicyService/Evaluate", evaluation.encode_to_vec());
        let opened = step!(self.system.open("CustodyService/OpenCustody", intake_at(self.agency)));
        self.custody = opened.custody.clone().unwrap_or_default().name;
        self.pool.put(Kind::Custody, &self.custody);
        self.custody_is(opened.custody);
        let lodged = step!(self.ice.lodge("DetainerService/LodgeDetainer", detainer_for(self.agency)));
        self.detainer = lodged.detainer.clone().unwrap_or_default().name;
        self.pool.put(Kind::Detainer, &self.detainer);
        self.detainer_is(lodged.detainer);
        let receipt = lodged.receipt.unwrap_or_default();
        self.pool.put(Kind::Entry, format!("{}/entries/{}", receipt.log, receipt.index));
        self.pool.put(Kind::PageToken, self.detainer.rsplit('/').next().unwrap_or_default());
        // One of two fields, and a case that is there: hardly ever come upon by chance.
        let of = Some(v1::list_receipts_request::Of::Resource(self.detainer.clone()));
        let receipts = v1::ListReceiptsRequest { of, ..Default::default() };
        self.pool.put_message("LedgerService/ListReceipts", receipts.encode_to_vec());
        // A name of two parts. Nobody's consumer is parked, so nothing is resumed.
        let resumed = v1::ResumeConsumerRequest { name: "agencies/us-ice/consumers/default".to_owned() };
        self.pool.put_message("AdminService/ResumeConsumer", resumed.encode_to_vec());
        Ok(())
    }

    async fn of_the_detainer(&self, at: usize) -> Result<(), Status> {
        let name = &self.detainer;
        let seen = match at {
            0 => {
                let amendment = amendment_of(name, detainer_for(self.agency));
                step!(self.ice.amend("DetainerService/AmendDetainer", amendment)).detainer
            }
            1 => {
                let found = match_of(name, &self.custody);
                step!(self.system.acknowledge("DetainerService/AcknowledgeDetainer", found)).detainer
            }
            2 => step!(self.officer.verify_warrant("DetainerService/VerifyWarrant", verification_of(name))).detainer,
            3 => step!(self.system.claim("DetainerService/RaiseCitizenshipClaim", claim_on(name))).detainer,
            4 => {
                let resolution = resolution_of(name, v1::ClaimOutcome::NotConfirmed);
                step!(self.officer.resolve("DetainerService/ResolveCitizenshipClaim", resolution)).detainer
            }
            5 => {
                // What Texas makes a duty, New York leaves to the custodian.
                let texan = self.parent == TX;
                let kind = if texan { v1::AnswerKind::HonorHold } else { v1::AnswerKind::NotifyOnly };
                step!(self.system.answer("DetainerService/AnswerDetainer", answer_to(name, kind))).detainer
            }
            // Texas asks that the subject be told, which a service of the copy would meet.
            _ if self.parent == TX => {
                step!(self.officer.meet("ObligationService/MeetObligation", meeting_of(name, "tell-the-subject")));
                None
            }
            _ => step!(self.system.serve("DetainerService/RecordServiceOfCopy", service_on(name))).detainer,
        };
        self.detainer_is(seen);
        Ok(())
    }

    /// One that is called off, and one that the person refuses.
    async fn of_an_interview(&self) -> Result<(), Status> {
        let name = &self.detainer;
        step!(self.ice.request_interview("DetainerService/RequestInterview", interview_under(name)));
        step!(self.ice.withdraw_interview("DetainerService/WithdrawInterview", no_interview_under(name)));
        step!(self.ice.request_interview("DetainerService/RequestInterview", interview_under(name)));
        let refusal = interview_answer(name, v1::InterviewOutcome::Refused);
        self.detainer_is(step!(self.system.answer_interview("DetainerService/AnswerInterview", refusal)).detainer);
        Ok(())
    }

    /// One that comes about, one that is declined, and one that fails.
    async fn of_a_pick_up(&self, at: usize, last: &mut v1::Transfer) -> Result<(), Status> {
        let name = &last.name;
        // Nobody changes hands before it is offered.
        let handover = || v1::ConfirmTransferRequest { occurred_at: last.create_time, ..handover_in(name) };
        let seen = match at {
            13 => {
                let offer = || coming_window_under(&self.detainer);
                let offered = step!(self.system.offer("TransferService/OfferWindow", offer())).transfer;
                let name = offered.unwrap_or_default().name;
                let revision = v1::ReviseWindowRequest { window: offer().window, ..revision_of(&name, 0) };
                step!(self.ice.revise("TransferService/ReviseWindow", revision));
                step!(self.system.take_off("TransferService/WithdrawWindow", take_off_of(&name)));
                step!(self.system.offer("TransferService/OfferWindow", offer())).transfer
            }
            7 | 11 => {
                step!(self.system.offer("TransferService/OfferWindow", coming_window_under(&self.detainer))).transfer
            }
            8 => step!(self.ice.accept("TransferService/AcceptWindow", acceptance_of(name))).transfer,
            9 => step!(self.system.confirm_transfer("TransferService/ConfirmTransfer", handover())).transfer,
            10 => step!(self.ice.confirm_transfer("TransferService/ConfirmTransfer", handover())).transfer,
            12 => step!(self.ice.decline("TransferService/DeclineWindow", declining_of(name))).transfer,
            _ => {
                let failure = failure_of(name, v1::TransferFailureCause::Refused);
                step!(self.system.report_failure("TransferService/ReportFailure", failure)).transfer
            }
        };
        let seen = seen.unwrap_or_default();
        self.pool.put(Kind::Etag, seen.etag.clone());
        self.pool.put(Kind::Transfer, &seen.name);
        *last = seen;
        Ok(())
    }

    async fn of_the_custody(&self, at: usize) -> Result<(), Status> {
        let name = &self.custody;
        let seen = match at {
            15 => step!(self.system.update_charges("CustodyService/UpdateCharges", dismissal_in(name))).custody,
            16 => step!(self.system.correct_identity("CustodyService/CorrectIdentity", birth_date_in(name))).custody,
            18 | 21 => step!(self.system.schedule("CustodyService/ScheduleRelease", schedule_of(name))).custody,
            19 => step!(self.system.reschedule("CustodyService/RescheduleRelease", rescheduling_of(name))).custody,
            17 => {
                let eligibility = eligibility_in(name);
                step!(self.system.enter_eligibility("CustodyService/RecordReleaseEligibility", eligibility));
                step!(self.system.relocate("CustodyService/MoveCustody", movement_to_hospital(name))).custody
            }
            20 => step!(self.system.cancel("CustodyService/CancelRelease", cancellation_in(name))).custody,
            // Whom the custodian says that it handed over, it released to nobody else, and nobody escaped. Once that is taken back,
            // somebody may have.
            23 => {
                step!(self.system.reopen("CustodyService/ReopenCustody", reopening_of(name)));
                step!(self.system.close("CustodyService/CloseCustody", escape_from(name)));
                step!(self.system.reopen("CustodyService/ReopenCustody", reopening_of(name))).custody
            }
            _ => step!(self.officer.release("CustodyService/RecordRelease", handed_over(name))).custody,
        };
        self.custody_is(seen);
        Ok(())
    }

    /// One over this detainer alone: barred by whoever answers, and where the law says so by law.
    async fn of_an_appeal(&self, at: usize, name: &mut String) -> Result<(), Status> {
        match at {
            25 => {
                let mut appeal = appeal_over(&[&self.detainer]);
                appeal.parent = self.parent.to_owned();
                let due_at = appeal.appeal.as_mut().and_then(|appeal| appeal.due_at.as_mut());
                if let Some(due) = due_at {
                    due.seconds = OPENS_AT;
                }
                *name =
                    step!(self.ice.issue_appeal("AppealService/IssueAppeal", appeal)).appeal.unwrap_or_default().name;
                self.pool.put(Kind::Appeal, name.as_str());
            }
            26 => {
                let released = answered(name, &self.detainer, v1::AppealAnswerKind::AlreadyReleased);
                step!(self.system.answer_appeal("AppealService/AnswerAppeal", released));
            }
            _ => {
                self.ice.get_appeal(v1::GetAppealRequest { name: name.clone() }).await.0?;
            }
        }
        Ok(())
    }

    /// Starts over until something is parked; confirms that, and then everything.
    async fn of_the_inbox(&self) -> Result<(), Status> {
        let backlog = || v1::GetBacklogRequest { parent: self.parent.to_owned(), ..Default::default() };
        let parked = loop {
            let backlogs = self.ice.get_backlog(backlog()).await.0?.backlogs;
            let mut parked = backlogs.into_iter().filter(|one| one.consumer == "default").flat_map(|one| one.parked);
            match parked.next() {
                Some(parked) => break parked.entry,
                None => self.ice.receive(self.parent, "").await.0?,
            };
        };
        self.pool.put(Kind::Entry, &parked);
        step!(self.ice.confirm_parked("InboxService/AcknowledgeParked", parked_receipt_of(&parked)));
        let cursor = self.ice.receive(self.parent, "").await.0?.heartbeat.cursor;
        self.pool.put(Kind::Cursor, &cursor);
        step!(self.ice.confirm("InboxService/Acknowledge", receipt_of(self.parent, &cursor)));
        self.ice.detainer(&self.detainer).await.0?;
        self.ice.checkpoint(NY_EXCHANGE).await.0?;
        Ok(())
    }

    /// Two more that have ended: of one the record is destroyed, of the other whoever comes by may order it.
    async fn of_other_stays(&self) -> Result<(), Status> {
        let mut ended = Vec::new();
        for _ in 0..2 {
            let opened = step!(self.system.open("CustodyService/OpenCustody", intake_at(self.agency)));
            let name = opened.custody.unwrap_or_default().name;
            step!(self.system.release("CustodyService/RecordRelease", release_of(&name)));
            ended.push(expungement_of(&name));
        }
        let [here, left] = ended.as_slice() else { return Ok(()) };
        step!(self.officer.expunge("CustodyService/ExpungeCustody", here.clone()));
        self.pool.put_message("CustodyService/ExpungeCustody", left.encode_to_vec());
        Ok(())
    }

    /// People who are offered to a jail of the attackers', which may take them, or not, or lose them again.
    async fn of_people_on_offer(&self) -> Result<(), Status> {
        if self.parent != NY {
            return Ok(());
        }
        for method in ["CustodyService/AcceptMove", "CustodyService/DeclineMove", "CustodyService/WithdrawMove"] {
            let opened = step!(self.system.open("CustodyService/OpenCustody", intake_at(self.agency)));
            let name = opened.custody.unwrap_or_default().name;
            step!(self.system.relocate("CustodyService/MoveCustody", movement_to(&name, "us-ny-erie-jail")));
            self.pool.put(Kind::Custody, &name);
            let left = match method {
                "CustodyService/AcceptMove" => taking_over(&name).encode_to_vec(),
                "CustodyService/DeclineMove" => turning_down(&name).encode_to_vec(),
                _ => calling_back(&name).encode_to_vec(),
            };
            self.pool.put_message(method, left);
        }
        Ok(())
    }
}

/// A window that is still to come by the gateway's own clock.
fn coming_window_under(detainer: &str) -> v1::OfferWindowRequest {
    let mut offer = window_under(detainer);
    let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
    if let Some(window) = &mut offer.window {
        (window.opens_at, window.closes_at) = (at(OPENS_AT), at(OPENS_AT + 7_200));
    }
    offer
}

//! A custodian's system. It opens custodies, learns of detainers only from its inbox, answers as its law requires, and
//! records releases.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};

use crate::client::Client;
use crate::demo::agencies::Custodian as Agency;
use crate::demo::agency_client::{AgencyClient, Attempted, bounded, request_id};
use crate::demo::answer::{Advice, REASON, advice, decided};
use crate::demo::calendar::{self, Step};
use crate::demo::inbox::Inbox;
use crate::demo::person::{Decision, Outcome, Person, Release};
use crate::demo::requests;
use crate::demo::roster::Roster;
use crate::domain::custody::{ReleaseDateBasis, ReleaseRecipient};
use crate::domain::detainer::{AnswerKind, Finding};
use crate::domain::review::{ReviewDecision, ReviewMatter};
use crate::domain::subject::MatchMethod;
use crate::wire::enums::to_wire;
use crate::wire::failure::reason_of;
use crate::wire::show::timestamp;
use crate::wire::v1;
use crate::wire::v1::event::Event;

/// A custodian's system.
#[derive(Debug)]
pub(super) struct Custodian {
    pub(super) agency: &'static Agency,
    pub(super) client: Arc<AgencyClient>,
    pub(super) inbox: Inbox,
    roster: Arc<Roster>,
    files: Mutex<CaseFiles>,
}

/// What it knows about the people it holds.
#[derive(Debug, Default)]
struct CaseFiles {
    /// Places in the roster, by A-number and by name and birth date.
    by_number: HashMap<String, usize>,
    by_name: HashMap<(String, String, String), usize>,
    /// The people whose A-number is on file.
    numbered: BTreeSet<usize>,
    files: HashMap<usize, PersonFile>,
    /// The people for whom something is due, by step.
    agenda: BTreeMap<Step, BTreeSet<usize>>,
    /// The person whose file a detainer is in.
    filed: HashMap<String, usize>,
    /// New detainers for people it does not hold.
    strangers: Vec<String>,
}

/// One person's file.
#[derive(Debug, Clone, Default)]
struct PersonFile {
    custody: String,
    detainer: Option<String>,
    finding: Option<Finding>,
    advice: Option<Advice>,
    answer_at: Option<Step>,
    decide_at: Option<Step>,
    answered: Option<AnswerKind>,
    scheduled: bool,
    lifted: bool,
    released: bool,
}

impl Custodian {
    pub(super) async fn open(
        agency: &'static Agency,
        client: Arc<AgencyClient>,
        roster: Arc<Roster>,
    ) -> Result<Arc<Self>> {
        let inbox = Inbox::open(&client, agency.jurisdiction()).await?;
        let mut files = CaseFiles::default();
        for (place, person) in roster.people.iter().enumerate().filter(|(_, person)| person.custodian == agency.id) {
            let planned = match &person.outcome {
                Outcome::NoSuchPerson => continue,
                Outcome::Outstanding { scheduled } => vec![scheduled.map(|(entered, _)| entered)],
                Outcome::Released(release) => vec![release.scheduled, Some(release.recorded)],
                Outcome::IdentityMismatch | Outcome::Lifted(..) => Vec::new(),
            };
            for step in planned.into_iter().flatten().chain([person.intake]) {
                files.agenda.entry(step).or_default().insert(place);
            }
        }
        Ok(Arc::new(Self { agency, client, inbox, roster, files: Mutex::new(files) }))
    }

    /// Reads its inbox and does what is due. Work about one person is done in order, different people in parallel.
    pub(super) async fn work(self: &Arc<Self>, step: Step) -> Result<()> {
        self.intake(step)?;
        let strangers = self.read(step);
        let due = self.lock().agenda.remove(&step).unwrap_or_default();
        bounded(strangers.into_iter().map(|name| {
            let own = Arc::clone(self);
            async move { own.acknowledge(name, Finding::NoSuchPerson, None).await.map(drop) }
        }))
        .await?;
        bounded(due.into_iter().map(|place| {
            let own = Arc::clone(self);
            async move { Box::pin(own.attend(place, step)).await }
        }))
        .await
    }

    /// Adds those who arrive at this step to the files that detainers are matched against.
    fn intake(&self, step: Step) -> Result<()> {
        let mut files = self.lock();
        for place in files.agenda.get(&step).cloned().unwrap_or_default() {
            let person = self.person(place)?;
            if person.intake == step {
                let (given, family) = person.name.clone();
                files.by_name.insert((given, family, person.birth_date.clone()), place);
                if let Some(number) = requests::number_on_file(person) {
                    files.by_number.insert(number, place);
                    files.numbered.insert(place);
                }
            }
        }
        Ok(())
    }

    /// Takes new deliveries: detainers and withdrawals. Returns the detainers for people it does not hold.
    fn read(&self, step: Step) -> Vec<String> {
        let mut files = self.lock();
        for entry in self.inbox.take() {
            if let Some(Event::DetainerLodged(lodged)) = entry.event {
                files.receive(entry.resource, lodged.detainer.unwrap_or_default(), step);
            } else if let Some(Event::DetainerWithdrawn(_)) = entry.event {
                let place = files.filed.get(&entry.resource).copied();
                if let Some(file) = place.and_then(|place| files.files.get_mut(&place)) {
                    file.lifted = true;
                }
            }
        }
        std::mem::take(&mut files.strangers)
    }

    /// Does everything due for one person, in order.
    async fn attend(&self, place: usize, step: Step) -> Result<()> {
        let person = self.person(place)?;
        let mut file = self.lock().files.get(&place).cloned().unwrap_or_default();
        if person.intake == step {
            file.custody = self.open_custody(person).await?;
        }
        if let (Some(detainer), Some(finding), None) = (&file.detainer, file.finding, &file.advice) {
            let custody = (finding == Finding::MatchedCustody).then_some((person, file.custody.as_str()));
            let mut said = self.acknowledge(detainer.clone(), finding, custody).await?.determinations;
            // A judge's warrant is only claimed until an officer has compared it with the docket.
            if custody.is_some() && said.iter().any(|one| one.unverified) {
                said = self.verify(detainer.clone(), person).await?.determinations;
            }
            file.advice = Some(advice(&said));
            file.answer_at = (finding == Finding::MatchedCustody).then_some(step + person.answer_after);
        }
        if file.answer_at.is_some_and(|at| at <= step) && file.answered.is_none() && !file.lifted && !file.released {
            self.answer(person, &mut file, step).await?;
        }
        if file.decide_at.is_some_and(|at| at <= step) && !file.lifted && !file.released {
            self.decide(person, &mut file).await?;
        }
        match &person.outcome {
            Outcome::Outstanding { scheduled: Some((entered, expected)) } if *entered == step => {
                self.schedule(&mut file, calendar::time(*expected), ReleaseDateBasis::MaximumExpiry).await?;
            }
            Outcome::Released(release) if release.recorded == step => self.release(release, &mut file).await?,
            Outcome::Released(release) if release.scheduled == Some(step) => {
                let expected = calendar::minutes_before(release.recorded, release.minutes_before);
                self.schedule(&mut file, expected, release.basis).await?;
            }
            Outcome::Outstanding { .. }
            | Outcome::Released(_)
            | Outcome::NoSuchPerson
            | Outcome::IdentityMismatch
            | Outcome::Lifted(..) => {}
        }
        let mut files = self.lock();
        for later in [file.answer_at, file.decide_at].into_iter().flatten().filter(|later| *later > step) {
            files.agenda.entry(later).or_default().insert(place);
        }
        files.files.insert(place, file);
        Ok(())
    }

    async fn open_custody(&self, person: &Person) -> Result<String> {
        let request = v1::OpenCustodyRequest {
            parent: format!("jurisdictions/{}", self.agency.jurisdiction()),
            custody: Some(requests::custody(person)),
            request_id: request_id(),
        };
        let opened = self.client.write("OpenCustody", self.client.system.custodies().open_custody(request)).await?;
        Ok(opened.custody.context("a custody without content")?.name)
    }

    async fn acknowledge(
        &self,
        name: String,
        finding: Finding,
        custody: Option<(&Person, &str)>,
    ) -> Result<v1::AcknowledgeDetainerResponse> {
        let method = custody.map(|(person, _)| match requests::number_on_file(person) {
            Some(_) => MatchMethod::Identifier,
            None => MatchMethod::NameAndBirthDate,
        });
        let request = v1::AcknowledgeDetainerRequest {
            name,
            acknowledgement: Some(v1::Acknowledgement {
                finding: to_wire(finding),
                custody: custody.map(|(_, custody)| custody.to_owned()).unwrap_or_default(),
                match_method: method.map_or(0, to_wire),
                ..Default::default()
            }),
            request_id: request_id(),
            ..Default::default()
        };
        self.client.write("AcknowledgeDetainer", self.client.system.detainers().acknowledge_detainer(request)).await
    }

    async fn verify(&self, name: String, person: &Person) -> Result<v1::VerifyWarrantResponse> {
        let request = v1::VerifyWarrantRequest {
            name,
            verification: Some(requests::verification(person)),
            request_id: request_id(),
            etag: String::new(),
        };
        self.client.write("VerifyWarrant", self.client.officer.detainers().verify_warrant(request)).await
    }

    /// Answers as the law requires. What it leaves to a person is first put under review.
    async fn answer(&self, person: &Person, file: &mut PersonFile, step: Step) -> Result<()> {
        let (Some(detainer), Some(advice)) = (&file.detainer, &file.advice) else { return Ok(()) };
        let kind = self.send_answer(&self.client.system, detainer, advice.first.clone()).await?;
        if kind == AnswerKind::PendingReview && person.decision != Decision::None {
            file.decide_at = Some(step + person.decided_after);
        }
        file.answered = Some(kind);
        Ok(())
    }

    /// An officer decides what the law left to a person.
    async fn decide(&self, person: &Person, file: &mut PersonFile) -> Result<()> {
        file.decide_at = None;
        let (Some(detainer), Some(advice)) = (&file.detainer, &file.advice) else { return Ok(()) };
        let Some(answer) = decided(advice, person.decision) else { return Ok(()) };
        file.answered = Some(self.send_answer(&self.client.officer, detainer, answer).await?);
        Ok(())
    }

    async fn send_answer(&self, as_whom: &Client, detainer: &str, answer: v1::Answer) -> Result<AnswerKind> {
        let kind = crate::wire::enums::from_wire(answer.kind).context("an answer of no kind")?;
        let request = v1::AnswerDetainerRequest {
            name: detainer.to_owned(),
            answer: Some(answer),
            request_id: request_id(),
            ..Default::default()
        };
        self.client.write("AnswerDetainer", as_whom.detainers().answer_detainer(request)).await?;
        Ok(kind)
    }

    async fn schedule(
        &self,
        file: &mut PersonFile,
        expected_at: jiff::Timestamp,
        basis: ReleaseDateBasis,
    ) -> Result<()> {
        let release = v1::ScheduledRelease {
            expected_at: Some(timestamp(expected_at)),
            basis: to_wire(basis),
            ..Default::default()
        };
        let request = v1::ScheduleReleaseRequest {
            name: file.custody.clone(),
            release: Some(release),
            request_id: request_id(),
            etag: String::new(),
        };
        self.client.write("ScheduleRelease", self.client.system.custodies().schedule_release(request)).await?;
        file.scheduled = true;
        Ok(())
    }

    async fn release(&self, release: &Release, file: &mut PersonFile) -> Result<()> {
        let fetched = match file.answered {
            Some(AnswerKind::HonorHold) => release.picked_up_if_held,
            Some(AnswerKind::NotifyOnly) => release.picked_up_if_noticed && file.scheduled,
            Some(AnswerKind::Decline | AnswerKind::PendingReview) | None => false,
        };
        let handed_over = fetched && self.hand_over(release, file).await?;
        if !handed_over {
            let request = record_of(release, file, release.recipient);
            self.client.write("RecordRelease", self.client.system.custodies().record_release(request)).await?;
        }
        file.released = true;
        Ok(())
    }

    /// Hands the person to the requesting agency if the law allows it. Where the law leaves it to a person, an officer
    /// permits it.
    async fn hand_over(&self, release: &Release, file: &PersonFile) -> Result<bool> {
        let request = record_of(release, file, ReleaseRecipient::RequestingAgency);
        let record = async || self.client.system.custodies().record_release(request.clone()).await;
        let attempted = self.client.attempt("RecordRelease", record()).await?;
        let Attempted::Refused(refused) = attempted else { return Ok(true) };
        if reason_of(&refused) != Some(v1::ErrorReason::ReviewRequired) {
            return Err(self.client.refused("RecordRelease", &refused));
        }
        let Some(detainer) = &file.detainer else { return Ok(false) };
        let permit = v1::ResolveReviewRequest {
            name: format!("{detainer}/reviews/{}", ReviewMatter::Transfer.word()),
            decision: to_wire(ReviewDecision::Permit),
            ground: Some(v1::ReviewGround { reason: REASON.to_owned(), citation: String::new() }),
            request_id: request_id(),
            etag: String::new(),
        };
        // If the law forbids the hand-over, there is nothing to decide, and the person goes free.
        let permitted =
            self.client.attempt("ResolveReview", self.client.officer.reviews().resolve_review(permit)).await?;
        if let Attempted::Refused(_) = permitted {
            return Ok(false);
        }
        self.client.write("RecordRelease", record()).await?;
        Ok(true)
    }

    fn person(&self, place: usize) -> Result<&Person> {
        self.roster.people.get(place).context("nobody of that number")
    }

    fn lock(&self) -> MutexGuard<'_, CaseFiles> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn record_of(release: &Release, file: &PersonFile, recipient: ReleaseRecipient) -> v1::RecordReleaseRequest {
    let handed_over = recipient == ReleaseRecipient::RequestingAgency;
    v1::RecordReleaseRequest {
        name: file.custody.clone(),
        release: Some(v1::ActualRelease {
            released_at: Some(timestamp(calendar::minutes_before(release.recorded, release.minutes_before))),
            reason: to_wire(release.reason),
            recipient: to_wire(recipient),
            ordered_by: requests::ordered_by(release.reason).to_owned(),
            ..Default::default()
        }),
        request_id: request_id(),
        detainer: file.detainer.clone().filter(|_| handed_over).unwrap_or_default(),
        ..Default::default()
    }
}

impl CaseFiles {
    /// Finds the person that a detainer describes: by A-number, else by name and birth date.
    fn receive(&mut self, name: String, detainer: v1::Detainer, step: Step) {
        let subject = detainer.subject.unwrap_or_default();
        let number = subject.identifiers.unwrap_or_default().alien_number;
        let called = subject.name.unwrap_or_default();
        let by_number = self.by_number.get(&number).copied();
        let by_name = self.by_name.get(&(called.given, called.family, subject.birth_date)).copied();
        let Some(place) = by_number.or(by_name) else {
            self.strangers.push(name);
            return;
        };
        // The name matches but the number differs, so it is somebody else.
        let other = by_number.is_none() && self.numbered.contains(&place);
        let file = self.files.entry(place).or_default();
        file.detainer = Some(name.clone());
        file.finding = Some(if other { Finding::IdentityMismatch } else { Finding::MatchedCustody });
        self.filed.insert(name, place);
        self.agenda.entry(step).or_default().insert(place);
    }
}

//! A whole story with a canary in every field, everything read back by those who may, and every offence that an error
//! could repeat the words of.

use std::collections::{BTreeMap, BTreeSet};

use comity::domain::agency::ActorKind;
use comity::wire::{Message as _, v1};
use prost_reflect::{DynamicMessage, Kind, MethodDescriptor, ReflectMessage as _, Value};
use tonic::Code;

use crate::canaries::plant::Planted;
use crate::harness::descriptor::{self, Holds, Place, set};
use crate::harness::process::Served;
use crate::harness::raw::{self, Call, Connection, Reply, SILENCE};
use crate::harness::requests::{NY, NY_CUSTODY, NY_EXCHANGE, evaluation_in, made_up_facts, request_id};

const ICE: &str = "us-ice";
const DOCCS: &str = "us-ny-doccs";
const ERIE: &str = "us-ny-erie-jail";
const OVERSIGHT: &str = "us-ny-oversight";

/// The writes, in an order in which the law lets each happen, and by whom. A method of the contract that is not here
/// fails the test: its fields are met by themselves, but who may call it when is not. What is said again and may be a
/// correction is one.
const STEPS: [(&str, &str); 56] = [
    ("CustodyService/OpenCustody", DOCCS),
    ("DetainerService/LodgeDetainer", ICE),
    ("DetainerService/AmendDetainer", ICE),
    ("DetainerService/AcknowledgeDetainer", DOCCS),
    ("DetainerService/AcknowledgeDetainer", DOCCS),
    ("DetainerService/RaiseCitizenshipClaim", DOCCS),
    ("ReviewService/ResolveReview", DOCCS),
    ("DetainerService/ResolveCitizenshipClaim", DOCCS),
    ("DetainerService/RaiseCitizenshipClaim", ICE),
    ("DetainerService/ResolveCitizenshipClaim", ICE),
    ("DetainerService/VerifyWarrant", DOCCS),
    ("DetainerService/AnswerDetainer", DOCCS),
    ("DetainerService/AnswerDetainer", DOCCS),
    ("ObligationService/MeetObligation", DOCCS),
    ("DetainerService/RecordServiceOfCopy", DOCCS),
    ("DetainerService/RecordServiceOfCopy", DOCCS),
    ("DetainerService/RequestInterview", ICE),
    ("DetainerService/WithdrawInterview", ICE),
    ("DetainerService/RequestInterview", ICE),
    ("DetainerService/AnswerInterview", DOCCS),
    ("CustodyService/CloseCustody", DOCCS),
    ("CustodyService/ReopenCustody", DOCCS),
    ("TransferService/OfferWindow", DOCCS),
    ("TransferService/DeclineWindow", ICE),
    ("TransferService/OfferWindow", DOCCS),
    ("TransferService/ReviseWindow", ICE),
    ("TransferService/WithdrawWindow", DOCCS),
    ("TransferService/OfferWindow", DOCCS),
    ("TransferService/AcceptWindow", ICE),
    ("TransferService/ConfirmTransfer", DOCCS),
    ("TransferService/ConfirmTransfer", ICE),
    ("TransferService/OfferWindow", DOCCS),
    ("TransferService/ReportFailure", DOCCS),
    ("CustodyService/ScheduleRelease", DOCCS),
    ("CustodyService/RescheduleRelease", DOCCS),
    ("CustodyService/RecordReleaseEligibility", DOCCS),
    ("CustodyService/CancelRelease", DOCCS),
    ("CustodyService/UpdateCharges", DOCCS),
    ("CustodyService/CorrectIdentity", DOCCS),
    ("CustodyService/MoveCustody", DOCCS),
    // From here on to another agency.
    ("CustodyService/MoveCustody", DOCCS),
    ("CustodyService/WithdrawMove", DOCCS),
    ("CustodyService/MoveCustody", DOCCS),
    ("CustodyService/DeclineMove", ERIE),
    ("CustodyService/MoveCustody", DOCCS),
    ("CustodyService/AcceptMove", ERIE),
    ("CustodyService/MoveCustody", ERIE),
    ("CustodyService/AcceptMove", DOCCS),
    ("CustodyService/RecordRelease", DOCCS),
    ("CustodyService/RecordRelease", DOCCS),
    ("AppealService/IssueAppeal", ICE),
    ("AppealService/AnswerAppeal", DOCCS),
    ("DetainerService/WithdrawDetainer", ICE),
    ("InboxService/AcknowledgeParked", ICE),
    ("InboxService/Acknowledge", ICE),
    ("CustodyService/ExpungeCustody", DOCCS),
];

/// The step after which there is nothing to read back.
const LAST: &str = "CustodyService/ExpungeCustody";

/// Within the agency the first time, to another one after that.
const MOVE: &str = "CustodyService/MoveCustody";

/// A mark that is there only where something was said before.
const MARK: &str = "correction";

/// The story so far.
pub(super) struct Stage {
    pub(super) planted: Planted,
    /// Messages of answers, one after the other.
    pub(super) answers: Vec<u8>,
    /// Statuses, headers and trailers.
    pub(super) told: Vec<u8>,
    seats: BTreeMap<&'static str, (Connection, String)>,
    custody: String,
    detainer: String,
    transfer: String,
    appeal: String,
    cursor: String,
    /// An entry that was sent too often.
    parked: String,
}

impl Stage {
    /// Each officer's name in a token is a canary too.
    pub(super) async fn set(served: &Served) -> Self {
        let (mut planted, mut seats) = (Planted::default(), BTreeMap::new());
        for agency in [ICE, DOCCS, ERIE, OVERSIGHT] {
            let officer = planted.word(&format!("the officer of {agency}"));
            let token = served.sandbox.mint(agency, &officer, ActorKind::Officer, 3_600).unwrap();
            seats.insert(agency, (raw::open(served.grpc, &served.sandbox.credentials(agency).unwrap()).await, token));
        }
        let [custody, detainer, transfer, appeal, cursor, parked] = [const { String::new() }; 6];
        Self {
            planted,
            answers: Vec::new(),
            told: Vec::new(),
            seats,
            custody,
            detainer,
            transfer,
            appeal,
            cursor,
            parked,
        }
    }

    /// Every write but the last.
    pub(super) async fn play(&mut self) {
        let writes = descriptor::methods().into_iter().filter(descriptor::is_write);
        let writes: BTreeSet<String> = writes.map(|method| descriptor::name(&method)).collect();
        assert_eq!(writes, STEPS.iter().map(|(name, _)| (*name).to_owned()).collect(), "a step for each write");
        self.take(|name| name != LAST).await;
    }

    /// The last write.
    pub(super) async fn end(&mut self) {
        self.take(|name| name == LAST).await;
    }

    async fn take(&mut self, which: impl Fn(&str) -> bool) {
        let mut said = BTreeSet::new();
        for (name, agency) in STEPS.into_iter().filter(|(name, _)| which(name)) {
            let method = descriptor::method(name);
            let first = said.insert(name);
            let may_correct = |place: &Place| {
                let mark = method.input().get_field_by_name(MARK).filter(|_| place.path.starts_with(MARK));
                mark.is_none_or(|mark| !first || descriptor::is_required(&mark))
            };
            // A move within the agency has taken place, and an offer is planned.
            let may_move = |place: &Place| {
                let of_the_other = if first { "planned_at" } else { "movement.occurred_at" };
                name != MOVE || place.path != of_the_other
            };
            let mut request = self.planted.good(&method, |place| may_correct(place) && may_move(place));
            self.address(&mut request);
            if name == MOVE && !first {
                let next = if agency == DOCCS { ERIE } else { DOCCS };
                set(&mut request, "movement.kind", Value::EnumNumber(v1::MovementKind::Agency.into()));
                set(&mut request, "movement.custodian", Value::String(format!("agencies/{next}")));
            }
            let reply = self.call(agency, &method, &request).await;
            assert_eq!(reply.code(), Some(Code::Ok), "{name}: {:?}", reply.status);
            let answer = DynamicMessage::decode(method.output(), reply.messages[0].as_slice()).unwrap();
            let name_of = |field: &str| {
                let resource = answer.get_field_by_name(field)?;
                Some(resource.as_message()?.get_field_by_name("name")?.as_str()?.to_owned())
            };
            self.custody = name_of("custody").unwrap_or_else(|| self.custody.clone());
            self.detainer = name_of("detainer").unwrap_or_else(|| self.detainer.clone());
            self.transfer = name_of("transfer").unwrap_or_else(|| self.transfer.clone());
            self.appeal = name_of("appeal").unwrap_or_else(|| self.appeal.clone());
            self.cursor = self.receive(ICE).await;
            self.parked = self.parked(ICE).await;
        }
    }

    /// What a canary cannot say: whom it is addressed to, and what fits together.
    fn address(&self, request: &mut DynamicMessage) {
        let text = |text: &str| Value::String(text.to_owned());
        let fields: BTreeSet<String> = request.descriptor().fields().map(|field| field.name().to_owned()).collect();
        let id = request_id();
        let review = format!("{}/reviews/notify", self.detainer);
        let obligation = format!("{}/obligations/tell-the-subject", self.detainer);
        for field in request.descriptor().fields() {
            let name: &str = match (descriptor::collection(&field).as_deref(), field.name()) {
                (Some("jurisdictions"), _) => NY,
                (Some("custodies"), _) => &self.custody,
                (Some("detainers"), _) => &self.detainer,
                (Some("transfers"), _) => &self.transfer,
                (Some("appeals"), _) => &self.appeal,
                (Some("reviews"), _) => &review,
                (Some("obligations"), _) => &obligation,
                (Some("entries"), _) => &self.parked,
                (None, "cursor") => &self.cursor,
                (None, "request_id") => &id,
                _ => continue,
            };
            set(request, field.name(), text(name));
        }
        if fields.contains("detainer_ids") {
            // Listed, and so without a filter.
            request.clear_field_by_name("filter");
            let id = self.detainer.rsplit('/').next().and_then(|id| id.parse::<uuid::Uuid>().ok()).unwrap_or_default();
            set(request, "detainer_ids", Value::List(vec![Value::Bytes(id.as_bytes().to_vec().into())]));
        }
        let answers_appeal = request.descriptor().name() == "AnswerAppealRequest";
        if answers_appeal {
            set(request, "answer.kind", Value::EnumNumber(v1::AppealAnswerKind::AlreadyReleased.into()));
        }
        let releases = request.descriptor().name() == "RecordReleaseRequest";
        if releases {
            let handed_over = v1::ReleaseRecipient::RequestingAgency;
            set(request, "release.recipient", Value::EnumNumber(handed_over.into()));
        }
        if fields.contains("detainer") && !answers_appeal && !releases {
            set(request, "detainer.custodian", text(&format!("agencies/{DOCCS}")));
            set(request, "detainer.warrant.kind", Value::EnumNumber(v1::WarrantKind::Judicial.into()));
            let judge = v1::IssuingAuthority::FederalJudge;
            set(request, "detainer.warrant.issuing_authority", Value::EnumNumber(judge.into()));
        }
        if fields.contains("verification") {
            set(request, "verification.seen.kind", Value::EnumNumber(v1::WarrantKind::Judicial.into()));
            let judge = v1::IssuingAuthority::FederalJudge;
            set(request, "verification.seen.issuing_authority", Value::EnumNumber(judge.into()));
        }
        if fields.contains("acknowledgement") {
            // A finding is corrected by another: that there is nobody, by the match.
            let nobody = v1::Finding::NoSuchPerson;
            if request.has_field_by_name(MARK) {
                set(request, "acknowledgement.custody", text(&self.custody));
            } else {
                set(request, "acknowledgement.finding", Value::EnumNumber(nobody.into()));
            }
        }
        if fields.contains("outcome") {
            set(request, "outcome", Value::EnumNumber(v1::ClaimOutcome::NotConfirmed.into()));
        }
        if fields.contains("cause") {
            set(request, "cause", Value::EnumNumber(v1::TransferFailureCause::Refused.into()));
        }
        if let Some(Kind::Message(none)) = request.descriptor().get_field_by_name("flags").map(|flags| flags.kind()) {
            set(request, "flags", Value::Message(DynamicMessage::new(none)));
        }
        let answers_interview = consent(request);
        if fields.contains("answer") && !answers_appeal && !answers_interview {
            set(request, "answer.kind", Value::EnumNumber(v1::AnswerKind::HonorHold.into()));
            set(request, "answer.ground", Value::EnumNumber(0));
        }
    }

    /// By those who may see it.
    pub(super) async fn read_back(&mut self) {
        for (agency, log) in [
            (OVERSIGHT, NY_CUSTODY),
            (OVERSIGHT, NY_EXCHANGE),
            (ICE, NY_EXCHANGE),
            (DOCCS, NY_CUSTODY),
            (ERIE, NY_CUSTODY),
        ] {
            let request = v1::ListEntriesRequest { log: log.to_owned(), start_index: 0, tree_size: 0 };
            self.read(agency, "LedgerService/ListEntries", &request.encode_to_vec()).await;
        }
        for agency in [ICE, DOCCS, OVERSIGHT] {
            let request = v1::GetDetainerRequest { name: self.detainer.clone() };
            self.read(agency, "DetainerService/GetDetainer", &request.encode_to_vec()).await;
            let request = v1::ListDetainersRequest { parent: NY.to_owned(), ..Default::default() };
            self.read(agency, "DetainerService/ListDetainers", &request.encode_to_vec()).await;
        }
        // By a number of the person: it is in the request, and in nothing that is written.
        let filter = format!("subject.identifiers.alien_number = \"{}\"", self.number().await);
        for agency in [ICE, DOCCS, OVERSIGHT] {
            let request =
                v1::ListDetainersRequest { parent: NY.to_owned(), filter: filter.clone(), ..Default::default() };
            self.read(agency, "DetainerService/ListDetainers", &request.encode_to_vec()).await;
        }
        for agency in [ICE, DOCCS, OVERSIGHT] {
            let request = v1::GetAppealRequest { name: self.appeal.clone() };
            self.read(agency, "AppealService/GetAppeal", &request.encode_to_vec()).await;
            let request = v1::ListAppealItemsRequest { parent: self.appeal.clone(), ..Default::default() };
            self.read(agency, "AppealService/ListAppealItems", &request.encode_to_vec()).await;
        }
        for agency in [DOCCS, OVERSIGHT] {
            let request = v1::ListReviewsRequest { parent: NY.to_owned(), ..Default::default() };
            self.read(agency, "ReviewService/ListReviews", &request.encode_to_vec()).await;
            let request = v1::ListObligationsRequest { parent: NY.to_owned(), ..Default::default() };
            self.read(agency, "ObligationService/ListObligations", &request.encode_to_vec()).await;
        }
        let request = v1::GetCustodyRequest { name: self.custody.clone() };
        self.read(DOCCS, "CustodyService/GetCustody", &request.encode_to_vec()).await;
        // Whoever handed the person on has its record of them.
        self.read(ERIE, "CustodyService/GetCustody", &request.encode_to_vec()).await;
        let request = v1::GetPolicySetRequest {};
        self.read(ICE, "PolicyService/GetPolicySet", &request.encode_to_vec()).await;
        for agency in [ICE, DOCCS, OVERSIGHT] {
            let request = v1::GetReportRequest { parent: NY.to_owned(), ..Default::default() };
            self.read(agency, "ReportService/GetReport", &request.encode_to_vec()).await;
        }
        let request = evaluation_in(NY, made_up_facts());
        self.read(ICE, "PolicyService/Evaluate", &request.encode_to_vec()).await;
        self.receive(DOCCS).await;
    }

    /// Fields whose canary is in no answer, though the contract lets a caller fill them in.
    pub(super) fn lost(&self) -> Vec<&str> {
        let planted = self.planted.canaries.iter().filter(|(_, (_, stays_out))| !stays_out);
        planted.filter(|(_, (canary, _))| !canary.arrived(&self.answers)).map(|(field, _)| field.as_str()).collect()
    }

    /// The A-number of the detainer's person.
    async fn number(&mut self) -> String {
        let request = v1::GetDetainerRequest { name: self.detainer.clone() };
        let reply = self.send(ICE, &descriptor::method("DetainerService/GetDetainer"), &request.encode_to_vec()).await;
        let answer = v1::GetDetainerResponse::decode(reply.messages[0].as_slice()).unwrap();
        answer.detainer.unwrap().subject.unwrap().identifiers.unwrap().alien_number
    }

    async fn read(&mut self, agency: &'static str, name: &str, request: &[u8]) {
        let reply = self.send(agency, &descriptor::method(name), request).await;
        assert_eq!(reply.code(), Some(Code::Ok), "{name}: {:?}", reply.status);
    }

    /// Everything in an inbox; the cursor after it.
    async fn receive(&mut self, agency: &'static str) -> String {
        let request = v1::ReceiveRequest { parent: NY.to_owned(), ..Default::default() };
        let reply = self.send(agency, &descriptor::method("InboxService/Receive"), &request.encode_to_vec()).await;
        let last = v1::ReceiveResponse::decode(reply.messages.last().unwrap().as_slice()).unwrap();
        match last.item.unwrap() {
            v1::receive_response::Item::Heartbeat(heartbeat) => heartbeat.cursor,
            v1::receive_response::Item::Delivery(delivery) => delivery.cursor,
        }
    }

    /// The first entry that is passed over, once there is one.
    async fn parked(&mut self, agency: &'static str) -> String {
        let request = v1::GetBacklogRequest { parent: NY.to_owned(), ..Default::default() };
        let reply = self.send(agency, &descriptor::method("InboxService/GetBacklog"), &request.encode_to_vec()).await;
        let answer = v1::GetBacklogResponse::decode(reply.messages[0].as_slice()).unwrap();
        answer.backlogs[0].parked.first().map(|parked| parked.entry.clone()).unwrap_or_default()
    }

    /// Everything wrong at once, each field wrong alone, and bytes that are wrong altogether.
    pub(super) async fn offend(&mut self) {
        for method in descriptor::methods() {
            // Many by a stream are sent by whoever sends one.
            let name = descriptor::name(&method);
            let single = if method.is_client_streaming() { name.trim_end_matches('s') } else { &name };
            let agency = STEPS.iter().find(|(name, _)| *name == single).map_or(DOCCS, |(_, by)| *by);
            // A request without fields has none that could be wrong.
            if method.input().fields().len() == 0 {
                continue;
            }
            let request = self.planted.mixed(&method, |_| true);
            let reply = self.call(agency, &method, &request).await;
            assert_ne!(reply.code(), Some(Code::Ok), "{}", descriptor::name(&method));
            let mut paths = Vec::new();
            descriptor::fill(&method.input(), &mut |place| {
                // A flag is never wrong, and the second of a list is read as the first was.
                let apart = matches!(place.holds(), Holds::Flag) || place.path.contains("[1]");
                paths.extend((!place.output_only && !apart).then(|| place.path.clone()));
                None
            });
            for path in paths {
                let mut request = self.planted.mixed(&method, |place| place.path == path);
                let planted = request.clone();
                self.address(&mut request);
                restore(&mut request, &planted, &path);
                self.call(agency, &method, &request).await;
            }
            let words = self.planted.word(&format!("no message of {}", descriptor::name(&method)));
            self.send(agency, &method, words.as_bytes()).await;
            self.send_headers(agency, &method).await;
        }
    }

    /// Words where a caller has no business to put any.
    async fn send_headers(&mut self, agency: &'static str, method: &MethodDescriptor) {
        let token = self.seats[agency].1.clone();
        for header in ["authorization", "grpc-timeout", "grpc-encoding", "content-type", "x-person", "user-agent"] {
            let word = self.planted.word(&format!("the header {header} of {}", descriptor::name(method)));
            let mut call = Call::new(&descriptor::path(method), &token, b"");
            call.put(header, word.as_bytes());
            call.silence = SILENCE;
            self.exchange(agency, call).await;
        }
        let word = self.planted.word(&format!("a path beside {}", descriptor::name(method)));
        self.exchange(agency, Call::new(&format!("/{word}-{word}?{word}"), &token, b"")).await;
    }

    async fn call(&mut self, agency: &'static str, method: &MethodDescriptor, request: &DynamicMessage) -> Reply {
        self.send(agency, method, &request.encode_to_vec()).await
    }

    async fn send(&mut self, agency: &'static str, method: &MethodDescriptor, message: &[u8]) -> Reply {
        let mut call = Call::new(&descriptor::path(method), &self.seats[agency].1, message);
        if method.is_server_streaming() {
            call.silence = SILENCE;
        }
        self.exchange(agency, call).await
    }

    /// Keeps all that comes back.
    async fn exchange(&mut self, agency: &'static str, call: Call) -> Reply {
        let mut connection = self.seats[agency].0.clone();
        let reply = raw::send(&mut connection, call, crate::flood::is_heartbeat).await.unwrap();
        self.answers.extend(reply.messages.iter().flatten());
        let status = reply.status.as_ref();
        let told = format!("{:?} {:?} {:?}\n", reply.headers, reply.trailers, status.map(tonic::Status::message));
        self.told.extend(told.as_bytes());
        self.told.extend(status.map(tonic::Status::details).unwrap_or_default());
        reply
    }
}

/// Whether it is what a person says to an interview: that they consent, having signed a form.
fn consent(request: &mut DynamicMessage) -> bool {
    let is_it = request.descriptor().name() == "AnswerInterviewRequest";
    if is_it {
        set(request, "answer.outcome", Value::EnumNumber(v1::InterviewOutcome::Consented.into()));
        set(request, "answer.advisal.method", Value::EnumNumber(v1::AdvisalMethod::Written.into()));
    }
    is_it
}

/// Puts back what the address was written over, if that is what is wrong.
fn restore(request: &mut DynamicMessage, planted: &DynamicMessage, path: &str) {
    let plain = path.split('[').next().unwrap();
    let value = plain.split('.').try_fold(Value::Message(planted.clone()), |value, field| {
        value.as_message()?.get_field_by_name(field).map(std::borrow::Cow::into_owned)
    });
    if let Some(value) = value {
        set(request, plain, value);
    }
}

//! One side of the exchange: an agency with its certificate and a token, and every call of the contract by a verb.

use std::net::SocketAddr;
use std::sync::Arc;

use comity::client::{Client, Config, Credentials, Retry};
use comity::wire::v1::reconcile_roster_response::Part as Said;
use comity::wire::{Message as _, v1};
use tokio::sync::OnceCell;
use tonic::Status;

use crate::harness::outcome::Outcome;

/// Connects with its first call. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Party(Arc<Seat>);

struct Seat {
    address: SocketAddr,
    credentials: Credentials,
    token: String,
    client: OnceCell<Client>,
}

/// What a subscription had, up to its first heartbeat.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Received {
    pub(crate) deliveries: Vec<v1::Delivery>,
    pub(crate) heartbeat: v1::Heartbeat,
}

/// What a replay told.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Replayed {
    pub(crate) changes: Vec<v1::DeterminationChange>,
    pub(crate) totals: Option<v1::ReplayTotals>,
}

impl Party {
    pub(crate) fn new(address: SocketAddr, credentials: Credentials, token: String) -> Self {
        Self(Arc::new(Seat { address, credentials, token, client: OnceCell::new() }))
    }

    pub(crate) async fn client(&self) -> &Client {
        let Seat { address, credentials, token, client } = &*self.0;
        let connect = || async {
            let config = Config::new(address.to_string(), "localhost", credentials.clone(), token.as_str());
            // A test sends what it says, once.
            Client::connect(config).await.unwrap().with_retry(Retry::NEVER)
        };
        client.get_or_init(connect).await
    }

    pub(crate) async fn detainer(&self, name: &str) -> Outcome<v1::Detainer> {
        let answer = self.get_detainer(v1::GetDetainerRequest { name: name.to_owned() }).await;
        answer.map(|answer| answer.detainer.unwrap())
    }

    pub(crate) async fn custody(&self, name: &str) -> Outcome<v1::Custody> {
        let answer = self.get_custody(v1::GetCustodyRequest { name: name.to_owned() }).await;
        answer.map(|answer| answer.custody.unwrap())
    }

    /// The first page of a jurisdiction's detainers.
    pub(crate) async fn detainers(&self, parent: &str) -> Outcome<Vec<v1::Detainer>> {
        let request = v1::ListDetainersRequest { parent: parent.to_owned(), ..Default::default() };
        self.list_detainers(request).await.map(|answer| answer.detainers)
    }

    /// The first page of a jurisdiction's custodies.
    pub(crate) async fn custodies(&self, parent: &str) -> Outcome<Vec<v1::Custody>> {
        let request = v1::ListCustodiesRequest { parent: parent.to_owned(), ..Default::default() };
        self.list_custodies(request).await.map(|answer| answer.custodies)
    }

    pub(crate) async fn checkpoint(&self, log: &str) -> Outcome<String> {
        let request = v1::GetCheckpointRequest { log: log.to_owned() };
        self.get_checkpoint(request).await.map(|answer| answer.checkpoint)
    }

    /// Every entry of a log that the party may see.
    pub(crate) async fn entries(&self, log: &str) -> Outcome<Vec<v1::Entry>> {
        self.entries_from(log, 0).await
    }

    pub(crate) async fn entries_from(&self, log: &str, start_index: i64) -> Outcome<Vec<v1::Entry>> {
        let request = v1::ListEntriesRequest { log: log.to_owned(), start_index, tree_size: 0 };
        let read = async {
            let mut stream = self.client().await.ledger().list_entries(request).await?.into_inner();
            let mut entries = Vec::new();
            while let Some(answer) = stream.message().await? {
                entries.push(answer.entry.unwrap());
            }
            Ok(entries)
        };
        Outcome(read.await)
    }

    /// What a candidate set changes, up to the totals.
    pub(crate) async fn replay(&self, request: v1::ReplayRequest) -> Outcome<Replayed> {
        let read = async {
            let mut stream = self.client().await.policies().replay(request).await?.into_inner();
            let mut replayed = Replayed::default();
            while let Some(answer) = stream.message().await? {
                match answer.item.unwrap() {
                    v1::replay_response::Item::Change(change) => replayed.changes.push(change),
                    v1::replay_response::Item::Totals(totals) => replayed.totals = Some(totals),
                }
            }
            Ok(replayed)
        };
        Outcome(read.await)
    }

    /// What is in the inbox from a cursor on; empty: from where it was last acknowledged.
    pub(crate) async fn receive(&self, parent: &str, cursor: &str) -> Outcome<Received> {
        self.receive_as("", parent, cursor).await
    }

    /// The same, as one of the agency's consumers.
    pub(crate) async fn receive_as(&self, consumer: &str, parent: &str, cursor: &str) -> Outcome<Received> {
        let (parent, cursor) = (parent.to_owned(), cursor.to_owned());
        let request = v1::ReceiveRequest { parent, cursor, consumer: consumer.to_owned() };
        let read = async {
            let mut stream = self.client().await.inbox().receive(request).await?.into_inner();
            let mut deliveries = Vec::new();
            loop {
                match stream.message().await?.and_then(|answer| answer.item) {
                    Some(v1::receive_response::Item::Delivery(delivery)) => deliveries.push(delivery),
                    Some(v1::receive_response::Item::Heartbeat(heartbeat)) => {
                        return Ok(Received { deliveries, heartbeat });
                    }
                    None => panic!("the stream ended without a heartbeat"),
                }
            }
        };
        Outcome(read.await)
    }
}

impl Party {
    /// Everything that is said of a roster, up to its end.
    pub(crate) async fn reconcile(&self, sent: Vec<v1::reconcile_roster_request::Part>) -> Outcome<Vec<Said>> {
        let messages = sent.into_iter().map(|part| v1::ReconcileRosterRequest { part: Some(part) });
        let read = async {
            let messages = futures_util::stream::iter(messages.collect::<Vec<_>>());
            let mut answers = self.client().await.rosters().reconcile_roster(messages).await?.into_inner();
            let mut all = Vec::new();
            while let Some(answer) = answers.message().await? {
                all.push(answer.part.unwrap());
            }
            Ok(all)
        };
        Outcome(read.await)
    }
}

macro_rules! calls {
    ($($verb:ident = $service:ident.$method:ident($request:ident) -> $answer:ident;)+) => {
        impl Party {
            $(pub(crate) async fn $verb(&self, request: v1::$request) -> Outcome<v1::$answer> {
                Outcome::of(self.client().await.$service().$method(request).await)
            })+
        }
    };
}

calls! {
    lodge = detainers.lodge_detainer(LodgeDetainerRequest) -> LodgeDetainerResponse;
    acknowledge = detainers.acknowledge_detainer(AcknowledgeDetainerRequest) -> AcknowledgeDetainerResponse;
    answer = detainers.answer_detainer(AnswerDetainerRequest) -> AnswerDetainerResponse;
    amend = detainers.amend_detainer(AmendDetainerRequest) -> AmendDetainerResponse;
    verify_warrant = detainers.verify_warrant(VerifyWarrantRequest) -> VerifyWarrantResponse;
    serve = detainers.record_service_of_copy(RecordServiceOfCopyRequest) -> RecordServiceOfCopyResponse;
    request_interview = detainers.request_interview(RequestInterviewRequest) -> RequestInterviewResponse;
    answer_interview = detainers.answer_interview(AnswerInterviewRequest) -> AnswerInterviewResponse;
    withdraw_interview = detainers.withdraw_interview(WithdrawInterviewRequest) -> WithdrawInterviewResponse;
    claim = detainers.raise_citizenship_claim(RaiseCitizenshipClaimRequest) -> RaiseCitizenshipClaimResponse;
    resolve = detainers.resolve_citizenship_claim(ResolveCitizenshipClaimRequest) -> ResolveCitizenshipClaimResponse;
    withdraw = detainers.withdraw_detainer(WithdrawDetainerRequest) -> WithdrawDetainerResponse;
    get_detainer = detainers.get_detainer(GetDetainerRequest) -> GetDetainerResponse;
    list_detainers = detainers.list_detainers(ListDetainersRequest) -> ListDetainersResponse;
    open = custodies.open_custody(OpenCustodyRequest) -> OpenCustodyResponse;
    schedule = custodies.schedule_release(ScheduleReleaseRequest) -> ScheduleReleaseResponse;
    release = custodies.record_release(RecordReleaseRequest) -> RecordReleaseResponse;
    enter_eligibility =
        custodies.record_release_eligibility(RecordReleaseEligibilityRequest) -> RecordReleaseEligibilityResponse;
    update_charges = custodies.update_charges(UpdateChargesRequest) -> UpdateChargesResponse;
    correct_identity = custodies.correct_identity(CorrectIdentityRequest) -> CorrectIdentityResponse;
    relocate = custodies.move_custody(MoveCustodyRequest) -> MoveCustodyResponse;
    accept_move = custodies.accept_move(AcceptMoveRequest) -> AcceptMoveResponse;
    decline_move = custodies.decline_move(DeclineMoveRequest) -> DeclineMoveResponse;
    withdraw_move = custodies.withdraw_move(WithdrawMoveRequest) -> WithdrawMoveResponse;
    reschedule = custodies.reschedule_release(RescheduleReleaseRequest) -> RescheduleReleaseResponse;
    cancel = custodies.cancel_release(CancelReleaseRequest) -> CancelReleaseResponse;
    close = custodies.close_custody(CloseCustodyRequest) -> CloseCustodyResponse;
    reopen = custodies.reopen_custody(ReopenCustodyRequest) -> ReopenCustodyResponse;
    expunge = custodies.expunge_custody(ExpungeCustodyRequest) -> ExpungeCustodyResponse;
    get_custody = custodies.get_custody(GetCustodyRequest) -> GetCustodyResponse;
    list_custodies = custodies.list_custodies(ListCustodiesRequest) -> ListCustodiesResponse;
    offer = transfers.offer_window(OfferWindowRequest) -> OfferWindowResponse;
    accept = transfers.accept_window(AcceptWindowRequest) -> AcceptWindowResponse;
    decline = transfers.decline_window(DeclineWindowRequest) -> DeclineWindowResponse;
    revise = transfers.revise_window(ReviseWindowRequest) -> ReviseWindowResponse;
    take_off = transfers.withdraw_window(WithdrawWindowRequest) -> WithdrawWindowResponse;
    confirm_transfer = transfers.confirm_transfer(ConfirmTransferRequest) -> ConfirmTransferResponse;
    report_failure = transfers.report_failure(ReportFailureRequest) -> ReportFailureResponse;
    issue_appeal = appeals.issue_appeal(IssueAppealRequest) -> IssueAppealResponse;
    answer_appeal = appeals.answer_appeal(AnswerAppealRequest) -> AnswerAppealResponse;
    get_appeal = appeals.get_appeal(GetAppealRequest) -> GetAppealResponse;
    list_appeals = appeals.list_appeals(ListAppealsRequest) -> ListAppealsResponse;
    list_appeal_items = appeals.list_appeal_items(ListAppealItemsRequest) -> ListAppealItemsResponse;
    list_reviews = reviews.list_reviews(ListReviewsRequest) -> ListReviewsResponse;
    decide = reviews.resolve_review(ResolveReviewRequest) -> ResolveReviewResponse;
    list_obligations = obligations.list_obligations(ListObligationsRequest) -> ListObligationsResponse;
    meet = obligations.meet_obligation(MeetObligationRequest) -> MeetObligationResponse;
    confirm = inbox.acknowledge(AcknowledgeRequest) -> AcknowledgeResponse;
    confirm_parked = inbox.acknowledge_parked(AcknowledgeParkedRequest) -> AcknowledgeParkedResponse;
    get_backlog = inbox.get_backlog(GetBacklogRequest) -> GetBacklogResponse;
    get_checkpoint = ledger.get_checkpoint(GetCheckpointRequest) -> GetCheckpointResponse;
    get_entry = ledger.get_entry(GetEntryRequest) -> GetEntryResponse;
    prove_inclusion = ledger.prove_inclusion(ProveInclusionRequest) -> ProveInclusionResponse;
    get_policy_set = policies.get_policy_set(GetPolicySetRequest) -> GetPolicySetResponse;
    evaluate = policies.evaluate(EvaluateRequest) -> EvaluateResponse;
    list_receipts = ledger.list_receipts(ListReceiptsRequest) -> ListReceiptsResponse;
    get_accounting = ledger.get_accounting(GetAccountingRequest) -> GetAccountingResponse;
    get_report = reports.get_report(GetReportRequest) -> GetReportResponse;
    get_gateway = admin.get_gateway(GetGatewayRequest) -> GetGatewayResponse;
    get_configuration = admin.get_configuration(GetConfigurationRequest) -> GetConfigurationResponse;
    list_agencies = admin.list_agencies(ListAgenciesRequest) -> ListAgenciesResponse;
    list_sessions = admin.list_sessions(ListSessionsRequest) -> ListSessionsResponse;
    close_sessions = admin.close_sessions(CloseSessionsRequest) -> CloseSessionsResponse;
    park_consumer = admin.park_consumer(ParkConsumerRequest) -> ParkConsumerResponse;
    resume_consumer = admin.resume_consumer(ResumeConsumerRequest) -> ResumeConsumerResponse;
    begin_maintenance = admin.begin_maintenance(BeginMaintenanceRequest) -> BeginMaintenanceResponse;
    end_maintenance = admin.end_maintenance(EndMaintenanceRequest) -> EndMaintenanceResponse;
    drain = admin.drain(DrainRequest) -> DrainResponse;
    prove_consistency = ledger.prove_consistency(ProveConsistencyRequest) -> ProveConsistencyResponse;
}

/// The status that an item of a stream was refused with, as the call for one would have been.
pub(crate) fn status_of(error: tonic_types::Status) -> Status {
    let details = error.encode_to_vec();
    Status::with_details(error.code.into(), error.message, details.into())
}

macro_rules! streams {
    ($($verb:ident = $service:ident.$method:ident($item:ident of $request:ident) -> $outcome:ident of $answer:ident;)+) => {
        impl Party {
            $(pub(crate) async fn $verb(&self, request: v1::$request) -> Outcome<v1::$answer> {
                let one = async {
                    let items = futures_util::stream::iter([v1::$item { request: Some(request) }]);
                    let mut answers = self.client().await.$service().$method(items).await?.into_inner();
                    let answer = answers.message().await?.expect("every item is answered");
                    assert_eq!(answers.message().await?, None, "one item has one answer");
                    match answer.outcome.expect("an answer says what became of the item") {
                        v1::$outcome::Outcome::Response(answer) => Ok(answer),
                        v1::$outcome::Outcome::Error(error) => Err(status_of(error)),
                    }
                };
                Outcome(one.await)
            })+
        }
    };
}

// One item by the stream for many.
streams! {
    lodge_by_stream = detainers.lodge_detainers(LodgeDetainersRequest of LodgeDetainerRequest)
        -> lodge_detainers_response of LodgeDetainerResponse;
    acknowledge_by_stream = detainers.acknowledge_detainers(AcknowledgeDetainersRequest of AcknowledgeDetainerRequest)
        -> acknowledge_detainers_response of AcknowledgeDetainerResponse;
    answer_by_stream = detainers.answer_detainers(AnswerDetainersRequest of AnswerDetainerRequest)
        -> answer_detainers_response of AnswerDetainerResponse;
    release_by_stream = custodies.record_releases(RecordReleasesRequest of RecordReleaseRequest)
        -> record_releases_response of RecordReleaseResponse;
}

//! Who may call what: a table of every kind of caller, with and without a token, and every method.

use crate::domain::agency::{ActorKind, AgencyClass, AgencyKind};
use crate::policy::engine::Engine;
use crate::policy::load::PolicySet;
use crate::policy::tests::samples::caller;

const EVERYBODY: &str = "federal state county city oversight operator";
const PARTIES: &str = "federal state county city";
const CUSTODIANS: &str = "state county city";
const PARTIES_AND_OVERSIGHT: &str = "federal state county city oversight";
const CUSTODIANS_AND_OVERSIGHT: &str = "state county city oversight";

/// Whether a token is needed beside the certificate.
#[derive(Clone, Copy, PartialEq)]
enum Needs {
    Token,
    Certificate,
    /// A token that names an officer.
    Officer,
}

const ACCESS: [(&str, &str, Needs); 77] = [
    ("DetainerService/LodgeDetainer", "federal", Needs::Token),
    ("DetainerService/AcknowledgeDetainer", CUSTODIANS, Needs::Token),
    ("DetainerService/AnswerDetainer", CUSTODIANS, Needs::Token),
    ("DetainerService/AmendDetainer", "federal", Needs::Token),
    ("DetainerService/RecordServiceOfCopy", CUSTODIANS, Needs::Token),
    ("DetainerService/RequestInterview", "federal", Needs::Token),
    ("DetainerService/AnswerInterview", CUSTODIANS, Needs::Token),
    ("DetainerService/WithdrawInterview", "federal", Needs::Token),
    ("DetainerService/RaiseCitizenshipClaim", PARTIES, Needs::Token),
    ("DetainerService/ResolveCitizenshipClaim", PARTIES, Needs::Token),
    ("DetainerService/WithdrawDetainer", "federal", Needs::Token),
    ("DetainerService/GetDetainer", PARTIES_AND_OVERSIGHT, Needs::Token),
    ("DetainerService/ListDetainers", PARTIES_AND_OVERSIGHT, Needs::Token),
    ("CustodyService/OpenCustody", CUSTODIANS, Needs::Token),
    ("CustodyService/ScheduleRelease", CUSTODIANS, Needs::Token),
    ("CustodyService/RecordRelease", CUSTODIANS, Needs::Token),
    ("CustodyService/RecordReleaseEligibility", CUSTODIANS, Needs::Token),
    ("CustodyService/UpdateCharges", CUSTODIANS, Needs::Token),
    ("CustodyService/CorrectIdentity", CUSTODIANS, Needs::Token),
    ("CustodyService/MoveCustody", CUSTODIANS, Needs::Token),
    ("CustodyService/AcceptMove", CUSTODIANS, Needs::Token),
    ("CustodyService/DeclineMove", CUSTODIANS, Needs::Token),
    ("CustodyService/WithdrawMove", CUSTODIANS, Needs::Token),
    ("CustodyService/RescheduleRelease", CUSTODIANS, Needs::Token),
    ("CustodyService/CancelRelease", CUSTODIANS, Needs::Token),
    ("CustodyService/CloseCustody", CUSTODIANS, Needs::Token),
    ("CustodyService/ReopenCustody", CUSTODIANS, Needs::Token),
    ("CustodyService/ExpungeCustody", CUSTODIANS, Needs::Token),
    ("CustodyService/GetCustody", CUSTODIANS_AND_OVERSIGHT, Needs::Token),
    ("CustodyService/ListCustodies", CUSTODIANS_AND_OVERSIGHT, Needs::Token),
    ("RosterService/ReconcileRoster", CUSTODIANS, Needs::Token),
    ("TransferService/OfferWindow", CUSTODIANS, Needs::Token),
    ("TransferService/AcceptWindow", "federal", Needs::Token),
    ("TransferService/DeclineWindow", "federal", Needs::Token),
    ("TransferService/ReviseWindow", PARTIES, Needs::Token),
    ("TransferService/WithdrawWindow", PARTIES, Needs::Token),
    ("TransferService/ConfirmTransfer", PARTIES, Needs::Token),
    ("TransferService/ReportFailure", PARTIES, Needs::Token),
    ("AppealService/IssueAppeal", "federal", Needs::Token),
    ("AppealService/AnswerAppeal", CUSTODIANS, Needs::Token),
    ("AppealService/GetAppeal", PARTIES_AND_OVERSIGHT, Needs::Token),
    ("AppealService/ListAppeals", PARTIES_AND_OVERSIGHT, Needs::Token),
    ("AppealService/ListAppealItems", PARTIES_AND_OVERSIGHT, Needs::Token),
    ("AdminService/GetGateway", "operator", Needs::Token),
    ("AdminService/GetConfiguration", "operator", Needs::Token),
    ("AdminService/ListAgencies", "operator", Needs::Token),
    ("AdminService/ListSessions", "operator", Needs::Token),
    ("AdminService/CloseSessions", "operator", Needs::Token),
    ("AdminService/ParkConsumer", "operator", Needs::Token),
    ("AdminService/ResumeConsumer", "operator", Needs::Token),
    ("AdminService/BeginMaintenance", "operator", Needs::Token),
    ("AdminService/EndMaintenance", "operator", Needs::Token),
    ("AdminService/Drain", "operator", Needs::Token),
    ("LedgerService/GetAccounting", CUSTODIANS_AND_OVERSIGHT, Needs::Token),
    ("ReviewService/ListReviews", CUSTODIANS_AND_OVERSIGHT, Needs::Token),
    ("ReviewService/ResolveReview", CUSTODIANS, Needs::Token),
    ("ObligationService/ListObligations", CUSTODIANS_AND_OVERSIGHT, Needs::Token),
    ("ObligationService/MeetObligation", CUSTODIANS, Needs::Token),
    ("InboxService/Receive", PARTIES, Needs::Token),
    ("InboxService/Acknowledge", PARTIES, Needs::Token),
    ("InboxService/AcknowledgeParked", PARTIES, Needs::Token),
    ("InboxService/GetBacklog", "federal state county city operator", Needs::Token),
    ("LedgerService/GetCheckpoint", PARTIES_AND_OVERSIGHT, Needs::Certificate),
    ("LedgerService/GetEntry", PARTIES_AND_OVERSIGHT, Needs::Token),
    ("LedgerService/ListEntries", PARTIES_AND_OVERSIGHT, Needs::Token),
    ("LedgerService/ListReceipts", PARTIES_AND_OVERSIGHT, Needs::Token),
    ("LedgerService/ProveInclusion", PARTIES_AND_OVERSIGHT, Needs::Certificate),
    ("LedgerService/ProveConsistency", PARTIES_AND_OVERSIGHT, Needs::Certificate),
    ("PolicyService/GetPolicySet", PARTIES_AND_OVERSIGHT, Needs::Certificate),
    ("PolicyService/Evaluate", PARTIES_AND_OVERSIGHT, Needs::Certificate),
    ("PolicyService/Replay", CUSTODIANS_AND_OVERSIGHT, Needs::Officer),
    ("ReportService/GetReport", PARTIES_AND_OVERSIGHT, Needs::Token),
    ("grpc.health.v1.Health/Check", EVERYBODY, Needs::Certificate),
    ("grpc.health.v1.Health/Watch", EVERYBODY, Needs::Certificate),
    ("grpc.health.v1.Health/List", EVERYBODY, Needs::Certificate),
    ("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", EVERYBODY, Needs::Certificate),
    ("grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", EVERYBODY, Needs::Certificate),
];

#[test]
fn each_kind_of_caller_may_call_what_the_table_says_and_no_more() {
    let engine = Engine::new(PolicySet::embedded().unwrap());
    let classes: Vec<_> = AgencyClass::ALL.iter().copied().map(Some).chain([None]).collect();
    // Twice: the second answer is cached.
    for _ in 0..2 {
        for (method, kinds, needs) in ACCESS {
            for kind in AgencyKind::ALL {
                for actor in [None, Some(ActorKind::System), Some(ActorKind::Officer)] {
                    let proven = match needs {
                        Needs::Certificate => true,
                        Needs::Token => actor.is_some(),
                        Needs::Officer => actor == Some(ActorKind::Officer),
                    };
                    let expected = proven && kinds.split(' ').any(|listed| listed == kind.word());
                    for class in &classes {
                        let admitted = engine.admit(&caller(*kind, *class, actor), method).is_ok();
                        assert_eq!(admitted, expected, "{method} by {kind:?} {class:?} with {actor:?}");
                    }
                }
            }
        }
    }
}

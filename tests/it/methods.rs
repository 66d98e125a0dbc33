//! Every method of the contract, once answered and once refused, over mutual TLS; and the probes beside it.

mod appeals;
mod custodies;
mod detainers;
mod duties;
mod evidence;
mod interviews;
mod moves;
mod operators;
mod policies;
mod probes;
mod rosters;
mod transfers;
mod unknown;

use comity::wire::DESCRIPTOR;
use prost_reflect::DescriptorPool;
use tonic::Code;

use crate::harness::requests::NY_EXCHANGE;
use crate::harness::{Outcome, Refused, World};

/// The calls that are answered. A method that is not there is one without a test.
async fn accepted(world: &World, method: &str) {
    let (service, verb) = method.split_once('/').unwrap();
    match service {
        "DetainerService" => detainers::accepted(world, verb).await,
        "CustodyService" => custodies::accepted(world, verb).await,
        "AppealService" => appeals::accepted(world, verb).await,
        "TransferService" => transfers::accepted(world, verb).await,
        "ReviewService" | "ObligationService" => duties::accepted(world, verb).await,
        "RosterService" => rosters::accepted(world, verb).await,
        "InboxService" | "LedgerService" => evidence::accepted(world, verb).await,
        "PolicyService" | "ReportService" => policies::accepted(world, verb).await,
        "AdminService" => operators::accepted(world, verb).await,
        unknown => panic!("no call of {unknown} is shown to be answered"),
    }
}

/// The calls that are refused, by the caller, the case, the law or the form.
async fn refused(world: &World, method: &str) {
    let (service, verb) = method.split_once('/').unwrap();
    match service {
        "DetainerService" => detainers::refused(world, verb).await,
        "CustodyService" => custodies::refused(world, verb).await,
        "AppealService" => appeals::refused(world, verb).await,
        "TransferService" => transfers::refused(world, verb).await,
        "ReviewService" | "ObligationService" => duties::refused(world, verb).await,
        "RosterService" => rosters::refused(world, verb).await,
        "InboxService" | "LedgerService" => evidence::refused(world, verb).await,
        "PolicyService" | "ReportService" => policies::refused(world, verb).await,
        "AdminService" => operators::refused(world, verb).await,
        unknown => panic!("no call of {unknown} is shown to be refused"),
    };
}

#[track_caller]
fn done<T>(outcome: Outcome<T>) {
    outcome.accepted();
}

/// Not a method for such a caller.
#[track_caller]
fn denied<T>(outcome: Outcome<T>) -> Refused {
    outcome.refused(Code::PermissionDenied, "METHOD_DENIED")
}

/// Not without a token, which the answer says how to send.
#[track_caller]
fn token_missing<T>(outcome: Outcome<T>) -> Refused {
    let refused = outcome.refused(Code::Unauthenticated, "TOKEN_REFUSED");
    let message = refused.status.message();
    assert!(message.contains("send the header `authorization: Bearer <token>`"), "{message}");
    refused
}

/// Not while the case stands so.
#[track_caller]
fn too_soon_or_late<T>(outcome: Outcome<T>) -> Refused {
    outcome.refused(Code::FailedPrecondition, "WRONG_STATE")
}

/// A field is at fault.
#[track_caller]
fn at_fault<T>(outcome: Outcome<T>) -> Refused {
    outcome.refused(Code::InvalidArgument, "INVALID_FIELD")
}

/// Methods as `Service/Method`, from the contract itself.
fn methods() -> Vec<String> {
    let pool = DescriptorPool::decode(DESCRIPTOR).unwrap();
    let methods = |service: prost_reflect::ServiceDescriptor| {
        let name = service.name().to_owned();
        service.methods().map(|method| format!("{name}/{}", method.name())).collect::<Vec<_>>()
    };
    pool.services().flat_map(methods).collect()
}

#[tokio::test]
async fn every_method_of_the_contract_answers_whom_it_should() {
    let world = World::start();
    let methods = methods();
    assert_eq!(methods.len(), 77, "{methods:?}");
    for method in methods {
        accepted(&world, &method).await;
    }
    assert_eq!(world.journal.audited(), [], "no call was denied");
    world.journal.assert_nothing_personal();
}

#[tokio::test]
async fn every_method_of_the_contract_refuses_whom_it_should() {
    let world = World::start();
    for method in methods() {
        refused(&world, &method).await;
    }
    world.journal.assert_nothing_personal();
}

/// An operator has no case of anybody's.
#[tokio::test]
async fn an_operator_reads_nothing_of_a_case() {
    let world = World::start();
    let detainer = world.lodged("us-ny-doccs").await;
    let operator = world.system("comity-operator");
    operator.detainer(&detainer).await.refused(Code::PermissionDenied, "METHOD_DENIED");
    operator.entries(NY_EXCHANGE).await.refused(Code::PermissionDenied, "METHOD_DENIED");
    operator.checkpoint(NY_EXCHANGE).await.refused(Code::PermissionDenied, "METHOD_DENIED");
}

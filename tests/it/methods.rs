//! Every method of the contract, once answered and once refused, over mutual TLS; and the probes beside it.

mod probes;

use comity::wire::{DESCRIPTOR, v1};
use prost_reflect::DescriptorPool;
use tonic::Code;

use crate::harness::requests::{
    NY, NY_CUSTODY, NY_EXCHANGE, TX, backlog_of, detainer_for, intake_at, match_of, parked_receipt_of, receipt_of,
    release_of, schedule_of, withdrawal_of,
};
use crate::harness::{Outcome, World};

/// A place in no log yet.
const BEYOND: i64 = 1_000_000;

/// The calls that are answered. A method that is not here is one without a test.
async fn accepted(world: &World, method: &str) {
    let (ice, doccs) = (world.ice(), world.doccs());
    match method {
        "DetainerService/LodgeDetainer" => done(ice.lodge(detainer_for("us-ny-doccs")).await),
        "DetainerService/AcknowledgeDetainer" => {
            let (detainer, custody) = (world.lodged("us-ny-doccs").await, world.held("us-ny-doccs").await);
            done(doccs.acknowledge(match_of(&detainer, &custody)).await);
        }
        "DetainerService/AnswerDetainer" => {
            let matched = world.matched("us-ny-doccs").await;
            done(world.answers("us-ny-doccs", &matched.detainer, v1::AnswerKind::NotifyOnly).await);
        }
        "DetainerService/WithdrawDetainer" => {
            done(ice.withdraw(withdrawal_of(&world.lodged("us-ny-doccs").await)).await);
        }
        "DetainerService/GetDetainer" => done(doccs.detainer(&world.lodged("us-ny-doccs").await).await),
        "DetainerService/ListDetainers" => done(ice.detainers(NY).await),
        "CustodyService/OpenCustody" => done(doccs.open(intake_at("us-ny-doccs")).await),
        "CustodyService/ScheduleRelease" => done(doccs.schedule(schedule_of(&world.held("us-ny-doccs").await)).await),
        "CustodyService/RecordRelease" => done(doccs.release(release_of(&world.held("us-ny-doccs").await)).await),
        "CustodyService/GetCustody" => done(world.oversight().custody(&world.held("us-ny-doccs").await).await),
        "CustodyService/ListCustodies" => done(doccs.custodies(NY).await),
        "InboxService/Receive" => done(doccs.receive(NY, "").await),
        "InboxService/Acknowledge" => {
            let cursor = ice.receive(NY, "").await.accepted().heartbeat.cursor;
            done(ice.confirm(receipt_of(NY, &cursor)).await);
        }
        "InboxService/AcknowledgeParked" => {
            done(doccs.confirm_parked(parked_receipt_of(&parked_entry(world).await)).await);
        }
        "InboxService/GetBacklog" => {
            done(doccs.get_backlog(backlog_of("")).await);
            done(world.system("comity-operator").get_backlog(backlog_of("us-ny-doccs")).await);
        }
        "LedgerService/GetCheckpoint" => done(world.without_token("us-ice").checkpoint(NY_EXCHANGE).await),
        "LedgerService/GetEntry" => done(ice.get_entry(entry(&first_entry(world).await)).await),
        "LedgerService/ListEntries" => done(world.oversight().entries(NY_CUSTODY).await),
        "LedgerService/ProveInclusion" => done(ice.prove_inclusion(inclusion(&first_entry(world).await)).await),
        "LedgerService/ProveConsistency" => {
            first_entry(world).await;
            done(doccs.prove_consistency(consistency(NY_EXCHANGE, 1, 0)).await);
        }
        unknown => panic!("no call of {unknown} is shown to be answered"),
    }
}

/// The calls that are refused, by the caller, the case, the law or the form.
async fn refused(world: &World, method: &str) {
    let (ice, doccs, erie) = (world.ice(), world.doccs(), world.erie());
    let denied = |outcome: Outcome<()>| outcome.refused(Code::PermissionDenied, "METHOD_DENIED");
    match method {
        "DetainerService/LodgeDetainer" => denied(doccs.lodge(detainer_for("us-ny-doccs")).await.map(drop)),
        "DetainerService/AcknowledgeDetainer" => {
            let (detainer, custody) = (world.lodged("us-ny-doccs").await, world.held("us-ny-erie-jail").await);
            erie.acknowledge(match_of(&detainer, &custody)).await.map(drop).not_found()
        }
        "DetainerService/AnswerDetainer" => {
            let detainer = world.lodged("us-ny-doccs").await;
            let answer = world.answers("us-ny-doccs", &detainer, v1::AnswerKind::NotifyOnly).await;
            answer.refused(Code::FailedPrecondition, "WRONG_STATE")
        }
        "DetainerService/WithdrawDetainer" => {
            denied(doccs.withdraw(withdrawal_of(&world.lodged("us-ny-doccs").await)).await.map(drop))
        }
        "DetainerService/GetDetainer" => erie.detainer(&world.lodged("us-ny-doccs").await).await.not_found(),
        "DetainerService/ListDetainers" => doccs.detainers(TX).await.not_found(),
        "CustodyService/OpenCustody" => denied(ice.open(intake_at("us-ny-doccs")).await.map(drop)),
        "CustodyService/ScheduleRelease" => {
            let custody = world.held("us-ny-doccs").await;
            doccs.schedule(schedule_of(&custody)).await.accepted();
            doccs.schedule(schedule_of(&custody)).await.refused(Code::FailedPrecondition, "WRONG_STATE")
        }
        "CustodyService/RecordRelease" => {
            let mut release = release_of(&world.held("us-ny-doccs").await);
            release.release.as_mut().unwrap().ordered_by = String::new();
            doccs.release(release).await.refused(Code::InvalidArgument, "INVALID_FIELD")
        }
        "CustodyService/GetCustody" => denied(ice.custody(&world.held("us-ny-doccs").await).await.map(drop)),
        "CustodyService/ListCustodies" => {
            doccs.custodies("us-ny").await.refused(Code::InvalidArgument, "INVALID_FIELD")
        }
        "InboxService/Receive" => denied(world.oversight().receive(NY, "").await.map(drop)),
        "InboxService/Acknowledge" => {
            let cursor = ice.receive(NY, "").await.accepted().heartbeat.cursor;
            doccs.confirm(receipt_of(NY, &cursor)).await.refused(Code::InvalidArgument, "INVALID_CURSOR")
        }
        "InboxService/AcknowledgeParked" => {
            doccs.confirm_parked(parked_receipt_of(&first_entry(world).await)).await.not_found()
        }
        "InboxService/GetBacklog" => denied(world.oversight().get_backlog(backlog_of("")).await.map(drop)),
        "LedgerService/GetCheckpoint" => ice.checkpoint(NY_CUSTODY).await.not_found(),
        "LedgerService/GetEntry" => erie.get_entry(entry(&first_entry(world).await)).await.not_found(),
        "LedgerService/ListEntries" => denied(world.without_token("us-ice").entries(NY_EXCHANGE).await.map(drop)),
        "LedgerService/ProveInclusion" => {
            let beyond = format!("{NY_EXCHANGE}/entries/{BEYOND}");
            ice.prove_inclusion(inclusion(&beyond)).await.not_found()
        }
        "LedgerService/ProveConsistency" => {
            ice.prove_consistency(consistency(NY_EXCHANGE, 1, BEYOND)).await.refused(Code::OutOfRange, "BEYOND_HEAD")
        }
        unknown => panic!("no call of {unknown} is shown to be refused"),
    };
}

#[track_caller]
fn done<T>(outcome: Outcome<T>) {
    outcome.accepted();
}

/// Of a detainer for a state prison, which a county jail is not in the audience of.
async fn first_entry(world: &World) -> String {
    world.lodged("us-ny-doccs").await;
    world.ice().entries(NY_EXCHANGE).await.accepted().pop().unwrap().name
}

/// An entry that the prisons' system could not take.
async fn parked_entry(world: &World) -> String {
    world.lodged("us-ny-doccs").await;
    loop {
        let backlog = world.doccs().get_backlog(backlog_of("")).await.accepted().backlogs.remove(0);
        if let Some(parked) = backlog.parked.into_iter().next() {
            return parked.entry;
        }
        world.doccs().receive(NY, "").await.accepted();
    }
}

fn entry(name: &str) -> v1::GetEntryRequest {
    v1::GetEntryRequest { name: name.to_owned() }
}

fn inclusion(name: &str) -> v1::ProveInclusionRequest {
    v1::ProveInclusionRequest { name: name.to_owned() }
}

fn consistency(log: &str, old_size: i64, new_size: i64) -> v1::ProveConsistencyRequest {
    v1::ProveConsistencyRequest { log: log.to_owned(), old_size, new_size }
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
    assert_eq!(methods.len(), 20, "{methods:?}");
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

//! The methods of `InboxService` and `LedgerService`, each once answered and once refused.

use comity::wire::v1;
use tonic::Code;

use crate::harness::requests::{NY, NY_CUSTODY, NY_EXCHANGE, backlog_of, parked_receipt_of, receipt_of};
use crate::harness::{Refused, World};
use crate::methods::{at_fault, denied, done, token_missing};

/// A place in no log yet.
const BEYOND: i64 = 1_000_000;

pub(super) async fn accepted(world: &World, verb: &str) {
    let (ice, doccs) = (world.ice(), world.doccs());
    match verb {
        "Receive" => done(doccs.receive(NY, "").await),
        "Acknowledge" => {
            let cursor = ice.receive(NY, "").await.accepted().heartbeat.cursor;
            done(ice.confirm(receipt_of(NY, &cursor)).await);
        }
        "AcknowledgeParked" => {
            done(doccs.confirm_parked(parked_receipt_of(&parked_entry(world).await)).await);
        }
        "GetBacklog" => {
            done(doccs.get_backlog(backlog_of("")).await);
            done(world.system("comity-operator").get_backlog(backlog_of("us-ny-doccs")).await);
        }
        "GetCheckpoint" => done(world.without_token("us-ice").checkpoint(NY_EXCHANGE).await),
        "GetEntry" => done(ice.get_entry(entry(&first_entry(world).await)).await),
        "ListEntries" => done(world.oversight().entries(NY_CUSTODY).await),
        "ProveInclusion" => done(ice.prove_inclusion(inclusion(&first_entry(world).await)).await),
        "ProveConsistency" => {
            first_entry(world).await;
            done(doccs.prove_consistency(consistency(NY_EXCHANGE, 1, 0)).await);
        }
        "GetAccounting" => {
            let name = world.held("us-ny-doccs").await;
            done(world.doccs().get_accounting(accounting_of(&name)).await);
        }
        "ListReceipts" => {
            let detainer = world.lodged("us-ny-doccs").await;
            done(ice.list_receipts(receipts_of(&detainer)).await);
        }
        unknown => panic!("no call of {unknown} is shown to be answered"),
    }
}

pub(super) async fn refused(world: &World, verb: &str) -> Refused {
    let (ice, doccs, erie) = (world.ice(), world.doccs(), world.erie());
    match verb {
        "Receive" => denied(world.oversight().receive(NY, "").await),
        "Acknowledge" => {
            let cursor = ice.receive(NY, "").await.accepted().heartbeat.cursor;
            doccs.confirm(receipt_of(NY, &cursor)).await.refused(Code::InvalidArgument, "INVALID_CURSOR")
        }
        "AcknowledgeParked" => doccs.confirm_parked(parked_receipt_of(&first_entry(world).await)).await.not_found(),
        "GetBacklog" => denied(world.oversight().get_backlog(backlog_of("")).await),
        "GetCheckpoint" => ice.checkpoint(NY_CUSTODY).await.not_found(),
        "GetEntry" => erie.get_entry(entry(&first_entry(world).await)).await.not_found(),
        "ListEntries" => token_missing(world.without_token("us-ice").entries(NY_EXCHANGE).await),
        "ProveInclusion" => {
            ice.prove_inclusion(inclusion(&format!("{NY_EXCHANGE}/entries/{BEYOND}"))).await.not_found()
        }
        "ProveConsistency" => {
            ice.prove_consistency(consistency(NY_EXCHANGE, 1, BEYOND)).await.refused(Code::OutOfRange, "BEYOND_HEAD")
        }
        "GetAccounting" => {
            let name = world.held("us-ny-doccs").await;
            denied(ice.get_accounting(accounting_of(&name)).await);
            world.erie().get_accounting(accounting_of(&name)).await.not_found();
            let page = |page_token: &str| v1::GetAccountingRequest {
                page_token: page_token.to_owned(),
                ..accounting_of(&name)
            };
            for token in ["-1", "0", "01", "+1", "x", "9223372036854775808"] {
                world.doccs().get_accounting(page(token)).await.refused(Code::InvalidArgument, "INVALID_CURSOR");
            }
            at_fault(world.doccs().get_accounting(accounting_of("custodies/1")).await)
        }
        "ListReceipts" => {
            let unknown = v1::list_receipts_request::Of::Write("6d1f8f3c-8a43-4a5e-9d55-0a1b2c3d4e5f".to_owned());
            ice.list_receipts(v1::ListReceiptsRequest { of: Some(unknown), ..Default::default() }).await.not_found()
        }
        unknown => panic!("no call of {unknown} is shown to be refused"),
    }
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

fn receipts_of(resource: &str) -> v1::ListReceiptsRequest {
    let of = v1::list_receipts_request::Of::Resource(resource.to_owned());
    v1::ListReceiptsRequest { of: Some(of), ..Default::default() }
}

fn consistency(log: &str, old_size: i64, new_size: i64) -> v1::ProveConsistencyRequest {
    v1::ProveConsistencyRequest { log: log.to_owned(), old_size, new_size }
}

fn accounting_of(custody: &str) -> v1::GetAccountingRequest {
    v1::GetAccountingRequest { name: custody.to_owned(), ..Default::default() }
}

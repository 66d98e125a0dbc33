//! The methods of `InboxService` and `LedgerService`, each once answered and once refused.

use comity::wire::v1;
use tonic::Code;

use crate::harness::requests::{NY, NY_CUSTODY, NY_EXCHANGE, receipt_of};
use crate::harness::{Refused, World};
use crate::methods::{denied, done};

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
        "GetCheckpoint" => done(world.without_token("us-ice").checkpoint(NY_EXCHANGE).await),
        "GetEntry" => done(ice.get_entry(entry(&first_entry(world).await)).await),
        "ListEntries" => done(world.oversight().entries(NY_CUSTODY).await),
        "ProveInclusion" => done(ice.prove_inclusion(inclusion(&first_entry(world).await)).await),
        "ProveConsistency" => {
            first_entry(world).await;
            done(doccs.prove_consistency(consistency(NY_EXCHANGE, 1, 0)).await);
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
        "GetCheckpoint" => ice.checkpoint(NY_CUSTODY).await.not_found(),
        "GetEntry" => erie.get_entry(entry(&first_entry(world).await)).await.not_found(),
        "ListEntries" => denied(world.without_token("us-ice").entries(NY_EXCHANGE).await),
        "ProveInclusion" => {
            ice.prove_inclusion(inclusion(&format!("{NY_EXCHANGE}/entries/{BEYOND}"))).await.not_found()
        }
        "ProveConsistency" => {
            ice.prove_consistency(consistency(NY_EXCHANGE, 1, BEYOND)).await.refused(Code::OutOfRange, "BEYOND_HEAD")
        }
        unknown => panic!("no call of {unknown} is shown to be refused"),
    }
}

/// Of a detainer for a state prison, which a county jail is not in the audience of.
async fn first_entry(world: &World) -> String {
    world.lodged("us-ny-doccs").await;
    world.ice().entries(NY_EXCHANGE).await.accepted().pop().unwrap().name
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

//! The method of `RosterService`, once answered and once refused.

use tonic::Code;

use crate::harness::requests::{NY, TX};
use crate::harness::rosters::roster_of;
use crate::harness::{Refused, World};
use crate::methods::{denied, done};

const WHO: &str = "Zebulon|Quackenbush, 1987-06-05, a:079314159";

pub(super) async fn accepted(world: &World, verb: &str) {
    match verb {
        "ReconcileRoster" => done(world.doccs().reconcile(roster_of(NY, &[WHO])).await),
        unknown => panic!("no call of {unknown} is shown to be answered"),
    }
}

pub(super) async fn refused(world: &World, verb: &str) -> Refused {
    match verb {
        "ReconcileRoster" => {
            denied(world.ice().reconcile(roster_of(NY, &[WHO])).await);
            denied(world.oversight().reconcile(roster_of(NY, &[WHO])).await);
            let halved = roster_of(NY, &[WHO])[..2].to_vec();
            world.doccs().reconcile(halved).await.refused(Code::InvalidArgument, "INVALID_FIELD");
            world.doccs().reconcile(roster_of(TX, &[WHO])).await.not_found()
        }
        unknown => panic!("no call of {unknown} is shown to be refused"),
    }
}

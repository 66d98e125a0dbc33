//! The methods of `PolicyService` and `ReportService`, each once answered and once refused.

use comity::wire::v1;

use crate::harness::requests::{NY, evaluation_in, made_up_facts, replay_with};
use crate::harness::{Refused, World};
use crate::methods::{at_fault, denied, done};

pub(super) async fn accepted(world: &World, verb: &str) {
    match verb {
        "GetPolicySet" => done(world.without_token("us-ice").get_policy_set(v1::GetPolicySetRequest {}).await),
        "Evaluate" => {
            done(world.without_token("us-ny-doccs").evaluate(evaluation_in(NY, made_up_facts())).await);
        }
        "Replay" => {
            let replay = replay_with("law/us-ny.cedar", "Executive Order 170", "another order");
            done(world.officer("us-ny-oversight").replay(replay).await);
        }
        "GetReport" => {
            let request = v1::GetReportRequest { parent: NY.to_owned(), ..Default::default() };
            done(world.ice().get_report(request).await);
        }
        unknown => panic!("no call of {unknown} is shown to be answered"),
    }
}

pub(super) async fn refused(world: &World, verb: &str) -> Refused {
    match verb {
        "GetPolicySet" => denied(world.system("comity-operator").get_policy_set(v1::GetPolicySetRequest {}).await),
        "Evaluate" => {
            let contradictory = v1::Facts { sealed: true, ..made_up_facts() };
            at_fault(world.ice().evaluate(evaluation_in(NY, contradictory)).await)
        }
        "Replay" => denied(world.doccs().replay(replay_with("law/us-ny.cedar", "170", "171")).await),
        "GetReport" => {
            let request = v1::GetReportRequest { parent: NY.to_owned(), ..Default::default() };
            denied(world.system("comity-operator").get_report(request).await)
        }
        unknown => panic!("no call of {unknown} is shown to be refused"),
    }
}

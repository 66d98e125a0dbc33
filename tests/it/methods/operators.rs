//! The methods of `AdminService`, each once answered and once refused.

use comity::wire::v1;

use crate::harness::requests::NY_EXCHANGE;
use crate::harness::{Refused, World};
use crate::methods::{at_fault, denied, done};

fn closing(name: &str) -> v1::CloseSessionsRequest {
    v1::CloseSessionsRequest { name: name.to_owned() }
}

fn maintenance(message: &str) -> v1::BeginMaintenanceRequest {
    v1::BeginMaintenanceRequest { message: message.to_owned() }
}

fn parking(name: &str) -> v1::ParkConsumerRequest {
    v1::ParkConsumerRequest { name: name.to_owned(), message: "it is repaired".to_owned() }
}

fn resuming(name: &str) -> v1::ResumeConsumerRequest {
    v1::ResumeConsumerRequest { name: name.to_owned() }
}

pub(super) async fn accepted(world: &World, verb: &str) {
    let operator = world.system("comity-operator");
    match verb {
        "GetGateway" => done(operator.get_gateway(v1::GetGatewayRequest {}).await),
        "GetConfiguration" => done(operator.get_configuration(v1::GetConfigurationRequest {}).await),
        "ListAgencies" => done(operator.list_agencies(v1::ListAgenciesRequest {}).await),
        "ListSessions" => done(operator.list_sessions(v1::ListSessionsRequest::default()).await),
        "CloseSessions" => {
            let ice = world.ice();
            // Answered, so that its connection is established on both sides.
            ice.checkpoint(NY_EXCHANGE).await.accepted();
            done(operator.close_sessions(closing("agencies/us-ice")).await);
        }
        "ParkConsumer" => done(operator.park_consumer(parking("agencies/us-ice/consumers/night")).await),
        "ResumeConsumer" => done(operator.resume_consumer(resuming("agencies/us-ice/consumers/night")).await),
        "BeginMaintenance" => done(operator.begin_maintenance(maintenance("the disk is replaced")).await),
        "EndMaintenance" => done(operator.end_maintenance(v1::EndMaintenanceRequest {}).await),
        "Drain" => done(operator.drain(v1::DrainRequest {}).await),
        unknown => panic!("no call of {unknown} is shown to be answered"),
    }
}

pub(super) async fn refused(world: &World, verb: &str) -> Refused {
    let (operator, ice) = (world.system("comity-operator"), world.ice());
    match verb {
        "GetGateway" => denied(ice.get_gateway(v1::GetGatewayRequest {}).await),
        "GetConfiguration" => denied(world.oversight().get_configuration(v1::GetConfigurationRequest {}).await),
        "ListAgencies" => denied(ice.list_agencies(v1::ListAgenciesRequest {}).await),
        "ListSessions" => {
            denied(ice.list_sessions(v1::ListSessionsRequest::default()).await);
            let nobody = v1::ListSessionsRequest { agency: "us-ice".to_owned() };
            at_fault(operator.list_sessions(nobody).await)
        }
        "CloseSessions" => {
            denied(world.doccs().close_sessions(closing("agencies/us-ice")).await);
            for name in ["", "us-ice", "sessions/", "sessions/+1", "sessions/x", "sessions/99999999999999999999"] {
                at_fault(operator.close_sessions(closing(name)).await);
            }
            operator.close_sessions(closing("sessions/18446744073709551615")).await.not_found()
        }
        "ParkConsumer" => {
            denied(ice.park_consumer(parking("agencies/us-ice/consumers/night")).await);
            for name in ["", "us-ice/c", "agencies/us-ice", "agencies/us-ice/consumers/", "agencies//consumers/night"] {
                at_fault(operator.park_consumer(parking(name)).await);
            }
            let silent =
                v1::ParkConsumerRequest { message: String::new(), ..parking("agencies/us-ice/consumers/night") };
            at_fault(operator.park_consumer(silent).await);
            operator.park_consumer(parking("agencies/us-nobody/consumers/night")).await.not_found()
        }
        "ResumeConsumer" => {
            denied(ice.resume_consumer(resuming("agencies/us-ice/consumers/night")).await);
            at_fault(operator.resume_consumer(resuming("agencies/us-ice")).await)
        }
        "BeginMaintenance" => {
            denied(ice.begin_maintenance(maintenance("nothing")).await);
            at_fault(operator.begin_maintenance(maintenance("\u{200b}")).await);
            at_fault(operator.begin_maintenance(maintenance(&"a".repeat(201))).await)
        }
        "EndMaintenance" => denied(ice.end_maintenance(v1::EndMaintenanceRequest {}).await),
        "Drain" => denied(ice.drain(v1::DrainRequest {}).await),
        unknown => panic!("no call of {unknown} is shown to be refused"),
    }
}

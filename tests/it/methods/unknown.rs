//! A path that names no method: everybody with a certificate is told the same, whatever else they send.

use comity::domain::agency::ActorKind;
use comity::wire::failure::reason_of;
use comity::wire::methods;
use comity::wire::v1::ErrorReason;
use http::{Method, StatusCode};
use tonic::Code;

use crate::harness::World;
use crate::harness::raw::{self, Call};

/// What a path may be that is no method's, and nearly one.
const PATHS: [&str; 18] = [
    "/comity.v1.DetainerService/ExpungeDetainer",
    "/comity.v1.WarrantService/LodgeDetainer",
    "/comity.v2.DetainerService/LodgeDetainer",
    "/comity.v1.detainerservice/LodgeDetainer",
    "/comity.v1.DetainerService/lodgeDetainer",
    "/COMITY.V1.DetainerService/LodgeDetainer",
    "/comity.v1.DetainerService/LodgeDetainer/",
    "//comity.v1.DetainerService/LodgeDetainer",
    "/comity.v1.DetainerService//LodgeDetainer",
    "/comity.v1.DetainerService/Lodge%44etainer",
    "/comity.v1.DetainerService",
    "/comity.v1.DetainerService/",
    "/DetainerService/LodgeDetainer",
    "/grpc.health.v1.Health/check",
    "/grpc.health.v2.Health/Check",
    "/grpc.reflection.v1beta.ServerReflection/ServerReflectionInfo",
    "/grpc.channelz.v1.Channelz/GetServers",
    "/",
];

#[tokio::test]
async fn a_path_that_names_no_method_is_answered_alike_to_everybody() {
    let world = World::start();
    for agency in ["us-ice", "us-ny-doccs", "us-ny-oversight", "comity-operator"] {
        let mut line = raw::open(world.gateway().grpc(), &world.sandbox.credentials(agency).unwrap()).await;
        let good = world.sandbox.token(agency, ActorKind::System).unwrap();
        let strangers = world.sandbox.token("us-tx-prison", ActorKind::Officer).unwrap();
        for token in ["", "a.b.c", &strangers, &good] {
            for path in PATHS {
                let reply = raw::send(&mut line, Call::new(path, token, b""), |_| false).await.unwrap();
                assert_eq!(reply.misshapen(), None, "{agency} {path}");
                let told = (reply.http, reply.code(), reply.reason());
                let unknown = (StatusCode::OK, Some(Code::Unimplemented), Err(Some(ErrorReason::UnknownMethod)));
                assert_eq!(told, unknown, "{agency} {path} with {} bytes of token", token.len());
            }
        }
        // By another verb, or in another form, it is no call at all; what is missing is said all the same.
        for (verb, kind) in [(Method::GET, "application/grpc"), (Method::HEAD, ""), (Method::POST, "application/json")]
        {
            let mut call = Call { verb: verb.clone(), ..Call::new("/index.html", "", b"") };
            call.put("content-type", kind.as_bytes());
            let reply = raw::send(&mut line, call, |_| false).await.unwrap();
            assert_eq!(reply.misshapen(), None, "{verb}");
            let reason = reply.status.as_ref().and_then(reason_of);
            assert_eq!((reply.http, reason), (StatusCode::NOT_FOUND, Some(ErrorReason::UnknownMethod)), "{verb}");
        }
    }
    // Nothing was denied to anybody, and nobody's credential was looked at.
    assert_eq!(world.journal.audited(), []);
}

/// What is told apart by its name is what is served: no method that there is is answered so.
#[tokio::test]
async fn no_method_that_is_served_is_called_unknown() {
    let world = World::start();
    let mut line = raw::open(world.gateway().grpc(), &world.sandbox.credentials("us-ice").unwrap()).await;
    let mut seen = 0;
    for method in methods::all() {
        let mut call = Call::new(method.path(), "", b"");
        call.silence = raw::SILENCE;
        let reply = raw::send(&mut line, call, |_| true).await.unwrap();
        assert_ne!(reply.reason(), Err(Some(ErrorReason::UnknownMethod)), "{method:?}");
        seen += 1;
    }
    assert_eq!(seen, 77 + 2 + 2);
}

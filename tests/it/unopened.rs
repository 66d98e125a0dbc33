//! What is not the caller's is not opened: it costs what it costs to look for something that there is not, so that how long an
//! answer takes tells nobody of a case.

use rusqlite::Connection;
use tonic::Code;

use crate::harness::World;
use crate::harness::requests::NY;

#[tokio::test]
async fn a_case_of_somebody_elses_is_not_opened() {
    let world = World::start();
    world.matched("us-ny-doccs").await;
    let detainer = world.doccs().detainers(NY).await.accepted().remove(0).name;
    let custody = world.doccs().custodies(NY).await.accepted().remove(0).name;
    world.ice().detainer(&detainer).await.accepted();
    // Whoever opens a case from now on fails.
    let store = Connection::open(world.directory().join("comity.db")).unwrap();
    assert_eq!(store.execute("UPDATE cases SET sealed = x'00'", []).unwrap(), 2);
    let missing = |name: &str| {
        let (rest, last) = name.split_at(name.len() - 1);
        format!("{rest}{}", if last == "0" { "1" } else { "0" })
    };
    for stranger in [world.erie(), world.system("us-tx-harris-jail")] {
        for name in [detainer.clone(), missing(&detainer)] {
            stranger.detainer(&name).await.not_found();
        }
        for name in [custody.clone(), missing(&custody)] {
            stranger.custody(&name).await.not_found();
        }
    }
    world.ice().custody(&custody).await.refused(Code::PermissionDenied, "METHOD_DENIED");
    // Else nothing was shown: those whose they are have to open them.
    world.ice().detainer(&detainer).await.refused(Code::Unavailable, "UNAVAILABLE");
    world.doccs().detainer(&detainer).await.refused(Code::Unavailable, "UNAVAILABLE");
    world.doccs().custody(&custody).await.refused(Code::Unavailable, "UNAVAILABLE");
}

//! `buf curl`, as anybody at a terminal would use it: no stubs, the contract comes by reflection.

use std::io::Write as _;
use std::process::{Command, Output};

use crate::harness::World;

/// Needs buf, which `tests/run` installs and names in `COMITY_BUF`. Without it nothing is checked, and that is said.
#[tokio::test]
async fn every_agency_reaches_health_and_reflection() {
    let Some(buf) = std::env::var_os("COMITY_BUF") else {
        // Written past the test runner, which keeps to itself what a passing test prints.
        writeln!(std::io::stderr(), "LEFT OUT: buf curl (run tests/run)").unwrap();
        return;
    };
    let world = World::start();
    let curl = async |agency: &str, arguments: &[&str]| -> Output {
        let file = |name: String| world.directory().join("certs").join(name);
        let mut command = Command::new(&buf);
        command.args(["curl", "--protocol", "grpc"]);
        command.arg("--cacert").arg(file("gateway-ca.pem".to_owned()));
        command.arg("--cert").arg(file(format!("{agency}.pem"))).arg("--key").arg(file(format!("{agency}.key")));
        command.args(arguments).current_dir(world.directory());
        // Not here: the gateway answers while it waits.
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    };
    let gateway = format!("https://localhost:{}", world.gateway().grpc().port());
    let check = format!("{gateway}/grpc.health.v1.Health/Check");

    for agency in ["comity-operator", "us-ice", "us-ny-doccs", "us-ny-oversight"] {
        let listed = curl(agency, &["--list-services", &gateway]).await;
        let services = String::from_utf8_lossy(&listed.stdout);
        assert!(listed.status.success(), "{agency}: {}", String::from_utf8_lossy(&listed.stderr));
        for service in ["Detainer", "Custody", "Transfer", "Inbox", "Ledger", "Policy"] {
            assert!(services.contains(&format!("comity.v1.{service}Service")), "{service} is not in {services}");
        }
    }
    let health = curl("us-ice", &["-d", r#"{"service": "comity.v1.DetainerService"}"#, &check]).await;
    assert!(String::from_utf8_lossy(&health.stdout).contains("SERVING"), "{}", String::from_utf8_lossy(&health.stderr));
    // An error comes as one.
    let lodge = format!("{gateway}/comity.v1.DetainerService/LodgeDetainer");
    let refused = curl("us-ice", &["-d", "{}", &lodge]).await;
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("unauthenticated") && told.contains("google.rpc.ErrorInfo"), "{told}");
}

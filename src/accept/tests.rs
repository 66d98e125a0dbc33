//! Handshakes over loopback sockets: who is let in, who is refused, and for which reason.

mod gate;

use std::process::Command;
use std::time::Instant;

use jiff::SignedDuration;
use rustls::HandshakeKind;
use rustls::client::Resumption;
use rustls::version::TLS12;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::identity::development::{CertificateOptions, DevelopmentAuthority, IssuedCertificate, Purpose};
use crate::identity::fixture::World;

use gate::*;

#[tokio::test]
async fn an_agency_is_let_in_and_known() {
    let mut gate = Gate::plain().await;
    let certificate = gate.world.ice();
    let _stream = gate.admitted(&certificate).await;
    assert_eq!(gate.peers.recv().await, Some(gate.world.peer(&certificate)));
    assert_eq!(gate.log.reasons(), Vec::<String>::new());
    assert_eq!(gate.state.live_connections(), 1);
}

#[tokio::test]
async fn a_peer_that_is_no_agency_is_refused_with_a_reason() {
    let gate = Gate::plain().await;
    let world = &gate.world;
    let ice = world.ice();
    let issue = |authority: &DevelopmentAuthority, change: &dyn Fn(&mut CertificateOptions)| {
        let mut options = world.options("us-ice");
        change(&mut options);
        gate.client(Some(&authority.issue(&options).unwrap()))
    };
    let stranger = DevelopmentAuthority::generate("Stranger CA", world.now).unwrap();
    gate.refused(gate.client_of_version(Some(&ice), &TLS12), "tls_incompatible").await;
    gate.refused(gate.client(None), "certificate_absent").await;
    gate.refused(issue(&stranger, &|_| {}), "authority_unknown").await;
    gate.refused(issue(&world.texas, &|_| {}), "authority_may_not_speak").await;
    let past = world.now - SignedDuration::from_secs(10);
    gate.refused(issue(&world.federal, &|o| o.not_after = past), "certificate_expired").await;
    let to_come = world.now + SignedDuration::from_hours(1);
    gate.refused(issue(&world.federal, &|o| o.not_before = to_come), "certificate_not_yet_valid").await;
    gate.refused(issue(&world.federal, &|o| o.purposes = vec![Purpose::Server]), "certificate_not_for_clients").await;
    gate.refused(issue(&world.federal, &|o| o.purposes = vec![]), "certificate_not_for_clients").await;
    gate.refused(issue(&world.federal, &|o| o.uris.clear()), "certificate_without_name").await;
    gate.refused(issue(&world.federal, &|o| o.uris.push("urn:x".to_owned())), "certificate_with_several_names").await;
    let stranger = "spiffe://comity.test/agency/us-uscis".to_owned();
    gate.refused(issue(&world.federal, &|o| o.uris = vec![stranger.clone()]), "agency_unknown").await;
    let mut client = gate.client(Some(&ice));
    client.alpn_protocols.clear();
    gate.refused(client, "protocol_not_h2").await;
    let mut client = gate.client(Some(&ice));
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    gate.refused(client, "protocol_not_h2").await;
    assert_eq!(gate.state.live_connections(), 0);
}

#[tokio::test]
async fn an_audit_line_tells_reason_and_address_and_nothing_the_peer_wrote() {
    let gate = Gate::plain().await;
    let mut options = gate.world.options("us-ice");
    options.common_name = "canary-common-name".to_owned();
    options.uris = vec!["spiffe://comity.test/agency/canary-agency".to_owned()];
    gate.refused(gate.client(Some(&gate.world.federal.issue(&options).unwrap())), "agency_unknown").await;
    let lines = gate.log.lines();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(line["fields"].as_object().unwrap().len(), 3);
    assert_eq!(line["fields"]["peer"], "127.0.0.1");
    assert!(!line.to_string().contains("canary"), "{line}");
}

#[tokio::test]
async fn a_revoked_certificate_is_refused() {
    let gate = Gate::plain().await;
    let (good, bad) = (gate.world.ice(), gate.world.ice());
    let list = Gate::current(&gate.world.federal, std::slice::from_ref(&bad.serial), gate.world.now);
    gate.state.reload(material(&gate.server, &[list]), gate.world.registry()).unwrap();
    let _stream = gate.admitted(&good).await;
    gate.refused(gate.client(Some(&bad)), "certificate_revoked").await;
    // There are lists, but none of New York's: whether this certificate is revoked is unknown.
    let doccs = gate.world.new_york.issue(&gate.world.options("us-ny-doccs")).unwrap();
    gate.refused(gate.client(Some(&doccs)), "revocation_unknown").await;
}

#[tokio::test]
async fn a_revocation_list_past_its_time_refuses_everybody() {
    let ends_soon = |w: &World| {
        let ends = WallClock::system().now() + SignedDuration::from_secs(3);
        vec![w.federal.revoke(&[], w.now - SignedDuration::from_hours(2), ends).unwrap().pem]
    };
    let gate = Gate::open(Config::default(), ends_soon).await;
    let _stream = gate.admitted(&gate.world.ice()).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    gate.refused(gate.client(Some(&gate.world.ice())), "revocation_list_expired").await;
}

#[tokio::test]
async fn a_silent_socket_is_dropped_when_its_time_is_up() {
    let gate = Gate::open(Config { handshake_timeout_ms: 200, ..Config::default() }, |_| Vec::new()).await;
    let start = Instant::now();
    let mut silent = TcpStream::connect(gate.address).await.unwrap();
    let mut slow = TcpStream::connect(gate.address).await.unwrap();
    // Only the head of a handshake record.
    slow.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00]).await.unwrap();
    let mut buffer = [0; 16];
    for socket in [&mut silent, &mut slow] {
        let read = in_time(socket.read(&mut buffer)).await;
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!(gate.log.reasons(), ["handshake_timeout", "handshake_timeout"]);
}

#[tokio::test]
async fn what_is_not_tls_is_refused() {
    let gate = Gate::plain().await;
    let mut socket = TcpStream::connect(gate.address).await.unwrap();
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    drop(socket.read_to_end(&mut answer).await);
    assert_eq!(gate.log.reasons(), ["handshake_failed"]);
    let socket = TcpStream::connect(gate.address).await.unwrap();
    drop(socket);
    let _stream = gate.admitted(&gate.world.ice()).await;
    assert_eq!(gate.log.reasons(), ["handshake_failed", "socket_closed"]);
}

#[tokio::test]
async fn more_silent_sockets_than_handshakes_do_not_keep_an_agency_out_for_long() {
    // Far longer than the test waits: what ends the silent ones is that somebody else came.
    let config = Config {
        handshake_timeout_ms: 600_000,
        first_byte_timeout_ms: 600_000,
        handshakes_max: 1,
        ..Config::default()
    };
    let gate = Gate::open(config, |_| Vec::new()).await;
    let _first = TcpStream::connect(gate.address).await.unwrap();
    let _second = TcpStream::connect(gate.address).await.unwrap();
    let _stream = gate.admitted(&gate.world.ice()).await;
    assert_eq!(gate.log.reasons(), ["handshake_slot_taken", "handshake_slot_taken"]);
}

#[tokio::test]
async fn revoking_cuts_what_is_connected_and_spares_the_others() {
    let gate = Gate::open(Config::default(), |w| vec![Gate::current(&w.federal, &[], w.now)]).await;
    let (good, bad) = (gate.world.ice(), gate.world.ice());
    let (mut stays, mut cut) = (gate.admitted(&good).await, gate.admitted(&bad).await);
    let list = Gate::current(&gate.world.federal, std::slice::from_ref(&bad.serial), gate.world.now);
    assert_eq!(gate.state.reload(material(&gate.server, &[list]), gate.world.registry()).unwrap(), 1);
    assert!(in_time(cut.read_u8()).await.is_err());
    assert!(tokio::time::timeout(Duration::from_millis(100), stays.read_u8()).await.is_err());
    gate.refused(gate.client(Some(&bad)), "certificate_revoked").await;
    assert_eq!(gate.state.live_connections(), 1);
}

#[tokio::test]
async fn a_handshake_that_a_revocation_overtakes_ends_refused() {
    let gate = Gate::open(Config::default(), |w| vec![Gate::current(&w.federal, &[], w.now)]).await;
    let bad = gate.world.ice();
    // When it is halfway, its certificate has been checked and accepted.
    let mut half = in_time(gate.dial_half(gate.client(Some(&bad)))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let list = Gate::current(&gate.world.federal, std::slice::from_ref(&bad.serial), gate.world.now);
    let cut = gate.state.reload(material(&gate.server, &[list]), gate.world.registry()).unwrap();
    assert_eq!(cut, 0, "it is not yet among the living");
    half.write_all(PREFACE).await.unwrap();
    assert!(in_time(half.read_u8()).await.is_err());
    assert_eq!(gate.log.reasons(), ["certificate_revoked"]);
}

#[tokio::test]
async fn an_agency_struck_from_the_registry_is_cut() {
    let gate = Gate::plain().await;
    let mut stream = gate.admitted(&gate.world.ice()).await;
    let mut config = gate.world.config.clone();
    config.agencies.remove(0);
    let known = crate::identity::fixture::known();
    let registry = Registry::load(&config, std::path::Path::new("/"), &known).unwrap();
    assert_eq!(gate.state.reload(material(&gate.server, &[]), Arc::new(registry)).unwrap(), 1);
    assert!(in_time(stream.read_u8()).await.is_err());
}

#[tokio::test]
async fn a_connection_ends_at_its_age_and_with_its_certificate() {
    let gate = Gate::open(Config { connection_age_max_s: 1, ..Config::default() }, |_| Vec::new()).await;
    let mut stream = gate.admitted(&gate.world.ice()).await;
    assert!(in_time(stream.read_u8()).await.is_err());

    let gate = Gate::plain().await;
    let mut options = gate.world.options("us-ice");
    options.not_after = gate.world.now + SignedDuration::from_secs(3);
    let mut stream = gate.admitted(&gate.world.federal.issue(&options).unwrap()).await;
    assert!(in_time(stream.read_u8()).await.is_err());
}

#[tokio::test]
async fn one_agency_cannot_take_all_connections() {
    let gate = Gate::open(Config { connections_per_agency_max: 2, ..Config::default() }, |_| Vec::new()).await;
    let ice = gate.world.ice();
    let first = gate.admitted(&ice).await;
    let _second = gate.admitted(&ice).await;
    gate.refused(gate.client(Some(&ice)), "too_many_connections_of_agency").await;
    let doccs = gate.world.new_york.issue(&gate.world.options("us-ny-doccs")).unwrap();
    let _third = gate.admitted(&doccs).await;
    drop(first);
    in_time(async {
        while gate.state.live_connections() > 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let _fourth = gate.admitted(&ice).await;
}

#[tokio::test]
async fn a_socket_beyond_the_limit_waits_for_a_place() {
    let gate = Gate::open(Config { connections_max: 1, ..Config::default() }, |_| Vec::new()).await;
    let ice = gate.world.ice();
    let first = gate.admitted(&ice).await;
    let mut second = Box::pin(gate.try_with(gate.client(Some(&ice))));
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut second).await.is_err());
    drop(first);
    assert_eq!(in_time(second).await.0, Seen::Greeting);
}

#[tokio::test]
async fn a_session_is_never_resumed() {
    let gate = Gate::plain().await;
    let mut config = gate.client(Some(&gate.world.ice()));
    config.resumption = Resumption::in_memory_sessions(8);
    for _ in 0..2 {
        let (seen, stream) = gate.try_with(config.clone()).await;
        assert_eq!(seen, Seen::Greeting);
        let stream = stream.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0);
    }
}

#[tokio::test]
async fn shutdown_ends_the_loop_and_every_stream() {
    let gate = Gate::plain().await;
    let stream = gate.admitted(&gate.world.ice()).await;
    gate.shutdown.cancel();
    drop(stream);
    for task in gate.tasks {
        in_time(task).await.unwrap();
    }
    assert!(TcpStream::connect(gate.address).await.is_err());
}

#[tokio::test]
async fn every_list_of_a_file_and_of_an_authority_counts() {
    let gate = Gate::plain().await;
    let (world, hour) = (&gate.world, SignedDuration::from_hours(1));
    let (ice, gone) = (world.ice(), world.ice());
    let list = |authority: &DevelopmentAuthority, revoked: &[&IssuedCertificate], from: SignedDuration, to| {
        let serials: Vec<Vec<u8>> = revoked.iter().map(|one| one.serial.clone()).collect();
        authority.revoke(&serials, world.now + from, world.now + to).unwrap().pem
    };
    let mut others = Vec::new();
    for authority in [&world.new_york, &world.texas] {
        others.push(list(authority, &[], -hour, hour));
    }
    let check = async |lists: &[String], good: bool| {
        gate.state.reload(material(&gate.server, lists), world.registry()).unwrap();
        let _stream = gate.admitted(&ice).await;
        if good {
            drop(gate.admitted(&gone).await);
        } else {
            gate.refused(gate.client(Some(&gone)), "certificate_revoked").await;
        }
    };
    let revokes = list(&world.federal, &[&gone], -hour, hour);
    // The revoking list is found behind others in one file, in either order.
    let bundle = format!("{}{revokes}", others.concat());
    check(&[bundle], false).await;
    let ended = list(&world.federal, &[], -hour * 2, -hour);
    for lists in [[ended.clone(), revokes.clone()], [revokes.clone(), ended.clone()]] {
        check(&[lists.as_slice(), &others].concat(), false).await;
        check(&[lists.concat(), others.concat()], false).await;
    }
    // Of two current lists each counts, whichever is newer and whichever comes first.
    for (older, newer) in [(vec![&gone], vec![]), (vec![], vec![&gone])] {
        let two = [list(&world.federal, &older, -hour * 2, hour), list(&world.federal, &newer, -hour, hour * 2)];
        check(&[two.as_slice(), &others].concat(), false).await;
        let [older, newer] = two;
        check(&[[newer, older].as_slice(), &others].concat(), false).await;
    }
    check(&[[list(&world.federal, &[], -hour, hour)].as_slice(), &others].concat(), true).await;
}

#[tokio::test]
async fn what_has_ended_does_not_take_the_place_of_what_is_good() {
    let gate = Gate::plain().await;
    let (world, hour) = (&gate.world, SignedDuration::from_hours(1));
    let list = |authority: &DevelopmentAuthority, ends: SignedDuration| {
        authority.revoke(&[], world.now - hour * 2, world.now + ends).unwrap().pem
    };
    let reload = |server: &IssuedCertificate, lists: &[String]| {
        gate.state.reload(material(server, lists), world.registry()).map_err(|error| error.to_string())
    };
    let all = |federal: SignedDuration| {
        vec![list(&world.federal, federal), list(&world.new_york, hour), list(&world.texas, hour)]
    };
    assert_eq!(reload(&gate.server, &all(hour)), Ok(0));
    let left_without = "the authority us would be left without a revocation list that is current";
    assert_eq!(reload(&gate.server, &all(-hour)), Err(left_without.to_owned()));
    assert_eq!(reload(&gate.server, &all(hour)[1..]), Err(left_without.to_owned()));
    let own = |change: &dyn Fn(&mut CertificateOptions)| {
        let mut options = CertificateOptions::server(world.now);
        change(&mut options);
        gate.authority.issue(&options).unwrap()
    };
    let refused = |server: &IssuedCertificate, why: &str| {
        let why = format!("the gateway's own certificate {why}");
        assert_eq!(reload(server, &all(hour)), Err(why));
    };
    refused(&own(&|own| own.not_after = world.now - hour), "has expired");
    refused(&own(&|own| own.not_before = world.now + hour), "is not good yet");
    refused(&own(&|own| own.purposes = vec![Purpose::Client]), "may not be a server's (extended key usage)");
    // The trust before is still in force.
    let _stream = gate.admitted(&world.ice()).await;
    let said = gate.state.expiries().warnings(world.now);
    assert_eq!(said, Vec::<String>::new());
    let late = gate.state.expiries().warnings(world.now + SignedDuration::from_mins(50));
    assert!(late.iter().any(|warning| warning.starts_with("the revocation list of us ends at ")), "{late:?}");
    let ended = gate.state.expiries().warnings(world.now + hour);
    assert!(ended.contains(&"the revocation list of us is not current: its agencies are refused".to_owned()));
}

#[tokio::test]
async fn a_socket_that_says_nothing_holds_its_place_for_a_moment_and_an_address_holds_its_share() {
    let config =
        Config { first_byte_timeout_ms: 200, handshakes_max: 4, handshakes_per_address_max: 3, ..Config::default() };
    let gate = Gate::open(config, |_| Vec::new()).await;
    let start = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(gate.address).await.unwrap());
    }
    // One more handshake of this address is dropped at once.
    let mut more = TcpStream::connect(gate.address).await.unwrap();
    assert!(matches!(in_time(more.read(&mut [0])).await, Ok(0) | Err(_)));
    assert!(start.elapsed() < Duration::from_millis(200));
    for socket in &mut silent {
        assert!(matches!(in_time(socket.read(&mut [0])).await, Ok(0) | Err(_)));
    }
    assert!(start.elapsed() < Duration::from_secs(2), "not for as long as a handshake may last");
    let mut reasons = gate.log.reasons();
    reasons.sort();
    let timeout = "handshake_timeout";
    assert_eq!(reasons, [timeout, timeout, timeout, "too_many_handshakes_of_address"]);
    // An established connection holds no reservation any more.
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(gate.admitted(&gate.world.ice()).await);
    }
}

#[tokio::test]
async fn bad_material_leaves_the_old_in_force() {
    let gate = Gate::plain().await;
    let other = gate.authority.issue(&CertificateOptions::server(gate.world.now)).unwrap();
    let mixed = TlsMaterial::from_pem(gate.server.pem.as_bytes(), other.key_pem.as_bytes(), &[""; 0]).unwrap();
    assert!(matches!(gate.state.reload(mixed, gate.world.registry()), Err(TrustError::Tls(_))));
    assert!(matches!(TlsMaterial::from_pem(b"", b"", &[""; 0]), Err(TrustError::Pem { .. })));
    let _stream = gate.admitted(&gate.world.ice()).await;
}

/// Runs `without_descriptors` in a process of its own that may open few files.
#[test]
fn running_out_of_descriptors_does_not_spin() {
    let binary = std::env::current_exe().unwrap();
    let run = format!(
        "ulimit -n 64; exec {} --ignored --exact {}",
        binary.display(),
        module_path!().split_once("::").unwrap().1
    );
    let output = Command::new("sh").args(["-c", &format!("{run}::without_descriptors")]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "run by running_out_of_descriptors_does_not_spin under a descriptor limit"]
async fn without_descriptors() {
    let gate = Gate::open(Config { handshake_timeout_ms: 60_000, ..Config::default() }, |_| Vec::new()).await;
    let ice = gate.world.ice();
    let mut held = Vec::new();
    while let Ok(socket) = TcpStream::connect(gate.address).await {
        held.push(socket);
        assert!(held.len() < 1000, "no descriptor limit");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let failures = gate.log.lines().iter().filter(|line| line["fields"]["message"] == "cannot accept").count();
    assert!((1..=10).contains(&failures), "{failures} failed accepts in a second");
    held.clear();
    let _stream = gate.admitted(&ice).await;
}

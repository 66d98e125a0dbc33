//! What operators do with files, paths and probes, and what a gateway makes of it. Each was a fault once.

mod keys;
mod mutated;
mod restored;

use std::fs::{self, File, Permissions};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use comity::sandbox::Sandbox;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::process::Served;

fn comity() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_comity"));
    command.env_remove("COMITY_AUDIT_LOG").env_remove("COMITY_LOG");
    command
}

/// An exchange of its own, whose listeners take any free port.
fn exchange() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::establish(directory.path()).unwrap();
    let mut config = sandbox.config.clone();
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.server.ops_listen = "127.0.0.1:0".parse().unwrap();
    let path = directory.path().join("comity.toml");
    fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
    (directory, path)
}

fn check_config(path: &Path) -> Output {
    comity().args(["check-config", "--config"]).arg(path).output().unwrap()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
}

/// A gateway that runs. Killed when dropped.
struct Running {
    child: Child,
    grpc: SocketAddr,
    errors: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a gateway, with what it says on standard error kept. An error is what it said in place of being ready.
fn run(command: &mut Command, errors: &Path) -> Result<Running, String> {
    let errors = errors.to_owned();
    let mut child = command.stdout(Stdio::piped()).stderr(File::create(&errors).unwrap()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let Ok(said) = serde_json::from_str::<serde_json::Value>(&line) else {
        child.wait().unwrap();
        return Err(fs::read_to_string(errors).unwrap());
    };
    let grpc = said["grpc"].as_str().unwrap().parse().unwrap();
    Ok(Running { child, grpc, errors })
}

/// The gateway of a configuration, with further arguments before the command.
fn running(path: &Path, args: &[&str]) -> Running {
    run(comity().args(args).args(["serve", "--config"]).arg(path), &path.with_extension("errors")).unwrap()
}

/// Long enough on a machine that is busy with something else; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

async fn until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "it never came to be");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether it becomes ready, and stops when it is told to.
fn becomes_ready(command: &mut Command) -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    let mut running = run(command, &directory.path().join("errors"))?;
    // Time to die of what comes after it has said so.
    std::thread::sleep(Duration::from_millis(100));
    signal(&running.child, "TERM");
    let ended = running.child.wait().unwrap();
    if ended.success() { Ok(()) } else { Err(fs::read_to_string(&running.errors).unwrap()) }
}

fn serve(path: &Path) -> Result<(), String> {
    becomes_ready(comity().args(["serve", "--config"]).arg(path))
}

/// Serving and checking agree, and what is wrong is named.
fn both_refuse(path: &Path, why: &str) {
    let checked = check_config(path);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(!checked.status.success() && said.contains(why), "check-config: {said}");
    let said = serve(path).expect_err(why);
    assert!(said.contains(why), "serve: {said}");
    assert_eq!(said.matches(why).count(), 1, "said twice: {said}");
}

#[test]
fn what_serve_would_die_of_check_config_says() {
    let (directory, path) = exchange();
    let good = fs::read_to_string(&path).unwrap();
    assert!(check_config(&path).status.success());
    serve(&path).unwrap();
    let file = |name: &str| directory.path().join("certs").join(name);
    let kept = |name: &str| fs::read(file(name)).unwrap();
    let (own, key, list) = (kept("gateway.pem"), kept("gateway.key"), kept("us-ny.crl.pem"));
    let restore = || {
        fs::write(&path, &good).unwrap();
        for (name, text) in [("gateway.pem", &own), ("gateway.key", &key), ("us-ny.crl.pem", &list)] {
            fs::write(file(name), text).unwrap();
        }
        fs::set_permissions(file("gateway.key"), Permissions::from_mode(0o600)).unwrap();
    };
    let with_bom = [&[0xef, 0xbb, 0xbf][..], &own].concat();
    let encrypted = String::from_utf8(key.clone()).unwrap().replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let cases: Vec<(&str, &[u8], &str)> = vec![
        ("gateway.pem", b"", "the server certificate holds nothing in PEM"),
        ("gateway.pem", &with_bom, "the server certificate"),
        ("gateway.pem", &list, "the server certificate holds something else"),
        ("gateway.key", b"", "the server key holds nothing in PEM"),
        ("gateway.key", encrypted.as_bytes(), "the server key holds a section that cannot be read"),
        ("us-ny.crl.pem", b"", "us-ny.crl.pem holds nothing in PEM"),
        ("us-ny.crl.pem", b"\x30\x82\x01\x00", "us-ny.crl.pem holds nothing in PEM"),
        ("us-ny.crl.pem", &own, "us-ny.crl.pem holds something else"),
    ];
    for (name, text, why) in cases {
        fs::write(file(name), text).unwrap();
        both_refuse(&path, why);
        restore();
    }
    let other = fs::read(file("us-ice.key")).unwrap();
    fs::write(file("gateway.key"), other).unwrap();
    both_refuse(&path, "the gateway's own certificate cannot be used");
    restore();
    for name in ["gateway.pem", "gateway.key", "us-ny.crl.pem"] {
        fs::remove_file(file(name)).unwrap();
        both_refuse(&path, &format!("{name} cannot be read"));
        restore();
        fs::set_permissions(file("gateway.key"), Permissions::from_mode(0o600)).unwrap();
    }
    for mode in [0o644, 0o604, 0o660] {
        fs::set_permissions(file("gateway.key"), Permissions::from_mode(mode)).unwrap();
        both_refuse(&path, "gateway.key is open to others");
        restore();
    }
    // As Kubernetes has a secret of a pod with a group.
    fs::set_permissions(file("gateway.key"), Permissions::from_mode(0o440)).unwrap();
    fs::set_permissions(directory.path().join("keys/wrapping.key"), Permissions::from_mode(0o640)).unwrap();
    assert!(check_config(&path).status.success());
    serve(&path).unwrap();
    restore();
    let origin = |text: &str| good.replace("origin = \"comity.example\"", &format!("origin = \"{text}\""));
    for text in ["comity example", "comity\\texample", "", "https://comity.example", "comity.example/", "a+b"] {
        fs::write(&path, origin(text)).unwrap();
        both_refuse(&path, "[log] origin: must be a URL without its scheme");
    }
    restore();
}

/// Every number there is, at its worst: refused by both with its key and line, or served.
#[test]
fn every_number_has_a_range() {
    let (_directory, path) = exchange();
    let good = fs::read_to_string(&path).unwrap();
    let is_number =
        |line: &&str| line.split_once(" = ").is_some_and(|(_, value)| value.bytes().all(|byte| byte.is_ascii_digit()));
    let numbers: Vec<(usize, &str)> = good.lines().enumerate().filter(|(_, line)| is_number(line)).collect();
    assert!(numbers.len() > 35, "{numbers:?}");
    for (at, line) in numbers {
        let (key, _) = line.split_once(" = ").unwrap();
        for value in ["-1", "0", "1", "9223372036854775807"] {
            let lines = good.lines().enumerate();
            let changed =
                lines.map(|(place, line)| if place == at { format!("{key} = {value}") } else { line.to_owned() });
            fs::write(&path, changed.collect::<Vec<_>>().join("\n")).unwrap();
            let checked = check_config(&path);
            let said = String::from_utf8_lossy(&checked.stderr).into_owned();
            assert!(!said.contains("panicked"), "{key} = {value}: {said}");
            let told = said.contains(&format!("line {}, {key}: ", at + 1));
            assert!(checked.status.success() || told, "{key} = {value}: {said}");
            if checked.status.success() {
                assert!(["0", "1"].contains(&value), "{key} = {value} is taken");
                serve(&path).unwrap_or_else(|said| panic!("{key} = {value}: {said}"));
            }
        }
    }
}

#[test]
fn a_configuration_is_found_by_every_form_of_its_path() {
    let (directory, path) = exchange();
    let (inside, name) = (directory.path(), Path::new("comity.toml"));
    let below = inside.join("below");
    fs::create_dir(&below).unwrap();
    std::os::unix::fs::symlink(&path, below.join("link.toml")).unwrap();
    let serve_in =
        |cwd: &Path, config: &Path| becomes_ready(comity().current_dir(cwd).args(["serve", "--config"]).arg(config));
    for (cwd, config) in [
        (inside, name.to_owned()),
        (inside, Path::new(".").join(name)),
        (inside, path.clone()),
        (&below, Path::new("..").join(name)),
        (Path::new("/"), path.clone()),
        (inside.parent().unwrap(), Path::new(inside.file_name().unwrap()).join(name)),
    ] {
        serve_in(cwd, &config).unwrap_or_else(|said| panic!("{} in {}: {said}", config.display(), cwd.display()));
    }
    // A link is where it says that it is: what it names is looked for beside it, and said not to be there.
    let said = serve_in(&below, Path::new("link.toml")).unwrap_err();
    assert!(said.contains("cannot be read"), "{said}");
}

async fn http(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(format!("{request} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_ops_listener_answers_what_it_knows_and_nothing_else() {
    let served = Served::start("info", |_| {});
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(http(served.ops, &format!("GET {path}")).await, "HTTP/1.1 200 OK", "{path}");
        assert_eq!(http(served.ops, &format!("HEAD {path}")).await, "HTTP/1.1 200 OK", "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = http(served.ops, &format!("{method} {path}")).await;
            assert_eq!(answer, "HTTP/1.1 405 Method Not Allowed", "{method} {path}");
        }
    }
    for path in ["/", "/readyz/", "/healthz", "/ready", "//readyz", "/metrics/", "/nothing", "/livez/x", "/READYZ"] {
        for method in ["GET", "POST", "OPTIONS"] {
            assert_eq!(
                http(served.ops, &format!("{method} {path}")).await,
                "HTTP/1.1 404 Not Found",
                "{method} {path}"
            );
        }
    }
}

/// The question of `Health/Watch`, in frames that say everything by its name (RFC 9113 6, RFC 7541 6.2.2).
fn watching() -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/grpc.health.v1.Health/Watch"),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    let (data, end_stream, headers, end_headers) = (0, 1, 1, 4);
    let frame = |kind: u8, flags: u8, payload: &[u8]| {
        [&[0, 0, u8::try_from(payload.len()).unwrap(), kind, flags, 0, 0, 0, 1], payload].concat()
    };
    [frame(headers, end_headers, &block), frame(data, end_stream, &[0; 5])].concat()
}

#[tokio::test]
async fn whoever_watches_leaves_the_probes_their_places() {
    let served = Served::start("info", |_| {});
    // The preface of HTTP/2 and empty settings, and then no question, or one that is answered for as long as somebody reads.
    let hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let watch = [hello.as_slice(), &watching()].concat();
    let mut held = Vec::new();
    // As many as there are places, and then as many again.
    for at in 0..512 {
        let mut socket = TcpStream::connect(served.ops).await.unwrap();
        drop(socket.write_all(if at % 4 == 0 { hello } else { &watch }).await);
        held.push(socket);
        if held.len() % 128 == 0 {
            let asked = tokio::time::timeout(Duration::from_secs(2), http(served.ops, "GET /livez"));
            assert_eq!(asked.await.expect("/livez is kept out"), "HTTP/1.1 200 OK");
        }
    }
}

#[test]
fn what_is_no_place_for_a_store_is_refused_before_it_is_served() {
    let (directory, path) = exchange();
    let good = fs::read_to_string(&path).unwrap();
    let pipe = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let cases = [
        ("/dev/null", "it is no regular file"),
        (pipe.to_str().unwrap(), "it is no regular file"),
        (directory.path().to_str().unwrap(), "it is no regular file"),
        ("/proc/x", "no file can be made in its directory"),
        ("/sys/x", "no file can be made in its directory"),
        ("comity.toml/x", "its directory is none"),
        ("nowhere/comity.db", "its directory is not there"),
    ];
    for (store, why) in cases {
        fs::write(&path, good.replace("path = \"comity.db\"", &format!("path = {store:?}"))).unwrap();
        both_refuse(&path, why);
    }
    assert!(!Path::new("/dev/null-lock").exists());
    fs::write(&path, &good).unwrap();
    assert!(check_config(&path).status.success());
    let mut left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.retain(|name| name.to_string_lossy().starts_with("comity.db"));
    assert!(left.is_empty(), "a check leaves nothing behind: {left:?}");
}

/// Nobody is there to be asked, and nothing is there to be looked at.
#[test]
fn what_a_check_leaves_to_a_start_is_said() {
    let (directory, path) = exchange();
    let good = fs::read_to_string(&path).unwrap();
    let authority = directory.path().join("certs/gateway-ca.pem");
    let url = format!("postgres://comity@localhost:9/comity?sslrootcert={}", authority.display());
    fs::write(&path, good.replace("path = \"comity.db\"", &format!("url = {url:?}"))).unwrap();
    let checked = check_config(&path);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert!(said.contains("# not checked: postgres://comity@localhost:9/comity"), "{said}");
    assert!(!said.contains("look at this"), "{said}");
}

#[test]
fn a_store_is_one_file_by_whatever_name() {
    let (directory, path) = exchange();
    serve(&path).unwrap();
    let store = directory.path().join("comity.db");
    let other = directory.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::hard_link(&store, other.join("comity.db")).unwrap();
    let said = serve(&path).unwrap_err();
    assert!(said.contains("has a second name (a hard link)"), "{said}");
    fs::remove_file(other.join("comity.db")).unwrap();
    // By a symbolic link it is the same store, with the same lock and the same write-ahead log.
    std::os::unix::fs::symlink(&store, other.join("comity.db")).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let linked = directory.path().join("linked.toml");
    fs::write(&linked, text.replace("path = \"comity.db\"", "path = \"other/comity.db\"")).unwrap();
    serve(&linked).unwrap();
    let first = running(&path, &[]);
    let said = serve(&linked).unwrap_err();
    assert!(said.contains("another gateway has the store open"), "{said}");
    drop(first);
    assert!(!other.join("comity.db-wal").exists() && !other.join("comity.db-lock").exists());
}

#[tokio::test]
async fn audit_lines_go_on_after_a_rotation() {
    let (directory, path) = exchange();
    let log = directory.path().join("audit.log");
    let served = running(&path, &["--audit-log", log.to_str().unwrap()]);
    // Not TLS: refused, and one line.
    let knock = async || {
        let mut socket = TcpStream::connect(served.grpc).await.unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        drop(socket.read_to_end(&mut Vec::new()).await);
    };
    let text = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let refusals = |path: &Path| text(path).matches("connection_refused").count();
    knock().await;
    until(|| refusals(&log) == 1).await;
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    let rotated = directory.path().join("audit.log.1");
    fs::rename(&log, &rotated).unwrap();
    signal(&served.child, "HUP");
    until(|| log.exists()).await;
    knock().await;
    until(|| refusals(&log) == 1).await;
    assert_eq!(refusals(&rotated), 1);
    assert!(text(&rotated).contains("configuration_reloaded") && text(&log).contains("\"event\":\"continued\""));
    drop(served);
    // One that cannot be written is not begun with.
    let full = &mut comity();
    let said = becomes_ready(full.args(["--audit-log", "/dev/full", "serve", "--config"]).arg(&path)).unwrap_err();
    assert!(said.contains("No space left on device"), "{said}");
}

/// What a peer wrote is not in the log: a little of it not where nobody asked for what libraries say, and much of it not even then.
#[tokio::test]
async fn a_peer_does_not_write_into_the_log() {
    for (log, name) in [(&[][..], b"Zebulon Quackenbush".as_slice()), (&["--log", "info"], &[0xff; 16_000])] {
        let (_directory, path) = exchange();
        let served = running(&path, log);
        let before = fs::metadata(&served.errors).unwrap().len();
        let mut socket = TcpStream::connect(served.grpc).await.unwrap();
        drop(socket.write_all(&hello_to(name)).await);
        drop(socket.read_to_end(&mut Vec::new()).await);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let said = fs::read(&served.errors).unwrap();
        let said = String::from_utf8_lossy(&said[usize::try_from(before).unwrap()..]);
        let beginning: String = said.chars().take(400).collect();
        assert!(said.len() < 1_000, "{log:?}: {} bytes: {beginning}", said.len());
        assert!(!said.contains("Zebulon"), "{log:?}: {said}");
    }
}

/// A client hello in one record, to a server of this name (RFC 8446 4.1.2), which is none.
fn hello_to(name: &[u8]) -> Vec<u8> {
    let be = |len: usize| u16::try_from(len).unwrap().to_be_bytes();
    let list = [&[0][..], &be(name.len()), name].concat();
    let value = [&be(list.len())[..], &list].concat();
    let sni = [&[0, 0][..], &be(value.len()), &value].concat();
    let fixed = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 0x01, 1, 0]].concat();
    let hello = [fixed, be(sni.len()).to_vec(), sni].concat();
    let len = u32::try_from(hello.len()).unwrap().to_be_bytes();
    let handshake = [&[1][..], &len[1..], &hello].concat();
    [&[0x16, 3, 1][..], &be(handshake.len()), &handshake].concat()
}

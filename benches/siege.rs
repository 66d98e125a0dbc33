//! How a gateway serves an honest agency while others attack it. `comity serve` runs as its own process. Each attack of
//! `tests/it/availability/attack.rs` is measured in rounds, each next to a round without attack. Compare the medians of
//! the rounds.
//!
//! The goals: a handshake below half a second (from the socket to the first answer, at p99), a call at most three times
//! as long as without attack (twice beside an agency that calls twenty times as fast as it may), and memory below 256 MB. Missed goals are printed, and the exit code is then 1.
//!
//! `cargo bench --bench siege [-- --seconds N] [--rounds N] [--attack NAME]`

#[path = "../tests/it/availability/attack.rs"]
mod attack;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use comity::sandbox::{CONFIG_FILE, Sandbox};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;

use attack::{Agency, Attack, CHECKPOINT, Target, question};

const HANDSHAKE_MAX_MS: f64 = 500.0;
const CALL_RATIO_MAX: f64 = 3.0;
/// The same beside an agency that calls twenty times as fast as it may.
const SHARE_RATIO_MAX: f64 = 2.0;
const MEMORY_MAX_KIB: u64 = 256 * 1_024;
/// From the start of an attack until measuring begins: by then the attack has its full weight.
const RAMP: Duration = Duration::from_secs(2);
/// Between two honest calls.
const PAUSE: Duration = Duration::from_millis(5);

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    let given = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let told = |name: &str, default: u64| given(name).map_or(Ok(default), |text| text.parse());
    let (length, rounds) = (Duration::from_secs(told("--seconds", 5)?), told("--rounds", 3)?);
    let directory = tempfile::tempdir()?;
    let sandbox = Sandbox::establish(directory.path())?;
    let gateway = Gateway::start(directory.path(), &sandbox)?;
    let runtime = || {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(2).enable_all();
        runtime
    };
    // Real attackers compute on machines of their own. Here they share the processor, so they get of it what the gateway
    // and the honest agency leave: what they keep busy must not be measured as the gateway's delay.
    let (runtime, attackers) = (runtime().build()?, runtime().on_thread_start(yield_to_others).build()?);
    let mut out = std::io::stdout();
    writeln!(out, "{rounds} rounds of {} s, medians; milliseconds at p50 and p99", length.as_secs())?;
    let (mut all, mut missed) = (Vec::new(), Vec::new());
    let only = given("--attack");
    for attack in Attack::ALL.into_iter().filter(|attack| only.is_none_or(|only| format!("{attack:?}") == *only)) {
        let mut measured = Vec::new();
        for _ in 0..rounds {
            let peace = runtime.block_on(honest(&gateway, &sandbox, length))?;
            let target = Target::new(gateway.grpc, gateway.ops, Agency::of(&sandbox, attack.agency())?);
            let attacking = attackers.spawn(attack.go_on(Arc::clone(&target)));
            runtime.block_on(async { tokio::time::sleep(RAMP).await });
            let siege = runtime.block_on(honest(&gateway, &sandbox, length))?;
            attacking.abort();
            let made = [&target.connections, &target.begun].map(|made| made.load(Ordering::Relaxed));
            measured.push((peace, siege, (made[0], made[1])));
        }
        let of = |figure: &dyn Fn(&Round) -> f64| median(measured.iter().map(figure).collect());
        let handshake_p99 = of(&|(_, siege, _)| siege.handshakes.p99());
        let (call_p99, peace_p99) = (of(&|(_, siege, _)| siege.calls.p99()), of(&|(peace, ..)| peace.calls.p99()));
        let memory_kib = measured.iter().map(|(_, siege, _)| siege.memory_kib).max().unwrap_or_default();
        let refused: usize = measured.iter().map(|(peace, siege, _)| peace.refused + siege.refused).sum();
        let ratio = call_p99 / peace_p99;
        writeln!(
            out,
            "{:<18} handshake {:>7.1} {handshake_p99:>7.1}   call {:>6.1} {call_p99:>6.1}, in peace {peace_p99:>6.1}, \
             ratio {ratio:>5.2}   {:>4} MiB, {refused} refused",
            format!("{attack:?}"),
            of(&|(_, siege, _)| siege.handshakes.p50()),
            of(&|(_, siege, _)| siege.calls.p50()),
            memory_kib / 1_024,
        )?;
        let holds = [
            ("handshake", handshake_p99 < HANDSHAKE_MAX_MS),
            ("call", ratio <= if attack == Attack::TooFast { SHARE_RATIO_MAX } else { CALL_RATIO_MAX }),
            ("memory", memory_kib < MEMORY_MAX_KIB),
            ("refusals", refused == 0),
        ];
        missed.extend(holds.into_iter().filter(|(_, holds)| !holds).map(|(what, _)| format!("{attack:?}: {what}")));
        all.push(json!({
            "attack": format!("{attack:?}"), "handshake_p99_ms": handshake_p99, "call_p99_ms": call_p99,
            "call_p99_in_peace_ms": peace_p99, "memory_kib": memory_kib, "refused": refused,
            "connections": measured.iter().map(|(.., (connections, _))| connections).sum::<usize>(),
            "begun": measured.iter().map(|(.., (_, begun))| begun).sum::<usize>(),
        }));
    }
    writeln!(out, "{}", Value::from(all))?;
    if missed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "missed: {}", missed.join(", "))?;
    Ok(ExitCode::FAILURE)
}

/// What was measured in peace and beside an attack, and how many connections and calls the attack made.
type Round = (Honest, Honest, (usize, usize));

/// Gives this thread only what others leave of the processor (`SCHED_IDLE`).
fn yield_to_others() {
    let thread = std::fs::read_link("/proc/thread-self").ok();
    let id = thread.as_deref().and_then(Path::file_name).and_then(std::ffi::OsStr::to_str).map(str::to_owned);
    let put_behind = |id: &str| Command::new("chrt").args(["--idle", "--pid", "0", id]).status();
    if !id.is_some_and(|id| put_behind(&id).is_ok_and(|status| status.success())) {
        let _nobody_left_to_tell = writeln!(std::io::stderr(), "attackers take the processor from others");
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// In milliseconds.
#[derive(Default)]
struct Durations(Vec<f64>);

impl Durations {
    fn took(&mut self, begun: Instant) {
        self.0.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }

    fn at(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(place).copied().unwrap_or(f64::INFINITY)
    }

    fn p50(&self) -> f64 {
        self.at(50)
    }

    fn p99(&self) -> f64 {
        self.at(99)
    }
}

/// What an honest agency observed.
#[derive(Default)]
struct Honest {
    handshakes: Durations,
    calls: Durations,
    refused: usize,
    memory_kib: u64,
}

/// Calls on one connection, and connects again and again beside it, for a given time.
async fn honest(gateway: &Gateway, sandbox: &Sandbox, length: Duration) -> Result<Honest> {
    let agency = Agency::of(sandbox, "us-ny-doccs")?;
    let mut known = agency.connect(gateway.grpc).await?;
    let (begun, mut seen) = (Instant::now(), Honest::default());
    let question = question();
    while begun.elapsed() < length {
        let call = Instant::now();
        let on_known = known.call(CHECKPOINT, &question).await?;
        seen.calls.took(call);
        let handshake = Instant::now();
        let on_new = agency.connect(gateway.grpc).await?.call(CHECKPOINT, &question).await?;
        seen.handshakes.took(handshake);
        seen.refused += [on_known, on_new].iter().filter(|status| status.code() != Code::Ok).count();
        ensure!(alive(gateway.ops).await?, "the probe is not answered");
        seen.memory_kib = seen.memory_kib.max(gateway.memory_kib()?);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(seen)
}

async fn alive(ops: SocketAddr) -> Result<bool> {
    let mut socket = TcpStream::connect(ops).await?;
    socket.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

/// `comity serve` with its default configuration. Killed when dropped.
struct Gateway {
    child: Child,
    grpc: SocketAddr,
    ops: SocketAddr,
}

impl Gateway {
    fn start(directory: &Path, sandbox: &Sandbox) -> Result<Self> {
        let mut config = sandbox.config.clone();
        config.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.server.ops_listen = config.server.listen;
        let path = directory.join(CONFIG_FILE);
        std::fs::write(&path, toml::to_string(&config)?)?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_comity"))
            .arg("serve")
            .arg("--config")
            .arg(path)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(directory.join("log"))?)
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let ready: Value = serde_json::from_str(&line).context("it is not ready")?;
        let address = |name: &str| anyhow::Ok(ready.get(name).and_then(Value::as_str).context("no address")?.parse()?);
        Ok(Self { grpc: address("grpc")?, ops: address("ops")?, child })
    }

    fn memory_kib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

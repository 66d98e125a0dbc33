//! The demo: a synthetic year on a throw-away exchange and a simulated clock, with every agency as a client of its own.
//! Figures are counted from what each client saw and compared with the logs.

mod agencies;
mod agency_client;
mod answer;
mod calendar;
mod check;
mod counterpart;
mod custodian;
mod evidence;
mod federal;
mod inbox;
mod mix;
mod number;
mod person;
mod report;
mod requests;
mod roster;
mod tables;
mod tally;
mod year;

pub(crate) use answer::{lawful_answer, match_by_name};
pub use counterpart::Counterpart;
pub use number::number;

use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::config::{Config, StoreConfig, read_key, secret_files};
use crate::demo::check::Findings;
use crate::demo::evidence::PinnedKeys;
use crate::demo::mix::{ByOutcome, CaseMix};
use crate::demo::report::{RunParameters, Speed, Workspace};
use crate::demo::roster::Roster;
use crate::demo::year::Participants;
use crate::identity::clock::WallClock;
use crate::recorder::Clock;
use crate::sandbox::private_postgres::{Durability, PrivateServer};
use crate::sandbox::witness::Witnesses;
use crate::sandbox::{Sandbox, TRUST_DOMAIN};
use crate::server::{Environment, Gateway};
use crate::store::{StoreLocation, copy};
use crate::verify::{Claim, Verified, verify};

/// What to play, and where.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// People in New York who are still held at the end of the year. Default: as in the mix.
    pub detainers: Option<u64>,
    /// People in New York who are released during it. Default: as in the mix.
    pub released: Option<u64>,
    /// The seed that the year is drawn from.
    pub seed: u64,
    /// The mix that the year is drawn from, instead of the built-in one.
    pub mix: Option<PathBuf>,
    /// An empty or new directory that keeps the result.
    pub out: Option<PathBuf>,
    /// Says where the gateway's console and metrics are, and keeps it up after the year until an interrupt.
    pub watch: bool,
    /// A second store to play the year on.
    pub second: Option<SecondStore>,
}

/// The PostgreSQL database on which the year is also played.
#[derive(Debug, Clone)]
pub enum SecondStore {
    /// An empty database, by its address.
    At(String),
    /// A private server, started from the machine's PostgreSQL as an ordinary user.
    Private,
}

/// What is played, and where the output goes.
struct Play<'a> {
    options: &'a Options,
    out: &'a mut dyn Write,
    mix: CaseMix,
    in_new_york: ByOutcome<u64>,
    roster: Arc<Roster>,
}

/// A year that was played on one store, and verified.
struct Run {
    /// The name of the engine.
    engine: &'static str,
    place: StoreLocation,
    workspace: Workspace,
    findings: Findings,
    verified: Verified,
    speed: Speed,
    report: Value,
}

/// Plays the year and writes the results to `out`.
pub fn run(options: &Options, out: &mut dyn Write) -> Result<()> {
    let mix = CaseMix::read(options.mix.as_deref())?;
    let in_new_york = ByOutcome {
        outstanding: options.detainers.unwrap_or(mix.offences.outstanding.total),
        released: options.released.unwrap_or(mix.offences.released.total),
    };
    let roster = Arc::new(Roster::draw(&mix, in_new_york, options.seed)?);
    let mut session = Play { options, out, mix, in_new_york, roster };
    let parent = Workspace::parent(options.out.as_deref())?;
    let mut runs = vec![session.play(Workspace::make(&parent)?, "SQLite", StoreConfig::file("comity.db"))?];
    let mut server = None;
    if let Some(second) = &options.second {
        let workspace = Workspace::make(&parent)?;
        let url = match second {
            SecondStore::At(url) => url.clone(),
            SecondStore::Private => {
                let tls = Sandbox::establish(workspace.path())?.server_certificate()?;
                server.insert(PrivateServer::start(&workspace.path().join("postgres"), &tls, Durability::Synced)?).url()
            }
        };
        runs.push(session.play(workspace, "PostgreSQL", StoreConfig::server(url))?);
    }
    let Play { out, mix, .. } = session;
    let Some(last) = runs.last() else { return Ok(()) };
    for table in tables::all(&last.findings, &mix, in_new_york) {
        writeln!(out, "{}", format!("\n{table}").trim_end())?;
    }
    runs.iter().try_for_each(|run| print_run(run, out))?;
    compare(&runs, out)?;
    if let Some(directory) = &options.out {
        keep(last, directory, out)?;
    }
    Ok(())
}

impl Play<'_> {
    /// Plays the year on a store, in its own workspace.
    fn play(&mut self, workspace: Workspace, engine: &'static str, store: StoreConfig) -> Result<Run> {
        let sandbox = Sandbox::establish(workspace.path())?;
        let mut config = configuration(&sandbox, store);
        let _witness = Witnesses::start(&mut config, &sandbox, 1)?;
        let store = empty_store(&config, sandbox.directory())?;
        let checked = crate::server::check(&config, sandbox.directory(), &WallClock::system())?;
        let clock = Clock::simulated(calendar::time(0));
        let gateway = Gateway::start(
            &config,
            sandbox.directory(),
            Environment { clock: clock.clone(), ..Environment::default() },
        )?;
        writeln!(
            self.out,
            "{} people in {} jurisdictions, a year in steps of {} hours, seed {}; gateway on {}, {engine}",
            number(u64::try_from(self.roster.people.len())?),
            tables::jurisdictions(),
            calendar::STEP_HOURS,
            self.options.seed,
            gateway.grpc()
        )?;
        if self.options.watch {
            let ops = gateway.ops();
            writeln!(self.out, "watch it: http://{ops}/console, and the metrics at http://{ops}/metrics")?;
        }
        let pinned = PinnedKeys::new(gateway.verifier().clone(), TRUST_DOMAIN);
        let receipts = workspace.receipts();
        let access =
            agency_client::GatewayAccess { sandbox: &sandbox, address: gateway.grpc(), pinned, receipts: &receipts };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("clients").build()?;
        let played = runtime.block_on(async {
            tokio::select! {
                played = play(&access, &self.roster, &clock) => played,
                () = gateway.writer_ended() => bail!("the gateway's writer ended"),
                _ = tokio::signal::ctrl_c() => bail!("interrupted"),
            }
        });
        if self.options.watch && played.is_ok() {
            writeln!(self.out, "the year is over and the gateway stays up; an interrupt (Ctrl+C) ends it")?;
            runtime.block_on(async {
                tokio::select! {
                    () = gateway.writer_ended() => bail!("the gateway's writer ended"),
                    asked = tokio::signal::ctrl_c() => asked.context("no interrupt can be waited for"),
                }
            })?;
        }
        drop(runtime);
        let stopped = gateway.stop();
        let (findings, speed) = played?;
        stopped?;
        check::check_mix(&findings, &self.mix, self.in_new_york)?;
        let begun = Instant::now();
        let verified = verified(&sandbox, &store, &findings)?;
        let speed = Speed { verifying: begun.elapsed(), ..speed };
        let policy_digest = hex::encode(checked.policy_digest);
        let played =
            RunParameters { mix: &self.mix, in_new_york: self.in_new_york, seed: self.options.seed, policy_digest };
        let report = report::report(&played, &findings, verified, &speed);
        Ok(Run { engine, place: store, workspace, findings, verified, speed, report })
    }
}

/// Checks that everybody saw the same on each store, and prints the speeds side by side.
fn compare(runs: &[Run], out: &mut dyn Write) -> Result<()> {
    let [first, others @ ..] = runs else { return Ok(()) };
    if others.is_empty() {
        return Ok(());
    }
    for other in others {
        for part in ["figures", "custodies", "compared"] {
            ensure!(first.report.get(part) == other.report.get(part), "{part} differ on {}", other.engine);
        }
        // The log that a confirmation is in depends on the time it was made; the number of confirmations does not.
        let entries = |run: &Run| run.findings.entries.values().sum::<u64>();
        ensure!(entries(first) == entries(other), "the logs are of another size on {}", other.engine);
    }
    writeln!(out, "\nthe same year on {} stores, with the same figures:", runs.len())?;
    for Run { engine, speed, .. } in runs {
        writeln!(
            out,
            "  {engine:<12}{:>8} durable writes/s{:>8} entries/s   p50 {:>6.1} ms   p99 {:>6.1} ms",
            number(speed.per_second(speed.writes)),
            number(speed.per_second(speed.entries)),
            speed.p50.as_secs_f64() * 1_000.0,
            speed.p99.as_secs_f64() * 1_000.0,
        )?;
    }
    Ok(())
}

/// Keeps what others may look at. A database is copied into a file.
fn keep(run: &Run, directory: &Path, out: &mut dyn Write) -> Result<()> {
    if let StoreLocation::Server(_) = run.place {
        copy(&run.place, &StoreLocation::File(run.workspace.path().join("comity.db")), &mut |_, _| ())?;
    }
    run.workspace.keep(directory, &run.findings, &run.report)?;
    let directory = directory.display();
    writeln!(
        out,
        "\nkept in {directory}: comity.db, keys, checkpoints, receipts, report.json; now try: comity verify {directory}"
    )?;
    writeln!(
        out,
        "keys/wrapping.key opens the sealed content, which a real gateway would never give away: these people are made up"
    )?;
    Ok(())
}

/// A sandbox's configuration without rate limits, since a few agencies play for thousands here.
fn configuration(sandbox: &Sandbox, store: StoreConfig) -> Config {
    const A_LOT: NonZeroU32 = NonZeroU32::MIN.saturating_add(1_000_000);
    let mut config = sandbox.config.clone();
    config.store = store;
    config.rate.requests_per_s = A_LOT;
    config.rate.burst = A_LOT;
    config
}

/// The location of a store that has no shards and is empty: figures are compared with everything in it.
fn empty_store(config: &Config, base: &Path) -> Result<StoreLocation> {
    let (_, place) = config.store.locations(&config.jurisdictions, base)?.pop().context("nothing is kept")?;
    if let StoreLocation::Server(_) = place {
        // Opening the database creates its tables, so that it can be read.
        let reader = place.open(&[0; 32])?.reader();
        ensure!(reader.logs()?.is_empty(), "there are logs in the database: a demo wants one of its own");
    }
    Ok(place)
}

/// Plays the year and compares what was seen.
async fn play(
    access: &agency_client::GatewayAccess<'_>,
    roster: &Arc<Roster>,
    clock: &Clock,
) -> Result<(Findings, Speed)> {
    let participants = Participants::assemble(access, roster).await?;
    let year = Box::pin(participants.play(clock)).await?;
    let begun = Instant::now();
    let (mut promised, mut latencies) = (BTreeMap::new(), Vec::new());
    for client in participants.clients() {
        let (receipts, took) = client.finish()?;
        promised.insert(client.id, receipts);
        latencies.extend(took);
    }
    let findings = check::check(&participants, access.sandbox, access.address, promised).await?;
    latencies.sort_unstable();
    let at = |percent: usize| latencies.get(latencies.len() * percent / 100).copied().unwrap_or_default();
    let speed = Speed {
        writes: u64::try_from(latencies.len())?,
        entries: findings.entries.values().sum(),
        year,
        comparing: begun.elapsed(),
        verifying: Duration::ZERO,
        p50: at(50),
        p99: at(99),
    };
    Ok((findings, speed))
}

/// Verifies the closed store with every receipt, as `comity verify` does, against the checkpoints that oversight saw
/// last.
fn verified(sandbox: &Sandbox, store: &StoreLocation, findings: &Findings) -> Result<Verified> {
    let keys = sandbox.directory().join(&sandbox.config.keys.directory);
    let claim = Claim {
        store: store.clone(),
        directory: sandbox.directory().to_owned(),
        keys: vec![crate::ledger::VerifierKey::parse(&sandbox.log_key()?)?],
        wrapping_key: Some(*read_key(&keys.join(secret_files::WRAPPING))?),
        origin: TRUST_DOMAIN.to_owned(),
        against: findings.checkpoints.values().cloned().collect(),
    };
    let verified = verify(&claim).context("the store does not verify")?;
    ensure!(verified.receipts == findings.compared.receipts, "a receipt was lost");
    Ok(verified)
}

fn print_run(run: &Run, out: &mut dyn Write) -> Result<()> {
    let Run { engine, findings, verified, speed, .. } = run;
    let compared = &findings.compared;
    writeln!(
        out,
        "\n{engine}: {} writes in {:.1} s: {} durable writes/s, {} entries/s; p50 {:.1} ms, p99 {:.1} ms",
        number(speed.writes),
        speed.year.as_secs_f64(),
        number(speed.per_second(speed.writes)),
        number(speed.per_second(speed.entries)),
        speed.p50.as_secs_f64() * 1_000.0,
        speed.p99.as_secs_f64() * 1_000.0,
    )?;
    for (log, entries) in &findings.entries {
        writeln!(out, "  {log}: {} entries", number(*entries))?;
    }
    writeln!(
        out,
        "compared in {:.1} s: {} clients saw exactly what the logs hold for them ({} entries, {} narrowed since), and hold {} \
         receipts",
        speed.comparing.as_secs_f64(),
        compared.views,
        number(compared.entries),
        number(compared.narrowed),
        number(compared.receipts),
    )?;
    writeln!(
        out,
        "verified in {:.1} s: {} logs, {} entries, {} commitments opened, {} checkpoints, {} receipts: whole",
        speed.verifying.as_secs_f64(),
        verified.logs,
        number(verified.entries),
        number(verified.commitments),
        number(verified.checkpoints),
        number(verified.receipts),
    )?;
    Ok(())
}

//! The commands, one file for each. `--help` describes them.

mod admin;
mod audit;
mod backup;
mod bench;
mod call;
mod caller;
mod certs;
mod check_config;
mod completions;
mod config;
mod demo;
mod dev;
mod disclosures;
mod doctor;
mod export;
mod form;
mod health;
mod import;
mod inbox;
mod interrupt;
mod keys;
mod lodge;
mod logging;
mod man;
mod migrate;
mod niem;
mod output;
mod partner;
mod paths;
mod policy;
mod receipt;
mod rejects;
mod report;
mod resend;
mod roster;
mod serve;
mod service_manager;
mod token;
mod verify;
mod verify_receipt;
mod witness;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Args, CommandFactory as _, Parser, Subcommand};

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::audit::{Act, AuditFile, Outcome, host_name};
use crate::cli::output::{error_text, report_failure};
use crate::traces::Destination;

/// Comity: a gateway on which federal and state systems exchange detainer and release messages over mutual TLS, each
/// under its own law.
///
/// Start with `comity demo`, which plays a synthetic year on a throw-away exchange, or with `comity dev`, which makes
/// an exchange to try things on and serves it.
#[derive(Debug, Parser)]
#[command(version = env!("COMITY_VERSION"), max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    logging: LoggingArgs,
    #[command(subcommand)]
    command: Command,
}

/// What is logged, and where.
#[derive(Debug, Args)]
struct LoggingArgs {
    /// What to log, as `info` or `comity=debug,warn`. JSON lines on standard error.
    #[arg(long, global = true, env = "COMITY_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// The audit log: of a gateway that is served, a line for each call, connection and act of an operator (docs/audit.md);
    /// of a command that reads or changes a store, a line before and one after it, in a file that no gateway writes.
    /// Without it, denied calls and connections are logged on standard error.
    #[arg(long, global = true, env = "COMITY_AUDIT_LOG", value_name = "FILE")]
    audit_log: Option<PathBuf>,
    #[command(flatten)]
    traces: TracesArgs,
}

/// Where traces are sent.
#[derive(Debug, Args)]
#[command(next_help_heading = "Traces")]
struct TracesArgs {
    /// An OpenTelemetry collector that the spans of calls are sent to over gRPC, as `http://127.0.0.1:4317` (docs/traces.md).
    #[arg(
        long = "traces-to",
        id = "traces_to",
        global = true,
        env = "COMITY_TRACES_TO",
        value_name = "URL",
        hide_short_help = true
    )]
    to: Option<String>,
    /// The certificates that vouch for a collector at an `https://` URL.
    #[arg(
        long = "traces-authorities",
        id = "traces_authorities",
        global = true,
        env = "COMITY_TRACES_AUTHORITIES",
        value_name = "FILE",
        hide_short_help = true
    )]
    authorities: Option<PathBuf>,
    /// The share of calls that are traced, from 0 to 1.
    #[arg(
        long = "traces-share",
        id = "traces_share",
        global = true,
        env = "COMITY_TRACES_SHARE",
        value_name = "SHARE",
        default_value_t = 1.0,
        hide_short_help = true
    )]
    share: f64,
}

impl TracesArgs {
    fn destination(self) -> Option<Destination> {
        let Self { to, authorities, share } = self;
        to.map(|collector| Destination { collector, authorities, share })
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Plays the main job: a synthetic year of detainers between a federal and several state systems, with figures.
    Demo(demo::DemoArgs),
    /// Makes an exchange to try things on (once), and serves it.
    Dev(dev::DevArgs),
    /// Measures durable writes against a bare echo behind the same mutual TLS, in one run.
    Bench(bench::BenchArgs),
    /// Serves a gateway from its configuration.
    Serve(serve::ServeArgs),
    /// Calls any method of a gateway, from JSON to JSON.
    Call(call::CallArgs),
    /// Lodges the detainers of a file over one stream, and says of each line what became of it.
    Lodge(lodge::LodgeArgs),
    /// Holds a custodian's roster against its own open detainers and custodies, and says what it finds.
    Roster(roster::RosterArgs),
    /// Reads what waits for an agency in its inbox, decoded, a line for each entry.
    Inbox(inbox::InboxArgs),
    /// Reads a configuration with everything it names, says what holds, and serves nothing.
    CheckConfig(check_config::CheckConfigArgs),
    /// The configuration files: every key there is, and a file to begin with.
    Config(config::ConfigArgs),
    /// Looks at the machine and a configuration as a gateway would meet them, and says what to do. Exit code 1: it would not serve.
    Doctor(doctor::DoctorArgs),
    /// Copies a store to another place, from a file to a database or back, and verifies that nothing differs.
    Migrate(migrate::MigrateArgs),
    /// Writes what one audience may know of the logs, in plain files that public keys alone can check.
    Export(export::ExportArgs),
    /// Copies a store to a file while it is served, and verifies the copy.
    Backup(backup::BackupArgs),
    /// Puts a backup in place of a store that was lost. It is not served before it was held against a checkpoint from outside.
    Restore(backup::RestoreArgs),
    /// Changes keys of a gateway: puts its stores under a new wrapping key.
    Keys(keys::KeysArgs),
    /// Lists what was disclosed to whom, by the account that a store keeps.
    Disclosures(disclosures::DisclosuresArgs),
    /// Takes up what a requester published, as claims, apart from the exchange.
    Import(import::ImportArgs),
    /// Requests in the names of the National Information Exchange Model (NIEM 6), and back.
    Niem(niem::NiemArgs),
    /// A detainer on paper, for agencies that have no connection: pages to fill in, and what came back on them.
    Form(form::FormArgs),
    /// The law as data: checks a policy set, and holds it against its own cases.
    Policy(policy::PolicyArgs),
    /// Figures of detainers, for whom and from what they were counted; recomputes them, and says why two sides differ.
    Report(report::ReportArgs),
    /// Joining an exchange: an agency asks, the operator approves, the agency takes it up and tests itself.
    Partner(partner::PartnerArgs),
    /// Makes development certificates, keys and tokens. For production, see certs/README.md.
    Certs(certs::CertsArgs),
    /// Mints a bound token with an agency's key, for sandboxes.
    Token(token::TokenArgs),
    /// Asks a gateway's ops listener whether it serves. Exit code 0: yes; 1: no.
    Health(health::HealthArgs),
    /// Verifies a store, or an export, offline: every entry, commitment, head and receipt. Exit code 0: whole; 1: broken; others: nothing was verified.
    Verify(verify::VerifyArgs),
    /// What operators see of a gateway that runs, and do to it.
    Admin(admin::AdminArgs),
    /// The audit log of a gateway (`--audit-log`): verifies offline that nothing of it was taken out or changed.
    Audit(audit::AuditArgs),
    /// Receipts of past writes: shows what became of one, or verifies one offline and says what it proves.
    Receipt(receipt::ReceiptArgs),
    /// The older spelling of `receipt verify`.
    VerifyReceipt(verify_receipt::VerifyReceiptArgs),
    /// Cosigns the logs of others, so that nobody can be shown another history: makes a witness, and serves it.
    Witness(witness::WitnessArgs),
    /// Writes what a shell needs to complete these commands.
    Completions(completions::CompletionsArgs),
    /// Writes a manual page for each of these commands.
    #[command(hide = true)]
    Man(man::ManArgs),
}

impl Command {
    /// Whether it serves a gateway, whose calls have audit lines.
    fn is_gateway(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Dev(_) | Self::Demo(_) | Self::Bench(_))
    }

    /// The words of a command that reads or changes a store, or lets an agency in: an act of an operator, which has audit lines.
    fn audited(&self) -> Option<&'static str> {
        match self {
            Self::Migrate(_) => Some("migrate"),
            Self::Export(_) => Some("export"),
            Self::Backup(_) => Some("backup"),
            Self::Restore(_) => Some("restore"),
            Self::Keys(_) => Some("keys rotate"),
            Self::Disclosures(_) => Some("disclosures"),
            Self::Policy(args) => args.audited(),
            Self::Partner(args) => args.audited(),
            Self::Demo(_)
            | Self::Dev(_)
            | Self::Bench(_)
            | Self::Serve(_)
            | Self::Call(_)
            | Self::Lodge(_)
            | Self::Roster(_)
            | Self::Inbox(_)
            | Self::CheckConfig(_)
            | Self::Config(_)
            | Self::Doctor(_)
            | Self::Import(_)
            | Self::Niem(_)
            | Self::Form(_)
            | Self::Report(_)
            | Self::Certs(_)
            | Self::Token(_)
            | Self::Health(_)
            | Self::Verify(_)
            | Self::Admin(_)
            | Self::Audit(_)
            | Self::Receipt(_)
            | Self::VerifyReceipt(_)
            | Self::Witness(_)
            | Self::Completions(_)
            | Self::Man(_) => None,
        }
    }

    /// Whether what is logged is left out unless somebody asks for it: the output is for whoever runs it.
    fn is_quiet(&self) -> bool {
        matches!(
            self,
            Self::Demo(_)
                | Self::Bench(_)
                | Self::Call(_)
                | Self::Lodge(_)
                | Self::Roster(_)
                | Self::Inbox(_)
                | Self::Receipt(_)
                | Self::Partner(_)
                | Self::Form(_)
                | Self::Admin(_)
        )
    }
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let Cli { logging, command } = Cli::parse();
    let quiet = command.is_quiet();
    // A server drains on Ctrl-C. Its errors are logged as JSON, like its other lines.
    let serves = matches!(&command, Command::Serve(_) | Command::Dev(_))
        || matches!(&command, Command::Witness(args) if args.serves());
    let report_failure = if serves { report_failure_in_json } else { report_failure };
    let waits_for_it = serves || matches!(&command, Command::Demo(args) if args.watch);
    if !waits_for_it && let Err(error) = interrupt::ends_the_process() {
        return report_failure(&error.into());
    }
    if let Err(error) = keep_memory_to_itself() {
        return report_failure(&error);
    }
    // Only one process may write into one file.
    let writes = command.is_gateway() || command.audited().is_some();
    let audit_log = logging.audit_log.as_deref();
    let audit = match audit_file(audit_log.filter(|_| writes)) {
        Ok(audit) => audit,
        Err(error) => return report_failure(&error),
    };
    let traces = logging.traces.destination();
    // Held until the command has ended, since it sends what waits when it is dropped.
    let _sending = match logging::start(logging.log.as_deref(), audit.as_ref(), traces.as_ref(), quiet) {
        Ok(sending) => sending,
        Err(error) => return report_failure(&error),
    };
    let Some(words) = command.audited() else { return run(command, audit.as_ref(), audit_log) };
    let Some(file) = &audit else { return run(command, None, audit_log) };
    if let Err(error) = begin_command(file, words) {
        return report_failure(&error);
    }
    let code = run(command, audit.as_ref(), audit_log);
    let outcome = if code == ExitCode::SUCCESS { Outcome::Success } else { Outcome::Failure };
    // What it did stands. That nobody can say so later is an error all the same.
    match file.act(&Act::CommandEnded { command: words, outcome }) {
        Ok(()) => code,
        Err(error) => report_failure(&error.into()),
    }
}

/// Runs a command. `audit_log` names the file of the gateway that it asks about.
fn run(command: Command, audit: Option<&Arc<AuditFile>>, audit_log: Option<&Path>) -> ExitCode {
    let done = match command {
        Command::Demo(args) => demo::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Dev(args) => return ended(dev::run(&args, audit)),
        Command::Serve(args) => return ended(serve::run(&args, audit)),
        Command::Call(args) => return call::run(&args),
        Command::Lodge(args) => return lodge::run(&args),
        Command::Roster(args) => return roster::run(&args),
        Command::Inbox(args) => return inbox::run(&args),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Doctor(args) => {
            return doctor::run(&args, audit_log).unwrap_or_else(|error| report_failure(&error));
        }
        Command::Migrate(args) => migrate::run(&args),
        Command::Backup(args) => backup::run_backup(&args),
        Command::Restore(args) => backup::run_restore(&args),
        Command::Export(args) => return export::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Disclosures(args) => disclosures::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Niem(args) => niem::run(&args),
        Command::Form(args) => return form::run(&args),
        Command::Policy(args) => policy::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Partner(args) => {
            return partner::run(&args).unwrap_or_else(|error| report_failure(&error));
        }
        Command::Certs(args) => certs::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Health(args) => return health::run(&args),
        Command::Verify(args) => return verify::run(&args),
        Command::Admin(args) => return admin::run(&args),
        Command::Audit(args) => return audit::run(&args),
        Command::Receipt(args) => return receipt::run(&args),
        Command::VerifyReceipt(args) => return verify_receipt::run(&args),
        Command::Witness(args) => match witness::run(&args) {
            Ok(None) => Ok(()),
            Ok(Some(signal)) => return ended(Ok(signal)),
            Err(error) if args.serves() => return ended(Err(error)),
            Err(error) => Err(error),
        },
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report_failure(&error),
    }
}

/// Says who gives a command, on which machine, before it is done. What has no line is not done.
fn begin_command(file: &AuditFile, command: &str) -> anyhow::Result<()> {
    let begun = Act::CommandBegun {
        command,
        version: env!("COMITY_VERSION"),
        host: &host_name(),
        uid: rustix::process::getuid().as_raw(),
        pid: std::process::id(),
    };
    file.act(&begun).context("it is not done without its audit line")
}

/// Keeps what is in memory, keys and names, from being written to a core dump, and other processes of the user from reading
/// it (prctl(2), `PR_SET_DUMPABLE`).
fn keep_memory_to_itself() -> anyhow::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("core dumps cannot be turned off")
}

fn audit_file(path: Option<&Path>) -> anyhow::Result<Option<Arc<AuditFile>>> {
    let opened = path.map(|path| AuditFile::open(path).with_context(|| format!("cannot open {}", path.display())));
    opened.transpose()
}

/// Reports an error as a JSON line, among the other log lines of a server.
fn report_failure_in_json(error: &anyhow::Error) -> ExitCode {
    let line = serde_json::json!({
        "timestamp": jiff::Timestamp::now().to_string(),
        "level": "ERROR",
        "message": error_text(error),
        "target": "comity",
        "fatal": true,
    });
    let _ignored = writeln!(std::io::stderr(), "{line}");
    ExitCode::FAILURE
}

/// The exit code of a server.
fn ended(served: anyhow::Result<serve::StopSignal>) -> ExitCode {
    match served {
        Ok(serve::StopSignal::Terminated) => ExitCode::SUCCESS,
        Ok(serve::StopSignal::Interrupted) => interrupt::exit_code(),
        Err(error) => report_failure_in_json(&error),
    }
}

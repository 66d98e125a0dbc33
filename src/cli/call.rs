//! `comity call`: calls any method, from JSON to JSON.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::num::NonZeroU64;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use http::uri::PathAndQuery;
use serde::Serialize;
use serde_json::json;
use tonic::client::Grpc;
use tonic::{Code, Request};

use crate::cli::caller::CallerArgs;
use crate::cli::output::{ignore_closed, print_line};
use crate::client::{Authorized, Client, Error, Refused};
use crate::identity::strict_json;
use crate::wire::methods::{self, Method};
use crate::wire::raw_codec::RawCodec;

/// Exit code: the gateway answered with an error.
const REFUSED: u8 = 1;
/// Exit code: no call was made, since the command, the request or the credentials cannot be used.
const USAGE: u8 = 2;
/// Exit code: the gateway was not reached, or did not answer in time.
const UNREACHABLE: u8 = 3;

/// Arguments of `comity call`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    comity call --list\n  \
    comity call --describe LodgeDetainer > request.json   # then fill it in\n  \
    comity call --as us-ice DetainerService/LodgeDetainer @request.json\n  \
    comity call --as us-ny-doccs --limit 3 InboxService/Receive '{\"parent\": \"jurisdictions/us-ny\"}'\n\n\
    Exit code 0: answered; 1: refused by the gateway; 2: nothing was asked, since the command, the request or the \
    credentials cannot be used; 3: the gateway was not reached, or did not answer in time. What went wrong is one JSON \
    line on standard error. A write without a request_id is given one; calls are sent again where that is safe.")]
pub(super) struct CallArgs {
    /// The method, as DetainerService/LodgeDetainer: as much of its full name as means it alone.
    #[arg(value_name = "SERVICE/METHOD", required_unless_present_any = ["list", "describe"])]
    method: Option<String>,
    /// The request as JSON; @FILE: from a file; -: from standard input.
    #[arg(value_name = "JSON", default_value = "{}")]
    request: String,
    #[command(flatten)]
    caller: CallerArgs,
    /// Ends a stream after so many messages.
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroU64>,
    /// Longest a call may take, in seconds; ends a stream without an error. Default: 30, and no end to a stream.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Shows entries as the protocol carries them, their leaf and contents in base64. Default: decoded.
    #[arg(long)]
    raw: bool,
    /// Lists the methods.
    #[arg(long)]
    list: bool,
    /// Prints a request of a method to start from: what it may have, and a placeholder in what is required. A gateway
    /// refuses every placeholder.
    #[arg(long, value_name = "METHOD")]
    describe: Option<String>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    Usage(anyhow::Error),
    Call(Error),
    /// Some of many were refused.
    Refused(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Usage(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Call(error)
    }
}

impl CallArgs {
    fn shown(&self, method: &Method, answer: &[u8]) -> Result<serde_json::Value> {
        Ok(if self.raw { method.answer(answer)? } else { method.decoded_answer(answer)? })
    }
}

pub(super) fn run(args: &CallArgs) -> ExitCode {
    ended(call(args))
}

/// Reports an error and returns the exit code.
pub(super) fn ended(came: Result<(), Failure>) -> ExitCode {
    match came {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let (code, report) = failure.report();
            // If standard error is closed, there is nowhere to report.
            let _ignored = writeln!(io::stderr(), "{}", serde_json::json!(report));
            code.into()
        }
    }
}

fn call(args: &CallArgs) -> Result<(), Failure> {
    if args.list {
        return Ok(list()?);
    }
    if let Some(name) = &args.describe {
        return Ok(print(&format!("{:#}", named(name)?.example()))?);
    }
    let method = named(args.method.as_deref().unwrap_or_default())?;
    if method.is_client_streaming() {
        return Err(
            anyhow!("{} takes a stream of requests, which this command does not send", method.full_name()).into()
        );
    }
    let request = read_request(&args.request)?;
    // With a repeated key nobody can say which value is meant, and JSON parsers silently take the last.
    strict_json::check(&request).map_err(anyhow::Error::from)?;
    let request = method.request(&request).map_err(anyhow::Error::from)?;
    let mut config = args.caller.config()?;
    if let Some(timeout) = args.timeout.filter(|_| !method.is_server_streaming()) {
        config.retry.total_timeout = timeout;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("no runtime can be made")?;
    runtime.block_on(async {
        let connected = tokio::time::timeout(args.timeout.unwrap_or(Duration::MAX), Client::connect(config)).await;
        let calls = connected.map_err(|_| Error::OutOfTime)??.authorized();
        if method.is_server_streaming() {
            stream(args, method, request, calls).await
        } else {
            unary(args, method, request, calls).await
        }
    })
}

async fn unary(args: &CallArgs, method: &Method, request: Vec<u8>, calls: Authorized) -> Result<(), Failure> {
    let answer = send(calls, method, request).await?;
    Ok(print(&format!("{:#}", args.shown(method, &answer)?))?)
}

/// Sends an encoded request, and returns the encoded answer.
pub(super) async fn send(calls: Authorized, method: &Method, request: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let answer = grpc(calls).unary(Request::new(request), path(method)?, RawCodec).await.map_err(Error::from)?;
    Ok(answer.into_inner())
}

/// Prints a line for each message, until the stream ends, the limit is reached, or the time is up.
async fn stream(args: &CallArgs, method: &Method, request: Vec<u8>, calls: Authorized) -> Result<(), Failure> {
    let read = async {
        let path = path(method)?;
        let answers = grpc(calls).server_streaming(Request::new(request), path, RawCodec).await.map_err(Error::from)?;
        let mut answers = answers.into_inner();
        let mut left = args.limit.map(NonZeroU64::get);
        while left != Some(0)
            && let Some(answer) = answers.message().await.map_err(Error::from)?
        {
            print(&args.shown(method, &answer)?.to_string())?;
            left = left.map(|left| left.saturating_sub(1));
        }
        Ok(())
    };
    match args.timeout {
        Some(timeout) => tokio::time::timeout(timeout, read).await.unwrap_or(Ok(())),
        None => read.await,
    }
}

fn grpc(calls: Authorized) -> Grpc<Authorized> {
    // Accept an answer of any length.
    Grpc::new(calls).max_decoding_message_size(usize::MAX)
}

fn path(method: &Method) -> Result<PathAndQuery> {
    Ok(method.path().parse()?)
}

fn named(name: &str) -> Result<&'static Method> {
    methods::named(name).with_context(|| format!("{name}; comity call --list names them"))
}

fn list() -> Result<()> {
    let width = methods::all().map(|method| method.full_name().len()).max().unwrap_or_default();
    for method in methods::all() {
        print(format!("{:width$}  {}", method.full_name(), method.summary()).trim_end())?;
    }
    Ok(())
}

/// Prints a line on standard output, which may be closed.
pub(super) fn print(line: &str) -> Result<()> {
    ignore_closed(print_line(line))
}

fn read_request(argument: &str) -> Result<String> {
    if argument == "-" {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    match argument.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read {path}")),
        None => Ok(argument.to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration> {
    let timeout = Duration::try_from_secs_f64(text.parse()?)?;
    if timeout.is_zero() {
        bail!("must be more than nothing");
    }
    Ok(timeout)
}

/// The error report on standard error.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorReport<'a> {
    class: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Fault<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<f64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'a str, &'a str>,
}

#[derive(Debug, Serialize)]
struct Fault<'a> {
    field: &'a str,
    description: &'a str,
}

impl Failure {
    /// The exit code and the error report.
    fn report(&self) -> (u8, ErrorReport<'_>) {
        let said = |class, message| ErrorReport { class, message, ..ErrorReport::default() };
        match self {
            Self::Usage(error) => (USAGE, said("usage", format!("{error:#}"))),
            Self::Refused(error) => (REFUSED, said("refused", format!("{error:#}"))),
            Self::Call(Error::Refused(refused)) => (REFUSED, refusal(refused)),
            Self::Call(error @ (Error::Credentials(_) | Error::Token(_) | Error::Handler(_))) => {
                (USAGE, said("usage", chain(error)))
            }
            // The gateway answered, and what it answered does not hold.
            Self::Call(error @ Error::Evidence(_)) => (REFUSED, said("evidence", chain(error))),
            Self::Call(error @ (Error::Unreachable(_) | Error::OutOfTime)) => {
                (UNREACHABLE, said("unreachable", chain(error)))
            }
        }
    }
}

/// The error report, as JSON.
pub(super) fn report(failure: &Failure) -> serde_json::Value {
    json!(failure.report().1)
}

fn refusal(refused: &Refused) -> ErrorReport<'_> {
    let violations = refused.violations.iter();
    ErrorReport {
        class: "refused",
        code: Some(code_word(refused.code)),
        reason: Some(&refused.reason),
        message: refused.message.clone(),
        violations: violations.map(|fault| Fault { field: &fault.field, description: &fault.description }).collect(),
        retry_after_s: refused.retry_after.map(|after| after.as_secs_f64()),
        metadata: refused.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
    }
}

/// The code as the protocol spells it: `PERMISSION_DENIED`.
fn code_word(code: Code) -> String {
    let mut word = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(letter.to_ascii_uppercase());
    }
    word
}

/// An error with its causes.
fn chain(error: &Error) -> String {
    format!("{:#}", anyhow::Error::new(error.clone()))
}

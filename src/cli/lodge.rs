//! `comity lodge`: lodges the detainers of a file over one stream, and says of each line what became of it.

use std::collections::{HashMap, VecDeque};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;
use futures_util::stream;
use serde_json::json;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::cli::call::{Failure, ended, print, report};
use crate::cli::caller::CallerArgs;
use crate::client::{Client, Error};
use crate::identity::strict_json;
use crate::ledger;
use crate::wire::v1::lodge_detainers_response::Outcome;
use crate::wire::{Message as _, failure, methods, v1};

/// A stream that broke is opened again for so long without an answer in between.
const PATIENCE: Duration = Duration::from_mins(1);
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Arguments of `comity lodge`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    comity lodge --as us-ice detainers.jsonl > answers.jsonl\n\n\
    Each line of the file is a request as `comity call --describe LodgeDetainer` shows it, on one line. A line without a \
    request_id is given one that follows from what it says, so that the same file can be sent again: what was recorded is \
    answered as before, and nothing twice. Each line of the output says what became of a line, in their order. \
    Exit codes as of `comity call`; 1: some were refused.")]
pub(super) struct LodgeArgs {
    /// The requests, one JSON object a line; -: from standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    caller: CallerArgs,
}

/// A line of the file.
#[derive(Debug, Clone)]
struct Line {
    number: usize,
    request: v1::LodgeDetainerRequest,
}

pub(super) fn run(args: &LodgeArgs) -> ExitCode {
    ended(lodge(args))
}

fn lodge(args: &LodgeArgs) -> Result<(), Failure> {
    // All of it is read before anything is sent: a file that cannot be sent is not sent in part.
    let mut waiting: VecDeque<Line> = lines(&text(&args.file)?)?.into();
    let config = args.caller.config()?;
    let all = waiting.len();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let refused = runtime.context("no runtime can be made")?.block_on(async {
        let client = Client::connect(config).await?;
        let (mut refused, mut heard) = (0_usize, Instant::now());
        while !waiting.is_empty() {
            let left = waiting.len();
            let broken = send(&client, &mut waiting, &mut refused).await?;
            heard = if waiting.len() < left { Instant::now() } else { heard };
            if let Some(broken) = broken {
                if heard.elapsed() > PATIENCE {
                    return Err(Error::from(broken).into());
                }
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
        Ok::<usize, Failure>(refused)
    })?;
    if refused > 0 {
        return Err(Failure::Refused(anyhow!("{refused} of {all} lines were refused; each says why")));
    }
    Ok(())
}

/// Sends what waits, and takes off what is answered. Returns why the stream broke before it was over, where it may be sent
/// again.
async fn send(client: &Client, waiting: &mut VecDeque<Line>, refused: &mut usize) -> Result<Option<Status>, Failure> {
    let items: Vec<_> = waiting.iter().map(|Line { request, .. }| request.clone()).collect();
    let items = stream::iter(items.into_iter().map(|request| v1::LodgeDetainersRequest { request: Some(request) }));
    let mut answers = match client.detainers().lodge_detainers(items).await {
        Ok(answers) => answers.into_inner(),
        Err(status) => return broken(status).map(Some),
    };
    loop {
        let answer = match answers.message().await {
            Ok(Some(answer)) => answer,
            Ok(None) if waiting.is_empty() => return Ok(None),
            Ok(None) => return Err(anyhow!("the stream ended before every line was answered").into()),
            Err(status) => return broken(status).map(Some),
        };
        let line = waiting.pop_front().context("more was answered than was sent")?;
        if answer.request_id != line.request.request_id {
            return Err(anyhow!("line {} was answered with the request id of another", line.number).into());
        }
        if matches!(answer.outcome, Some(Outcome::Error(_))) {
            *refused = refused.saturating_add(1);
        }
        print(&said(&line, answer.outcome)?.to_string())?;
    }
}

fn said(line: &Line, outcome: Option<Outcome>) -> anyhow::Result<serde_json::Value> {
    let (line, request_id) = (line.number, &line.request.request_id);
    Ok(match outcome.context("an answer says nothing")? {
        Outcome::Response(lodged) => {
            let receipt = lodged.receipt.context("an answer without a receipt")?;
            let name = lodged.detainer.map(|detainer| detainer.name);
            json!({ "line": line, "request_id": request_id, "detainer": name, "log": receipt.log, "index": receipt.index })
        }
        Outcome::Error(error) => {
            let refused = Failure::Call(Error::from(failure::status(error)));
            json!({ "line": line, "request_id": request_id, "error": report(&refused) })
        }
    })
}

/// Whether the rest may be sent again by another stream.
fn broken(status: Status) -> Result<Status, Failure> {
    // A token that ran out is renewed with the next stream.
    let again = matches!(status.code(), Code::Unavailable | Code::ResourceExhausted | Code::Unauthenticated);
    if again { Ok(status) } else { Err(Error::from(status).into()) }
}

fn text(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn lines(text: &str) -> anyhow::Result<Vec<Line>> {
    let method = methods::named("DetainerService/LodgeDetainer")?;
    let mut seen: HashMap<&str, u64> = HashMap::new();
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let at = || format!("line {number}");
        strict_json::check(line).with_context(at)?;
        let encoded = method.request(line).with_context(at)?;
        let mut request = v1::LodgeDetainerRequest::decode(encoded.as_slice()).with_context(at)?;
        let before = seen.entry(line).or_default();
        if request.request_id.is_empty() {
            request.request_id = id_of(line, *before).to_string();
        }
        *before = before.saturating_add(1);
        lines.push(Line { number, request });
    }
    ensure!(!lines.is_empty(), "there is nothing to lodge in it");
    Ok(lines)
}

/// The request id that follows from a text: another for each time that the same text came before. A UUID of version 8 (RFC 9562).
pub(super) fn id_of(line: &str, before: u64) -> Uuid {
    let named = [line.as_bytes(), &before.to_be_bytes()].concat();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(ledger::leaf_hash(&named).as_bytes()).for_each(|(to, from)| *to = *from);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"parent": "jurisdictions/us-ny"}"#;

    #[test]
    fn the_same_file_has_the_same_request_ids_and_each_line_its_own() {
        let text = format!("{LINE}\n\n{LINE}\n{{\"requestId\": \"0198c0de-0000-7000-8000-000000000001\"}}\n");
        let [first, second] = [&text, &text].map(|text| lines(text).unwrap());
        let ids = |lines: &[Line]| lines.iter().map(|line| line.request.request_id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&first), ids(&second));
        assert_eq!(first.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 3, 4]);
        assert_ne!(first[0].request.request_id, first[1].request.request_id);
        assert_eq!(first[2].request.request_id, "0198c0de-0000-7000-8000-000000000001");
        assert_eq!(first[0].request.request_id.parse::<Uuid>().unwrap().get_version_num(), 8);
    }

    #[test]
    fn a_file_that_cannot_be_sent_is_not_sent_in_part() {
        for (text, expected) in [
            ("", "nothing to lodge"),
            (r#"{"bail": 1}"#, "line 1"),
            (r#"{"parent": "a", "parent": "b"}"#, "line 1"),
            ("{}\nnot json", "line 2"),
        ] {
            let error = format!("{:#}", lines(text).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}

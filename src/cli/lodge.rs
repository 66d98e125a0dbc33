//! `comity lodge`: lodges the detainers of a file over one stream, and says of each line what became of it.

use std::collections::{HashMap, VecDeque};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;
use futures_util::stream;
use serde_json::json;
use tonic::{Response, Status, Streaming};
use uuid::Uuid;

use crate::cli::call::{Failure, ended, print, report};
use crate::cli::caller::CallerArgs;
use crate::cli::resend::{Resent, request_id, send_all};
use crate::client::{Client, Error};
use crate::identity::strict_json;
use crate::wire::v1::lodge_detainers_response::Outcome;
use crate::wire::{Message as _, failure, methods, v1};

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
    let waiting: VecDeque<Line> = lines(&text(&args.file)?)?.into();
    let config = args.caller.config()?;
    let all = waiting.len();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut lodging = Lodging { waiting, refused: 0 };
    runtime.context("no runtime can be made")?.block_on(async {
        let client = Client::connect(config).await?;
        send_all(&client, &mut lodging).await
    })?;
    if lodging.refused > 0 {
        return Err(Failure::Refused(anyhow!("{} of {all} lines were refused; each says why", lodging.refused)));
    }
    Ok(())
}

/// The lines that are yet to be answered, and how many were refused.
struct Lodging {
    waiting: VecDeque<Line>,
    refused: usize,
}

impl Resent for Lodging {
    type Answer = v1::LodgeDetainersResponse;

    fn left(&self) -> usize {
        self.waiting.len()
    }

    async fn open(&mut self, client: &Client) -> Result<Streaming<Self::Answer>, Status> {
        let items: Vec<_> = self.waiting.iter().map(|Line { request, .. }| request.clone()).collect();
        let items = stream::iter(items.into_iter().map(|request| v1::LodgeDetainersRequest { request: Some(request) }));
        client.detainers().lodge_detainers(items).await.map(Response::into_inner)
    }

    fn take(&mut self, answer: Self::Answer) -> Result<(), Failure> {
        let line = self.waiting.pop_front().context("more was answered than was sent")?;
        if answer.request_id != line.request.request_id {
            return Err(anyhow!("line {} was answered with the request id of another", line.number).into());
        }
        if matches!(answer.outcome, Some(Outcome::Error(_))) {
            self.refused = self.refused.saturating_add(1);
        }
        Ok(print(&said(&line, answer.outcome)?.to_string())?)
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

/// The request id of a line: another for each time that the same line came before.
fn id_of(line: &str, before: u64) -> Uuid {
    request_id(&[line.as_bytes(), &before.to_be_bytes()].concat())
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

//! `comity form`: a detainer on paper, and what came back on it.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::call::{self, Failure, ended, print};
use crate::cli::caller::CallerArgs;
use crate::cli::resend::request_id;
use crate::client::{Client, Error};
use crate::identity::strict_json;
use crate::ledger::{self, Checkpoint, Receipt};
use crate::paper::{self, Proof};
use crate::wire::v1::list_receipts_request::Of;
use crate::wire::{Message as _, methods, v1};

/// The longest file that is read, in bytes. What is too long for a form `paper` says.
const FILE_LEN_MAX: u64 = 8 << 20;

/// Arguments of `comity form`.
#[derive(Debug, Args)]
pub(super) struct FormArgs {
    #[command(subcommand)]
    way: Way,
}

#[derive(Debug, Subcommand)]
enum Way {
    /// Writes a detainer as pages with a return section that can be filled in, as PDF (docs/paper.md).
    Render(RenderArgs),
    /// Takes the return section of a form that was filled in, and prints the requests in it, or sends them.
    Read(ReadArgs),
}

/// Arguments of `comity form render`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    comity form render jurisdictions/us-ny/detainers/0198c0de-... --as us-ice --out detainer.pdf\n  \
    comity form render --from lodged.json --out detainer.pdf   # the answer of LodgeDetainer or GetDetainer, kept as JSON")]
struct RenderArgs {
    /// The detainer, asked of a gateway.
    #[arg(value_name = "DETAINER", required_unless_present = "from", conflicts_with = "from")]
    detainer: Option<String>,
    /// An answer of `LodgeDetainer` or `GetDetainer`, JSON, instead of a gateway.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    #[command(flatten)]
    caller: CallerArgs,
    /// The form.
    #[arg(long = "out", value_name = "FILE")]
    output: PathBuf,
}

/// Arguments of `comity form read`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    comity form read returned.pdf\n  \
    comity form read returned.pdf --send --as us-ny-doccs --officer\n\n\
    Each request is a line of JSON: its method, and what `comity call` takes for it. With --send each is sent in its order and \
    answered by a line; the first that is refused ends it. The same form read again gives the same request ids, so nothing is recorded \
    twice. Exit codes as of `comity call`.")]
struct ReadArgs {
    /// The form.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Sends the requests. An officer enters them: --officer, or a token that says so.
    #[arg(long)]
    send: bool,
    #[command(flatten)]
    caller: CallerArgs,
}

pub(super) fn run(args: &FormArgs) -> ExitCode {
    ended(match &args.way {
        Way::Render(args) => render(args),
        Way::Read(args) => read(args),
    })
}

fn render(args: &RenderArgs) -> Result<(), Failure> {
    let (detainer, receipt) = match (&args.from, &args.detainer) {
        (Some(file), _) => kept(file)?,
        (None, Some(name)) => runtime()?.block_on(asked(&args.caller, name))?,
        (None, None) => return Err(anyhow!("of what? A detainer, or --from").into()),
    };
    let proof = receipt.as_ref().map(proof).transpose()?;
    let pdf = paper::render(&detainer, proof.as_ref(), jiff::Timestamp::now()).map_err(anyhow::Error::from)?;
    fs::write(&args.output, pdf).with_context(|| format!("cannot write {}", args.output.display()))?;
    Ok(())
}

/// A detainer and its receipt, as an answer has them.
fn kept(file: &Path) -> anyhow::Result<(v1::Detainer, Option<v1::Receipt>)> {
    let text = String::from_utf8(bytes(file)?).context("not JSON")?;
    strict_json::check(&text)?;
    // The answer of GetDetainer has the detainer under the same name, and no receipt.
    let answer = methods::named("LodgeDetainer")?.read_answer(&text)?;
    let answer = v1::LodgeDetainerResponse::decode(answer.as_slice())?;
    Ok((answer.detainer.context("there is no detainer in it")?, answer.receipt))
}

/// A detainer as a gateway shows it, and the first receipt that the caller may have of it.
async fn asked(caller: &CallerArgs, name: &str) -> Result<(v1::Detainer, Option<v1::Receipt>), Failure> {
    let client = Client::connect(caller.config()?).await?;
    let detainer = detainer(&client, name).await?;
    let of = v1::ListReceiptsRequest { of: Some(Of::Resource(name.to_owned())), ..Default::default() };
    let receipts = client.ledger().list_receipts(of).await.map_err(Error::from)?.into_inner().receipts;
    Ok((detainer, receipts.into_iter().next().and_then(|staged| staged.receipt)))
}

async fn detainer(client: &Client, name: &str) -> Result<v1::Detainer, Failure> {
    let asked = client.detainers().get_detainer(v1::GetDetainerRequest { name: name.to_owned() }).await;
    let answer = asked.map_err(Error::from)?.into_inner();
    Ok(answer.detainer.context("the gateway answered without a detainer")?)
}

/// What the code in the corner says of a receipt.
fn proof(receipt: &v1::Receipt) -> anyhow::Result<Proof> {
    let parsed = Receipt::parse(&receipt.proof)?;
    let checkpoint = Checkpoint::unverified(&parsed.checkpoint)?;
    Ok(Proof {
        leaf_hash: hex::encode(ledger::leaf_hash(&receipt.leaf).as_bytes()),
        origin: checkpoint.origin().to_owned(),
        size: checkpoint.size(),
    })
}

fn read(args: &ReadArgs) -> Result<(), Failure> {
    let returned = paper::read(&bytes(&args.file)?, |text| request_id(text.as_bytes())).map_err(anyhow::Error::from)?;
    if !args.send {
        for (method, request) in &returned.requests {
            print(&json!({ "method": method, "request": request }).to_string())?;
        }
        return Ok(());
    }
    if args.caller.is_minted() && !args.caller.is_officer() {
        return Err(anyhow!("a form is entered by an officer: --officer").into());
    }
    runtime()?.block_on(async {
        let client = Client::connect(args.caller.config()?).await?;
        let stands = detainer(&client, &returned.detainer).await?;
        if stands.version != returned.version {
            return Err(anyhow!(
                "the form is of version {} of the request, which is at version {} now: it was amended since",
                returned.version,
                stands.version
            )
            .into());
        }
        let calls = client.authorized();
        for (method, request) in &returned.requests {
            let method = methods::named(method).map_err(anyhow::Error::from)?;
            let encoded = method.request(&request.to_string()).map_err(anyhow::Error::from)?;
            let answer = call::send(calls.clone(), method, encoded).await?;
            let answer = method.decoded_answer(&answer).map_err(anyhow::Error::from)?;
            print(&json!({ "method": method.name(), "answer": answer }).to_string())?;
        }
        Ok(())
    })
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime can be made")
}

fn bytes(file: &Path) -> anyhow::Result<Vec<u8>> {
    let source = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    let mut bytes = Vec::new();
    let read = source.take(FILE_LEN_MAX.saturating_add(1)).read_to_end(&mut bytes);
    read.with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(u64::try_from(bytes.len())? <= FILE_LEN_MAX, "{} is longer than {FILE_LEN_MAX} bytes", file.display());
    if bytes.is_empty() {
        bail!("{} is empty", file.display());
    }
    Ok(bytes)
}

//! `comity niem`: requests in NIEM names, and back.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cli::call::print;
use crate::identity::strict_json;
use crate::niem;
use crate::wire::methods;

/// Longest request or document that is read, in bytes. A request with all that the contract takes has some 200,000.
const LEN_MAX: u64 = 1 << 20;

/// Arguments of `comity niem`.
#[derive(Debug, Args)]
pub(super) struct NiemArgs {
    #[command(subcommand)]
    way: Way,
}

#[derive(Debug, Subcommand)]
enum Way {
    /// Writes a request, as `comity call` takes it, as a NIEM 6 document (docs/niem.md).
    Export(ExportArgs),
    /// Reads a NIEM 6 document, writes the request that it is, and says of which method.
    Import(ImportArgs),
}

/// Arguments of `comity niem export`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  comity niem export LodgeDetainer --in request.json --out detainer.niem.json")]
struct ExportArgs {
    /// The method that it is a request of, as `LodgeDetainer`.
    #[arg(value_name = "METHOD")]
    method: String,
    /// The request, JSON; -: from standard input.
    #[arg(long = "in", value_name = "FILE", default_value = "-")]
    input: PathBuf,
    /// The document. Default: standard output.
    #[arg(long = "out", value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Arguments of `comity niem import`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  comity call --as us-ice \
                        \"$(comity niem import --in detainer.niem.json --out request.json)\" @request.json")]
struct ImportArgs {
    /// The document, NIEM 6 JSON; -: from standard input.
    #[arg(long = "in", value_name = "FILE", default_value = "-")]
    input: PathBuf,
    /// The request. The method is then printed on standard output. Default: the request goes to standard output.
    #[arg(long = "out", value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &NiemArgs) -> Result<()> {
    match &args.way {
        Way::Export(args) => export(args),
        Way::Import(args) => import(args),
    }
}

fn export(args: &ExportArgs) -> Result<()> {
    let method = methods::named(&args.method).with_context(|| args.method.clone())?;
    let request = method.canonical_request(&text(&args.input)?)?;
    let document = niem::export(method.name(), &request)?;
    write(args.output.as_deref(), &document)
}

fn import(args: &ImportArgs) -> Result<()> {
    let (method, request) = niem::import(&serde_json::from_str(&text(&args.input)?).context("not JSON")?)?;
    // Whatever the tables let through the contract may still refuse.
    methods::named(method)?.request(&request.to_string())?;
    write(args.output.as_deref(), &request)?;
    if args.output.is_some() { print(method) } else { Ok(()) }
}

/// JSON in which no name stands twice.
fn text(path: &Path) -> Result<String> {
    let source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).with_context(|| format!("cannot open {}", path.display()))?)
    };
    let mut text = String::new();
    let read = source.take(LEN_MAX.saturating_add(1)).read_to_string(&mut text);
    read.with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(u64::try_from(text.len())? <= LEN_MAX, "more than {LEN_MAX} bytes");
    strict_json::check(&text)?;
    Ok(text)
}

fn write(path: Option<&Path>, value: &Value) -> Result<()> {
    let Some(path) = path else { return print(&format!("{value:#}")) };
    let mut file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    writeln!(file, "{value:#}").with_context(|| format!("cannot write {}", path.display()))
}

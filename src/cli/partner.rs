//! `comity partner`: how an agency joins an exchange, from both sides. The room `partner` does the work.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use clap::{ArgGroup, Args, Subcommand};
use jiff::Timestamp;

use crate::cli::output::{ignore_closed, print_line};
use crate::cli::paths::base_directory;
use crate::config::Config;
use crate::domain::agency::{AgencyClass, AgencyKind};
use crate::domain::ids::{AgencyId, JurisdictionId, Ori};
use crate::files::read_secret;
use crate::identity::registry::Registry;
use crate::partner::{
    self, Approval, CertificateFrom, CheckedRequest, Fingerprint, Gateway, Registered, Story, Terms, Wish, files,
};

/// The longest request, approval or report, in bytes.
const FILE_LEN_MAX: u64 = 1_024 * 1_024;

/// Arguments of `comity partner`.
#[derive(Debug, Args)]
pub(super) struct PartnerArgs {
    #[command(subcommand)]
    command: PartnerCommand,
}

#[derive(Debug, Subcommand)]
enum PartnerCommand {
    /// The agency: makes keys that never leave their directory, and a request to send to the operator.
    Request(RequestArgs),
    /// The operator: checks a request against the registry, has its key certified, and writes the agency's record.
    Approve(ApproveArgs),
    /// The agency: takes up the operator's approval.
    Accept(AcceptArgs),
    /// The agency: tests itself against the gateway and signs a report of it. Exit code 0: nothing failed; 1: something did.
    Test(TestArgs),
    /// The operator: checks that a report is the agency's, and prints it. Exit code 0: it passed.
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  \
    comity partner request --agency us-ny-albany-jail --kind county --class county-jail --jurisdiction us-ny \
    --trust-domain comity.example --directory joining\n\n\
    Only DIR/request.json is sent. The fingerprint is told by telephone.")]
struct RequestArgs {
    /// The agency's id, as the operator and it have agreed.
    #[arg(long)]
    agency: AgencyId,
    /// federal, state, county, city, oversight or operator.
    #[arg(long)]
    kind: AgencyKind,
    /// The class of a custodian, as county-jail.
    #[arg(long)]
    class: Option<AgencyClass>,
    /// A jurisdiction where it takes part, as us-ny. May be given several times.
    #[arg(long = "jurisdiction", value_name = "JURISDICTION")]
    jurisdictions: Vec<JurisdictionId>,
    /// Its originating agency identifier.
    #[arg(long)]
    ori: Option<Ori>,
    /// The trust domain of the exchange, as the operator says.
    #[arg(long)]
    trust_domain: String,
    /// The issuer of its tokens. Default: `https://tokens.AGENCY.TRUST_DOMAIN`.
    #[arg(long)]
    issuer: Option<String>,
    /// Where keys and request are made; made if it is not there.
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
}

#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("certified").required(true).args(["ca_key", "csr_out", "certificate"])),
    group(ArgGroup::new("again").args(["beside", "replace"])),
    after_help = "Without --fingerprint it says what the request asks for, and changes nothing. With an authority elsewhere: \
                  --csr-out FILE first, and --certificate FILE once it has issued."
)]
struct ApproveArgs {
    /// What the agency sent.
    #[arg(value_name = "REQUEST")]
    request: PathBuf,
    /// The fingerprint as the agency read it out.
    #[arg(long, value_name = "HEX")]
    fingerprint: Option<Fingerprint>,
    /// The gateway's configuration. It must name a directory of records (`registry.directory`).
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The certificate of the authority that issues, PEM.
    #[arg(long, value_name = "FILE", requires = "ca_key")]
    ca_certificate: Option<PathBuf>,
    /// Its private key, PEM.
    #[arg(long, value_name = "FILE", requires = "ca_certificate")]
    ca_key: Option<PathBuf>,
    /// How many days the certificate is good.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=90))]
    days: u16,
    /// Writes the certificate request here, for the authority in use, once all else is checked.
    #[arg(long, value_name = "FILE")]
    csr_out: Option<PathBuf>,
    /// The certificate that the authority in use has issued, PEM.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Where agencies reach the gateway, as host:port.
    #[arg(long, required_unless_present = "csr_out")]
    address: Option<String>,
    /// The name in its certificate. Default: the host of the address.
    #[arg(long)]
    server_name: Option<String>,
    /// The authorities that may vouch for the gateway, PEM.
    #[arg(long, value_name = "FILE", required_unless_present = "csr_out")]
    gateway_authorities: Option<PathBuf>,
    /// Of an agency that is registered: keeps its token keys beside the new ones.
    #[arg(long)]
    beside: bool,
    /// Of an agency that is registered: the request replaces all of its record.
    #[arg(long)]
    replace: bool,
    /// Where the approval is written.
    #[arg(long, value_name = "FILE", default_value = "approval.json")]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct AcceptArgs {
    /// What the operator sent.
    #[arg(value_name = "APPROVAL")]
    approval: PathBuf,
    /// The fingerprint as the operator read it out.
    #[arg(long, value_name = "HEX")]
    fingerprint: Fingerprint,
    /// The directory that the request was made in.
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
}

#[derive(Debug, Args)]
struct TestArgs {
    /// The agency's directory.
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
    /// Plays the story of the agency's role too. It writes, about people who are made up: for an exchange to try things on.
    #[arg(long)]
    story: bool,
    /// Where the signed report is written.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// The report.
    #[arg(value_name = "REPORT")]
    report: PathBuf,
    /// The gateway's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl PartnerArgs {
    /// The words of the command that lets an agency in.
    pub(super) fn audited(&self) -> Option<&'static str> {
        matches!(self.command, PartnerCommand::Approve(_)).then_some("partner approve")
    }
}

pub(super) fn run(args: &PartnerArgs) -> Result<ExitCode> {
    let done = match &args.command {
        PartnerCommand::Request(args) => request(args),
        PartnerCommand::Approve(args) => approve(args),
        PartnerCommand::Accept(args) => accept(args),
        PartnerCommand::Test(args) => return test(args),
        PartnerCommand::Verify(args) => return verify(args),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn request(args: &RequestArgs) -> Result<()> {
    let wish = Wish {
        agency: args.agency.clone(),
        kind: args.kind,
        class: args.class,
        jurisdictions: args.jurisdictions.iter().cloned().collect(),
        ori: args.ori.clone(),
        trust_domain: args.trust_domain.clone(),
        issuer: args.issuer.clone(),
    };
    let fingerprint = partner::make(&wish, &args.directory)?;
    print(&format!("send to the operator: {}", args.directory.join(files::REQUEST).display()))?;
    print(&format!("tell by telephone:    {fingerprint}"))
}

fn approve(args: &ApproveArgs) -> Result<()> {
    let asked = CheckedRequest::read(&read(&args.request)?).context("the request is not taken")?;
    let Some(fingerprint) = args.fingerprint else {
        bail!("asked for: {asked}. Call the agency, have it read out its fingerprint, and give it as --fingerprint");
    };
    ensure!(
        fingerprint == asked.fingerprint,
        "the request's fingerprint is another: it was changed on its way, or is not the agency's"
    );
    let (config, base) = (Config::read(&args.config)?, base_directory(&args.config)?);
    let registered = match (args.beside, args.replace) {
        (true, _) => Registered::Beside,
        (_, true) => Registered::Replace,
        (false, false) => Registered::Refuse,
    };
    if let Some(out) = &args.csr_out {
        partner::check(&asked, &config, &base, registered)?;
        write(out, &asked.statement.certificate_request)?;
        return print(&format!("approved so far: {asked}\nsend to the authority: {}", out.display()));
    }
    let terms = Terms { certificate: certificate(args)?, registered, gateway: gateway(args)? };
    let approval = partner::approve(&asked, &config, &base, &terms, Timestamp::now())?;
    write(&args.out, &approval.to_json()?)?;
    print(&format!("approved: {asked}"))?;
    print(&format!("send to the agency: {}", args.out.display()))?;
    print(&format!("tell by telephone:  {}", approval.fingerprint()?))
}

fn certificate(args: &ApproveArgs) -> Result<CertificateFrom> {
    match (&args.certificate, &args.ca_certificate, &args.ca_key) {
        (Some(issued), ..) => Ok(CertificateFrom::Issued(read(issued)?)),
        (None, Some(certificate), Some(key)) => Ok(CertificateFrom::Authority {
            certificate_pem: read(certificate)?,
            key_pem: read_secret(key)?,
            days: args.days,
        }),
        (None, ..) => bail!("who certifies is said with --ca-certificate and --ca-key, --csr-out, or --certificate"),
    }
}

fn gateway(args: &ApproveArgs) -> Result<Gateway> {
    let address = args.address.clone().context("--address says where agencies reach the gateway")?;
    let host = address.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
    let host = host.with_context(|| format!("{address} is not host:port"))?;
    let authorities = args.gateway_authorities.as_deref().context("--gateway-authorities says who vouches for it")?;
    Ok(Gateway { server_name: args.server_name.clone().unwrap_or(host), address, authorities_pem: read(authorities)? })
}

fn accept(args: &AcceptArgs) -> Result<()> {
    let approval = Approval::read(&read(&args.approval)?)?;
    let settings = partner::accept(&approval, args.fingerprint, &args.directory, Timestamp::now())?;
    let directory = args.directory.display();
    print(&format!("{} may call {}: comity call --partner {directory}", settings.agency, settings.address))
}

fn test(args: &TestArgs) -> Result<ExitCode> {
    let story = if args.story { Story::Played } else { Story::Dry };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(Box::pin(partner::test(&args.directory, story)))?;
    for check in &report.checks {
        print(&check.to_string())?;
    }
    if let Some(path) = &args.report {
        write(path, &report.sealed_in(&args.directory)?)?;
        print(&format!("signed report: {}", path.display()))?;
    }
    judged(report.passed)
}

fn verify(args: &VerifyArgs) -> Result<ExitCode> {
    let (config, base) = (Config::read(&args.config)?, base_directory(&args.config)?);
    let registry = Registry::load(&config.registry, &base, &config.jurisdictions)?;
    let report = partner::verify(&read(&args.report)?, &registry).context("the report is not taken")?;
    print(&report.to_string())?;
    for check in &report.checks {
        print(&check.to_string())?;
    }
    judged(report.passed)
}

fn judged(passed: bool) -> Result<ExitCode> {
    print(if passed { "passed" } else { "FAILED" })?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(path: &Path) -> Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(FILE_LEN_MAX).read_to_string(&mut text));
    read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text)
}

fn write(path: &Path, text: &str) -> Result<()> {
    crate::sandbox::files::write_public(path, text)
}

fn print(line: &str) -> Result<()> {
    ignore_closed(print_line(line))
}

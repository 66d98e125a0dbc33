//! `comity policy explain`: what a law answers in a case, why, and which single fact would change the answer.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::output::print_line;
use crate::cli::policy::json;
use crate::cli::policy::set::read;
use crate::domain::determination::Determination;
use crate::domain::facts::CaseFacts;
use crate::domain::ids::JurisdictionId;
use crate::policy::cases;
use crate::policy::engine::Engine;
use crate::policy::explain::{ExplainedRuling, Explanation, Fact, FactChange};
use crate::policy::load::PolicySet;
use crate::policy::rulings::RulingSubject;

/// Values of a fact that are listed without `--all`.
const VALUES_LISTED_MAX: usize = 3;

/// Arguments of `comity policy explain`.
#[derive(Debug, Args)]
#[command(after_help = "Facts are written as in the tables of cases (docs/policy.md), for instance --given \
                        'custodian = \"county-jail\", warrant = \"judicial\"'. Without `on`, the law is asked as of now.")]
pub(super) struct ExplainArgs {
    /// Whose law.
    #[arg(long, value_name = "ID")]
    jurisdiction: JurisdictionId,
    /// A file with the facts of the case, one a line.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["given", "named"])]
    case: Option<PathBuf>,
    /// The facts themselves, with commas between them.
    #[arg(long, value_name = "FACTS", alias = "facts")]
    given: Option<String>,
    /// The name of a case of the pack's own table.
    #[arg(long, value_name = "NAME", conflicts_with = "given")]
    named: Option<String>,
    /// A directory laid out as `policies/` of the source. Default: the set built in.
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Lists every value that changes the answer, however many the law does not tell apart.
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: &ExplainArgs, json: bool) -> Result<()> {
    let set = read(args.policies.as_deref())?;
    let zone = cases::zone_of(&set, &args.jurisdiction).unwrap_or(TimeZone::UTC);
    let (facts, now) = asked(args, &set, &zone)?;
    let engine = Arc::new(Engine::new(set));
    if json {
        let mut shown = json::explanation(&engine.explain(&args.jurisdiction, &facts, now));
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("jurisdiction".to_owned(), args.jurisdiction.as_str().into());
            fields.insert("at".to_owned(), now.to_string().into());
            fields.insert("hasLaw".to_owned(), engine.has_law(&args.jurisdiction).into());
        }
        return Ok(print_line(&shown.to_string())?);
    }
    let at = now.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z");
    print_line(&format!("{} at {at}", args.jurisdiction))?;
    if !engine.has_law(&args.jurisdiction) {
        print_line("no law is written for it: a person decides everything")?;
    }
    let explanation = engine.explain(&args.jurisdiction, &facts, now);
    print_rulings(&explanation.rulings)?;
    print_flips(&explanation, &zone, args.all)
}

fn asked(args: &ExplainArgs, set: &PolicySet, zone: &TimeZone) -> Result<(CaseFacts, Timestamp)> {
    if let Some(name) = &args.named {
        let found = cases::facts_named(set, &args.jurisdiction, name);
        return found.with_context(|| format!("the table of {} has no case \"{name}\"", args.jurisdiction));
    }
    let mut given: toml::Table = match (&args.case, &args.given) {
        (Some(file), _) => {
            toml::from_str(&std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?)?
        }
        (None, Some(given)) => {
            let inline: toml::Table = toml::from_str(&format!("given = {{ {given} }}"))?;
            inline.get("given").and_then(toml::Value::as_table).cloned().unwrap_or_default()
        }
        (None, None) => bail!("which case? give --case, --given or --named"),
    };
    let today = || Timestamp::now().to_zoned(zone.clone()).datetime().to_string();
    given.entry("on").or_insert_with(|| today().into());
    cases::facts_of(set, &args.jurisdiction, &given.to_string(), zone).map_err(|error| anyhow!(error))
}

fn print_rulings(rulings: &[ExplainedRuling]) -> Result<()> {
    for explained in rulings.iter().filter(|explained| matches!(explained.about, RulingSubject::Act(_))) {
        print_ruling(&explained.about.to_string(), explained)?;
    }
    let fields: Vec<&ExplainedRuling> =
        rulings.iter().filter(|explained| matches!(explained.about, RulingSubject::Field(_))).collect();
    let mut told: Vec<&ExplainedRuling> = Vec::new();
    for explained in &fields {
        // Classes with the same answer for the same reason are shown together.
        if told.iter().any(|known| known.said == explained.said) {
            continue;
        }
        told.push(explained);
        let alike = fields.iter().filter(|other| other.said == explained.said);
        let classes: Vec<String> = alike.map(|other| other.about.to_string()).collect();
        print_ruling(&format!("disclose {}", classes.join(", ")), explained)?;
    }
    Ok(())
}

fn print_ruling(about: &str, ExplainedRuling { said, reads, .. }: &ExplainedRuling) -> Result<()> {
    print_line(&format!("\n{about}: {}", ruling(said)))?;
    let listed =
        |word: &str, list: &[String]| list.iter().try_for_each(|one| print_line(&format!("    {word:<12}{one}")));
    listed("policy", &said.policies)?;
    listed("citing", &said.citations)?;
    listed("because", &said.reviews)?;
    let obligations: Vec<String> = said.obligations.iter().map(|word| word.word().to_owned()).collect();
    listed("obligation", &obligations)?;
    let on_receipt: Vec<String> = said.on_receipt.iter().map(|owed| owed.obligation.word().to_owned()).collect();
    listed("on receipt", &on_receipt)?;
    if let Some(clock) = said.clock {
        print_line(&format!("    {:<12}{}", "clock", clock.word()))?;
    }
    if !reads.is_empty() {
        print_line(&format!("    {:<12}{}", "turns on", reads.join(", ")))?;
    }
    Ok(())
}

fn print_flips(explanation: &Explanation, zone: &TimeZone, all: bool) -> Result<()> {
    print_line("\nwhat single fact would change it")?;
    if explanation.changes.is_empty() {
        print_line("    none")?;
    }
    for flip in &explanation.changes {
        print_line(&format!("    {}: {}", flip.fact.word(), values(flip, zone, all)))?;
        for (said, abouts) in gathered(&flip.becomes) {
            let why =
                if said.policies.is_empty() { "no policy speaks to this".to_owned() } else { said.policies.join(", ") };
            print_line(&format!("        {}: {} ({why})", abouts.join(", "), ruling(said)))?;
        }
    }
    if !explanation.dates_known {
        print_line("    the law counts with the time: on which date it changes cannot be told")?;
    }
    Ok(())
}

fn values(flip: &FactChange, zone: &TimeZone, all: bool) -> String {
    let shown = |value: &String| match (flip.fact, value.parse::<Timestamp>()) {
        (Fact::On, Ok(at)) => format!("from {}", at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z")),
        _ => value.clone(),
    };
    let listed = if all { flip.values.len() } else { VALUES_LISTED_MAX };
    let text = flip.values.iter().take(listed).map(shown).collect::<Vec<_>>().join("; or ");
    let more = flip.values.len().saturating_sub(listed);
    if more > 0 {
        return format!("{text}; or {more} more (--all)");
    }
    text
}

/// Groups acts and classes with the same answer for the same reason.
fn gathered(becomes: &[(RulingSubject, Determination)]) -> Vec<(&Determination, Vec<String>)> {
    let mut gathered: Vec<(&Determination, Vec<String>)> = Vec::new();
    for (about, said) in becomes {
        match gathered.iter_mut().find(|(known, _)| *known == said) {
            Some((_, abouts)) => abouts.push(about.to_string()),
            None => gathered.push((said, vec![about.to_string()])),
        }
    }
    gathered
}

fn ruling(said: &Determination) -> String {
    let more = match (said.failed, said.unverified) {
        (true, _) => " (a policy could not be evaluated)",
        (false, true) => " (not before the custodian verifies the claim)",
        (false, false) => "",
    };
    format!("{}{more}", said.ruling.word().replace('-', " "))
}

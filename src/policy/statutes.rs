//! Reads a table of offences from TOML. Every key and word must be a known one, and nothing may be said twice.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy as cedar;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::charge::{OffenceCategory, Severity, category_of};
use crate::domain::facts::ListedSet;
use crate::domain::ids::NcicCode;
use crate::domain::statute::{Grade, Listing, Paragraph, Statutes};
use crate::domain::text::says_something;
use crate::policy::fact_dependencies::{attribute, claim};
use crate::policy::vocabulary::UNREAD;
use crate::policy::words::word;

/// A table as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OffencesFile {
    /// Each code, with other spellings of its name.
    codes: BTreeMap<String, Code>,
    /// Each paragraph that lists offences, with its subject.
    paragraphs: BTreeMap<String, String>,
    offences: BTreeMap<String, Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    #[serde(default)]
    written: Vec<String>,
    /// A citation without a code refers to this one.
    #[serde(default)]
    own: bool,
    /// A letter after the number of a section is a subdivision.
    #[serde(default)]
    lettered: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    is: String,
    group: String,
    grade: Option<String>,
    #[serde(default)]
    wobbler: bool,
    #[serde(default)]
    listed: Vec<String>,
    ncic: Option<String>,
}

/// Reads a table. The error says what is wrong with it.
pub(crate) fn read(text: &str) -> Result<Statutes, String> {
    let written: OffencesFile = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    let mut statutes = Statutes::default();
    for (name, code) in &written.codes {
        for way in code.written.iter().chain([name]) {
            if !way.chars().any(|c| c.is_ascii_alphabetic()) || !statutes.add_code(name, way) {
                return Err(format!("codes: {way:?} is no way of writing one code alone"));
            }
        }
        if code.lettered {
            statutes.set_lettered(name);
        }
    }
    let mut own = written.codes.iter().filter(|(_, code)| code.own).map(|(name, _)| name);
    if let Some(name) = own.next() {
        statutes.set_own(name);
    }
    if own.next().is_some() {
        return Err("codes: a citation without a code can be of one code alone".to_owned());
    }
    let mut declared = BTreeSet::new();
    for (paragraph, about) in &written.paragraphs {
        if !says_something(about) {
            return Err(format!("paragraphs: {paragraph:?} does not say what it is about"));
        }
        declared
            .insert(paragraph.parse::<Paragraph>().map_err(|_| format!("paragraphs: {paragraph:?} is no paragraph"))?);
    }
    for (cited, row) in &written.offences {
        let listing = row.listing(&declared).map_err(|problem| format!("offences: {cited:?}: {problem}"))?;
        if !statutes.add(cited, listing) {
            return Err(format!("offences: {cited:?} is no section of a code above, or is there twice"));
        }
    }
    let listing = statutes.paragraphs();
    if let Some(unused) = declared.iter().find(|paragraph| !listing.contains(paragraph)) {
        return Err(format!("paragraphs: \"{unused}\" lists no offence"));
    }
    Ok(statutes)
}

impl Row {
    fn listing(&self, declared: &BTreeSet<Paragraph>) -> Result<Listing, String> {
        if !says_something(&self.is) {
            return Err("does not say what it is".to_owned());
        }
        let grade = match (&self.grade, self.wobbler) {
            (Some(grade), false) => Grade::Fixed(word::<Severity>("grade", grade)?),
            (None, true) => Grade::Wobbler,
            (Some(_), true) | (None, false) => return Err("has a grade or is a wobbler, and one of them".to_owned()),
        };
        let category: OffenceCategory = word("group", &self.group)?;
        let ncic: Option<NcicCode> = self
            .ncic
            .as_ref()
            .map(|code| code.parse().map_err(|_| format!("ncic: {code:?} is no NCIC code")))
            .transpose()?;
        if ncic.as_ref().is_some_and(|code| category_of(code) != category) {
            return Err("ncic: is of another group".to_owned());
        }
        let mut listed = BTreeSet::new();
        for paragraph in &self.listed {
            let known = declared.iter().find(|known| known.as_str() == paragraph);
            if !known.is_some_and(|known| listed.insert(known.clone())) {
                return Err(format!("listed: {paragraph:?} is none of the paragraphs above, or is there twice"));
            }
        }
        Ok(Listing { category, grade, listed, ncic })
    }
}

/// What a policy reads that its table lacks: a paragraph that lists nothing or, without a table, any list. Such a
/// condition would silently never hold.
pub(crate) fn unknown_list(policy: &cedar::Policy, statutes: Option<&Statutes>) -> Option<String> {
    let json = policy.to_json().ok()?;
    let mut found = Lists::default();
    found.of(json.get("conditions")?);
    match statutes {
        None if found.read => Some("turns on a list, and its pack has no table of offences".to_owned()),
        None => None,
        Some(statutes) => {
            let known: BTreeSet<&str> = statutes.paragraphs().into_iter().map(Paragraph::as_str).collect();
            let unknown = found.named.iter().find(|named| !known.contains(named.as_str()));
            unknown.map(|named| format!("names the paragraph {named:?}, which lists nothing in the table of offences"))
        }
    }
}

/// The lists that a policy reads, and the paragraphs that it looks for in them.
#[derive(Default)]
struct Lists {
    read: bool,
    named: BTreeSet<String>,
}

impl Lists {
    fn of(&mut self, expression: &Value) {
        self.read |= reads_list(expression);
        for operator in ["contains", "containsAny", "containsAll"] {
            let Some(operands) = expression.get(operator) else { continue };
            let (set, sought) = (operands.get("left"), operands.get("right"));
            if let Some(sought) = sought.filter(|_| set.is_some_and(is_list)) {
                self.name(sought);
            }
        }
        let object = expression.as_object().into_iter().flat_map(|node| node.values());
        object.chain(expression.as_array().into_iter().flatten()).for_each(|part| self.of(part));
    }

    fn name(&mut self, sought: &Value) {
        let text = sought.get("Value").and_then(Value::as_str);
        self.named.extend(text.map(str::to_owned));
        sought.get("Set").and_then(Value::as_array).into_iter().flatten().for_each(|one| self.name(one));
    }
}

fn fact(expression: &Value) -> Option<&str> {
    claim(expression).or_else(|| attribute(expression, "."))
}

fn is_list(expression: &Value) -> bool {
    fact(expression).is_some_and(|fact| ListedSet::ALL.iter().any(|set| set.word() == fact))
}

fn reads_list(expression: &Value) -> bool {
    is_list(expression) || fact(expression).is_some_and(|fact| UNREAD.contains(&fact))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::load::{PolicyError, PolicySet};
    use crate::policy::tests::samples::two_packs;

    const TABLE: &str = r#"
        [codes]
        PC = { written = ["Penal Code"] }
        [paragraphs]
        "1(a)" = "the gravest"
        [offences]
        "PC 187" = { is = "murder", group = "homicide", grade = "felony", listed = ["1(a)"], ncic = "0999" }
        "PC 602" = { is = "trespass", group = "other", grade = "misdemeanor" }
    "#;

    #[test]
    fn a_table_is_read_whole_or_not_at_all() {
        fn check(from: &str, to: &str, expected: &str) {
            assert!(TABLE.contains(from), "{from}");
            let problem = read(&TABLE.replace(from, to)).unwrap_err();
            assert!(problem.contains(expected), "{to}: {problem}");
        }
        assert_eq!(read(TABLE).unwrap().len(), 2);
        check("is = \"murder\", ", "", "missing field `is`");
        check("is = \"murder\"", "is = \" \"", "does not say what it is");
        check("group = \"homicide\"", "group = \"murder\"", "none of: homicide");
        check("group = \"homicide\"", "group = \"assault\"", "of another group");
        check("grade = \"misdemeanor\"", "grade = \"petty\"", "none of: felony");
        check(", grade = \"misdemeanor\"", "", "a grade or is a wobbler");
        check("grade = \"misdemeanor\"", "grade = \"misdemeanor\", wobbler = true", "a grade or is a wobbler");
        check("listed = [\"1(a)\"]", "listed = [\"1(b)\"]", "none of the paragraphs");
        check("listed = [\"1(a)\"]", "listed = [\"1(a)\", \"1(a)\"]", "there twice");
        check("listed = [\"1(a)\"]", "listed = []", "lists no offence");
        check("\"the gravest\"", "\"\"", "what it is about");
        check("\"1(a)\" =", "\"1\\\"a\" =", "no paragraph");
        check("ncic = \"0999\"", "ncic = \"999\"", "no NCIC code");
        check("PC 602", "Penal Code 187", "there twice");
        check("PC 602", "VC 602", "no section of a code");
        check("PC 602", "PC 602 or so", "no section of a code");
        check("written = [\"Penal Code\"]", "written = [\"§\"]", "no way of writing");
        check("PC = {", "XX = { written = [\"P.C.\"] }\n        PC = {", "no way of writing");
        check("PC = {", "XX = { own = true }\n        PC = { own = true,", "one code alone");
    }

    #[test]
    fn a_list_that_is_not_there_is_no_list() {
        let set = |condition: &str, table: Option<&str>| {
            let mut files = two_packs();
            let law = format!(
                "@id(\"us-zz.i\") @cite(\"c\") permit (principal, action == Action::\"hold\", resource) when {{ {condition} }};"
            );
            files.insert("law/us-zz.cedar".to_owned(), law);
            files.extend(table.map(|table| ("law/us-zz.offences.toml".to_owned(), table.to_owned())));
            PolicySet::from_files(&files)
        };
        let check = |condition: &str, with: bool, without: bool| {
            assert_eq!(set(condition, Some(TABLE)).is_ok(), with, "{condition}");
            assert_eq!(set(condition, None).is_ok(), without, "{condition}");
        };
        check("context.protected", true, true);
        check("context.listed_felony_convictions.contains(\"1(a)\")", true, false);
        check("!context.asserted.listed_felony_charges.containsAny([\"1(a)\"])", true, false);
        check("context.listed_felony_convictions.contains(\"1(b)\")", false, false);
        check("context.asserted.listed_felony_charges.containsAny([\"1(a)\", \"1(b)\"])", false, false);
        check("context.unlisted_conviction", true, false);
        check("context.asserted.ungraded_charge", true, false);
        check("!context.listed_felony_convictions.isEmpty()", true, false);
        let mut files = two_packs();
        files.insert("law/us-zz.offences.toml".to_owned(), TABLE.to_owned());
        assert!(matches!(PolicySet::from_files(&files), Err(PolicyError::Offences { .. })), "of no pack");
        assert!(matches!(set("context.protected", Some("")), Err(PolicyError::Offences { .. })));
    }
}

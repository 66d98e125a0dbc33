//! A jurisdiction's table of statutes: sections of its criminal codes as its law lists them, and how citations are
//! read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::domain::charge::{OffenceCategory, Severity};
use crate::domain::ids::{InvalidId, NcicCode};
use crate::domain::vocabulary::vocabulary;

/// The longest citation that is read. A longer one matches no section.
const CITATION_MAX: usize = 200;

/// A table of sections: the group and grade of each, and which paragraphs of the law list it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statutes {
    /// Every spelling of a code, folded, with the code's name.
    codes: BTreeMap<String, String>,
    /// Which code a citation without one is of.
    own: Option<String>,
    /// Codes in which a letter after a section number is a subdivision: `2C:12-1b` is `2C:12-1(b)`.
    lettered: BTreeSet<String>,
    sections: BTreeMap<Section, Listing>,
}

/// One section of one code, in the form used for comparison.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Section {
    code: String,
    number: String,
}

/// What the table says about a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Its group.
    pub category: OffenceCategory,
    /// How grave it is.
    pub grade: Grade,
    /// Which paragraphs of the law list it.
    pub listed: BTreeSet<Paragraph>,
    /// Its NCIC code.
    pub ncic: Option<NcicCode>,
}

/// The grade of an offence, by its section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    /// Always this grade.
    Fixed(Severity),
    /// A felony or a misdemeanor, as the court decides. Only the charge says which.
    Wobbler,
}

vocabulary! {
    /// What the table says about the section that a charge cites.
    pub enum Reading {
        /// Nothing: the section is not in the table, none is cited, or there is no table. Whether it is listed is
        /// unknown.
        Unlisted = "unlisted",
        /// The paragraphs that list it, if any, are known.
        Listed = "listed",
        /// The same, but its grade is unknown, or the charge contradicts the section.
        Ungraded = "ungraded",
    }
}

/// A paragraph of a law that lists offences, as a policy pack names it: `7282.5(a)(1)`, `Appendix A`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Paragraph(String);

impl Paragraph {
    /// As the pack names it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Paragraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Paragraph {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let plain = |c: char| c.is_ascii_alphanumeric() || " .,:-()".contains(c);
        let well_formed = (1..=64).contains(&text.len()) && text.chars().all(plain) && text.trim() == text;
        if well_formed { Ok(Self(text.to_owned())) } else { Err(InvalidId { expected: "a paragraph of a law" }) }
    }
}

impl Statutes {
    /// Adds a spelling of a code. A folded spelling MUST belong to one code. False: it belongs to another.
    pub fn add_code(&mut self, code: &str, written: &str) -> bool {
        let before = self.codes.insert(folded(written), code.to_owned());
        before.is_none_or(|before| before == code)
    }

    /// Which code a citation without one is of.
    pub fn set_own(&mut self, code: &str) {
        self.own = Some(code.to_owned());
    }

    /// Makes a letter after a section number a subdivision in a code.
    pub fn set_lettered(&mut self, code: &str) {
        self.lettered.insert(code.to_owned());
    }

    /// Adds a section. False: the citation cannot be read, or is in the table already.
    pub fn add(&mut self, cited: &str, listing: Listing) -> bool {
        let Some(section) = self.section(cited) else { return false };
        self.sections.insert(section, listing).is_none()
    }

    /// What the table says about the cited section, or else about the section that it is a subdivision of. None:
    /// nothing.
    pub fn find(&self, cited: &str) -> Option<&Listing> {
        let mut section = self.section(cited)?;
        loop {
            if let Some(found) = self.sections.get(&section) {
                return Some(found);
            }
            let (whole, _) = section.number.strip_suffix(')')?.rsplit_once('(')?;
            section.number = whole.to_owned();
        }
    }

    /// The paragraphs that list a section.
    pub fn paragraphs(&self) -> BTreeSet<&Paragraph> {
        self.sections.values().flat_map(|listing| &listing.listed).collect()
    }

    /// How many sections there are.
    pub fn len(&self) -> usize {
        self.sections.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }

    /// Reads a citation: a code in any of its spellings, before or after the number of one section.
    ///
    /// The number is compared in lower case, with subdivisions in parentheses and without spaces. A citation that names
    /// two sections, or anything besides a code and a section, is not read.
    fn section(&self, cited: &str) -> Option<Section> {
        if cited.len() > CITATION_MAX {
            return None;
        }
        let spaced = cited.replace(['§', ','], " ");
        let (mut code, mut number, mut codes) = (String::new(), String::new(), 0_u8);
        let mut in_code = false;
        for word in spaced.split_whitespace().filter(|word| !is_section_sign(word)) {
            if word.starts_with('(') && !in_code && !number.is_empty() {
                number.push_str(word);
            } else if word.starts_with(|c: char| c.is_ascii_digit()) {
                if !number.is_empty() {
                    return None;
                }
                word.clone_into(&mut number);
                in_code = false;
            } else {
                codes = codes.saturating_add(u8::from(!in_code));
                in_code = true;
                code.push_str(word);
            }
        }
        let number = number.trim_end_matches('.').to_ascii_lowercase();
        if codes > 1 || !number.chars().all(|c| c.is_ascii_alphanumeric() || ".:-()".contains(c)) || number.is_empty() {
            return None;
        }
        let code = if codes == 0 { self.own.clone()? } else { self.codes.get(&folded(&code))?.clone() };
        let number = if self.lettered.contains(&code) { in_parentheses(&number) } else { number };
        Some(Section { code, number })
    }
}

/// A spelling of a code without what does not distinguish codes: case, punctuation and spaces.
fn folded(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase()).collect()
}

fn is_section_sign(word: &str) -> bool {
    let word = word.trim_end_matches('.');
    ["section", "sections", "sec", "sect", "s", "ss"].iter().any(|sign| word.eq_ignore_ascii_case(sign))
}

/// `2c:12-1b(1)` as `2c:12-1(b)(1)`: the letter after the section number is a subdivision.
fn in_parentheses(number: &str) -> String {
    let end = number.find('(').unwrap_or(number.len());
    let (head, tail) = number.split_at(end);
    let mut letters = head.chars().rev();
    match (letters.next(), letters.next()) {
        (Some(letter), Some(before)) if letter.is_ascii_alphabetic() && before.is_ascii_digit() => {
            let whole = head.strip_suffix(letter).unwrap_or(head);
            format!("{whole}({letter}){tail}")
        }
        _ => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statutes() -> Statutes {
        let mut statutes = Statutes::default();
        for (code, written) in [
            ("PC", "PC"),
            ("PC", "Penal Code"),
            ("PC", "Cal. Penal Code"),
            ("HS", "H&S"),
            ("NJSA", "N.J.S.A."),
            ("NJSA", "N.J.S."),
        ] {
            assert!(statutes.add_code(code, written));
        }
        statutes.set_own("NJSA");
        statutes.set_lettered("NJSA");
        for (cited, category) in [
            ("PC 211", OffenceCategory::Robbery),
            ("PC 245", OffenceCategory::Assault),
            ("PC 245(d)", OffenceCategory::Weapons),
            ("PC 273a", OffenceCategory::Other),
            ("PC 459.5", OffenceCategory::Other),
            ("H&S 11351", OffenceCategory::Drugs),
            ("2C:11-3", OffenceCategory::Homicide),
            ("2C:12-1(b)", OffenceCategory::Assault),
        ] {
            let listing = Listing { category, grade: Grade::Wobbler, listed: BTreeSet::new(), ncic: None };
            assert!(statutes.add(cited, listing), "{cited}");
        }
        statutes
    }

    #[test]
    fn a_citation_is_read_however_it_is_written() {
        use OffenceCategory::{Assault, Drugs, Homicide, Other, Robbery, Weapons};
        let statutes = statutes();
        let check = |cited: &str, expected: Option<OffenceCategory>| {
            assert_eq!(statutes.find(cited).map(|listing| listing.category), expected, "{cited}");
        };
        for same in ["PC 211", "pc 211", "P.C. 211", "Penal Code 211", "Cal. Penal Code § 211", "211 PC", "PC §211"] {
            check(same, Some(Robbery));
        }
        check("Cal. Penal Code, sec. 211.", Some(Robbery));
        check("PC 245(a)(1)", Some(Assault));
        check("PC 245 (a) (1)", Some(Assault));
        check("PC 245(D)(2)", Some(Weapons));
        check("PC 273A(a)", Some(Other));
        check("HS 11351", Some(Drugs));
        for same in ["N.J.S.A. 2C:11-3", "NJSA 2C:11-3a(1)", "2C:11-3", "N.J.S. 2C:11-3(a)"] {
            check(same, Some(Homicide));
        }
        check("N.J.S.A. 2C:12-1b(1)", Some(Assault));
        check("N.J.S.A. 2C:12-1(b)", Some(Assault));
        // Nothing is guessed.
        for unknown in [
            "",
            "PC",
            "211",
            "PC 212",
            "PC 273",
            "PC 459",
            "VC 211",
            "PC 664/211",
            "PC 211 PC 245",
            "PC 211 245",
            "PC 211 second degree",
            "PC 664-211",
            "2C:12-1a(1)",
            "2C:12-1",
            "PC (211)",
            "11351",
            "PC 211\u{0}",
        ] {
            check(unknown, None);
        }
        check(&format!("PC {}211", " ".repeat(CITATION_MAX)), None);
    }

    #[test]
    fn a_section_or_a_way_of_writing_a_code_is_there_once() {
        let mut statutes = statutes();
        let listing = statutes.find("PC 211").unwrap().clone();
        assert!(!statutes.add("Penal Code § 211", listing.clone()));
        assert!(!statutes.add("Vehicle Code 10851", listing));
        assert!(!statutes.add_code("HS", "p.c."));
    }

    #[test]
    fn a_paragraph_is_short_and_plain() {
        for text in ["7282.5(a)(3)(M)", "Appendix A (unread)", "9-131"] {
            assert_eq!(text.parse::<Paragraph>().unwrap().as_str(), text);
        }
        for text in ["", " a", "a ", "a\"b", "a\n", &"a".repeat(65)] {
            assert!(text.parse::<Paragraph>().is_err(), "{text:?}");
        }
    }
}

//! Free text that people write: names, reasons, citations, codes, telephone numbers and places.
//!
//! Each kind of text accepts the characters that it needs, by Unicode category. None accepts characters that are
//! invisible, that change the direction of text, or that are unassigned. An accepted text shows something.
//!
//! Texts are kept in canonical form: NFC, one plain space for any run of spaces, none at either end. So two spellings
//! that look the same are the same, and reading a canonical text changes nothing.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, JoiningType};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::canonical_combining_class;

/// Bytes of UTF-8 per allowed character: enough for every script in daily use.
const BYTES_PER_CHARACTER: usize = 3;

/// The most combining marks on one letter. Pointed Hebrew and Tibetan need four or five; a hundred would cover the
/// lines around it.
const MARKS_MAX: usize = 8;

/// The combining class of the sign that joins two consonants of an Indic script.
const VIRAMA: u8 = 9;

/// The kinds of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// A person's name in any script: letters and marks, digits, hyphens, apostrophes and the like.
    Name,
    /// A reason or a note: prose of one line.
    Reason,
    /// A law, an order, a court.
    Citation,
    /// An address or a place.
    Place,
    /// A docket or file number: ASCII.
    Code,
    /// A telephone number, with words such as `ext.`: ASCII.
    Phone,
}

impl TextKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Name, Self::Reason, Self::Citation, Self::Place, Self::Code, Self::Phone];

    /// Reads a text of at most `chars_max` characters and three bytes for each. `None`: the text is only space.
    pub fn read(self, text: &str, chars_max: usize) -> Result<Option<String>, TextFault> {
        let bytes_max = chars_max.saturating_mul(BYTES_PER_CHARACTER);
        // Normalizing takes time, so a text that is far too long is refused first.
        if text.len() > bytes_max.saturating_mul(4) {
            return Err(TextFault::Long { chars_max, bytes_max });
        }
        let text = self.canonical(text);
        if text.is_empty() {
            return Ok(None);
        }
        if text.starts_with('<') && text.ends_with('>') {
            return Err(TextFault::Placeholder);
        }
        if text.chars().count() > chars_max || text.len() > bytes_max {
            return Err(TextFault::Long { chars_max, bytes_max });
        }
        let characters: Vec<char> = text.chars().collect();
        let mut marks = 0_usize;
        for (at, character) in characters.iter().enumerate() {
            let (before, after) = characters.split_at(at);
            let after = after.get(1..).unwrap_or_default();
            if is_joiner(*character) && self.is_prose_or_name() {
                // A joiner does not count as a base: the mark after it combines with the same letter as the mark before
                // it.
                if !changes_what_is_seen(*character, before, after) {
                    return Err(TextFault::Hidden(*character));
                }
                continue;
            }
            self.admits(*character)?;
            marks = if is_mark(*character) { marks.saturating_add(1) } else { 0 };
            let stands = before.last().is_some_and(|base| *base != ' ');
            if marks > MARKS_MAX || (marks > 0 && !stands) {
                return Err(TextFault::Mark);
            }
        }
        if characters.iter().any(|character| self.counts_as_content(*character)) {
            Ok(Some(text))
        } else {
            Err(self.empty())
        }
    }

    /// NFC, with one plain space for any run of spaces. In ASCII kinds, any dash becomes a hyphen.
    fn canonical(self, text: &str) -> String {
        let mut canonical = String::with_capacity(text.len());
        for character in text.nfc() {
            if category(character) == GeneralCategory::SpaceSeparator {
                if !canonical.is_empty() && !canonical.ends_with(' ') {
                    canonical.push(' ');
                }
            } else if is_dash(character) && !self.is_prose_or_name() {
                canonical.push('-');
            } else {
                canonical.push(character);
            }
        }
        canonical.truncate(canonical.trim_end_matches(' ').len());
        canonical
    }

    fn is_prose_or_name(self) -> bool {
        match self {
            Self::Name | Self::Reason | Self::Citation | Self::Place => true,
            Self::Code | Self::Phone => false,
        }
    }

    /// Whether a character other than a joiner is allowed.
    fn admits(self, character: char) -> Result<(), TextFault> {
        use GeneralCategory as Gc;
        let of_use = match category(character) {
            Gc::Control => Err(TextFault::Control(character)),
            Gc::LineSeparator | Gc::ParagraphSeparator => Err(TextFault::Line(character)),
            _ if is_bidi_control(character) => Err(TextFault::Direction(character)),
            _ if is_hidden(character) => Err(TextFault::Hidden(character)),
            Gc::Format => Err(TextFault::Hidden(character)),
            Gc::Unassigned | Gc::PrivateUse | Gc::Surrogate => Err(TextFault::Unassigned(character)),
            _ if matches!(character, '\u{fffc}' | '\u{fffd}') => Err(TextFault::Lost),
            Gc::UppercaseLetter
            | Gc::LowercaseLetter
            | Gc::TitlecaseLetter
            | Gc::ModifierLetter
            | Gc::OtherLetter
            | Gc::NonspacingMark
            | Gc::SpacingMark
            | Gc::DecimalNumber
            | Gc::LetterNumber
            | Gc::DashPunctuation
            | Gc::SpaceSeparator => Ok(self.is_prose_or_name() || is_plain(character)),
            Gc::EnclosingMark
            | Gc::OtherNumber
            | Gc::ConnectorPunctuation
            | Gc::OpenPunctuation
            | Gc::ClosePunctuation
            | Gc::InitialPunctuation
            | Gc::FinalPunctuation
            | Gc::OtherPunctuation
            | Gc::MathSymbol
            | Gc::CurrencySymbol
            | Gc::ModifierSymbol
            | Gc::OtherSymbol => Ok(match self {
                Self::Name => IN_NAMES.contains(&character),
                Self::Reason | Self::Citation | Self::Place => true,
                Self::Code => is_plain(character),
                Self::Phone => IN_PHONES.contains(&character),
            }),
        };
        if of_use? { Ok(()) } else { Err(TextFault::Foreign(self)) }
    }

    /// Whether a character counts as content for a reader.
    fn counts_as_content(self, character: char) -> bool {
        use GeneralCategory as Gc;
        let category = category(character);
        // Not a modifier letter: alone, it is an apostrophe or a repetition sign.
        let letter =
            matches!(category, Gc::UppercaseLetter | Gc::LowercaseLetter | Gc::TitlecaseLetter | Gc::OtherLetter);
        let digit = category == Gc::DecimalNumber;
        match self {
            Self::Name => letter,
            Self::Reason | Self::Citation | Self::Place => {
                letter || digit || matches!(category, Gc::LetterNumber | Gc::OtherNumber)
            }
            Self::Code => letter || digit,
            Self::Phone => digit,
        }
    }

    fn empty(self) -> TextFault {
        match self {
            Self::Name => TextFault::Empty("letter"),
            Self::Reason | Self::Citation | Self::Place | Self::Code => TextFault::Empty("letter or digit"),
            Self::Phone => TextFault::Empty("digit"),
        }
    }

    /// What such a text consists of, in words.
    fn made_of(self) -> &'static str {
        match self {
            Self::Name => "a name: letters of any script with their marks, digits, spaces, hyphens and apostrophes",
            Self::Reason | Self::Citation | Self::Place => "text",
            Self::Code => "letters, digits and punctuation of ASCII",
            Self::Phone => "a telephone number: digits, spaces, + - . ( ) / # * , ; : and plain letters as in ext.",
        }
    }
}

/// Whether a text of several lines says something and hides nothing. Used for policies, which one person writes and
/// others read.
pub fn says_something(text: &str) -> bool {
    let lines: Option<Vec<bool>> = text
        .lines()
        .map(|line| TextKind::Reason.read(line.trim(), LINE_CHARS_MAX).ok().map(|read| read.is_some()))
        .collect();
    lines.is_some_and(|lines| lines.contains(&true))
}

/// The most characters in a line of a policy's text.
const LINE_CHARS_MAX: usize = 10_000;

/// Why a text is refused. It names a character only if a reader would not see it; others may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// Too long.
    #[error("at most {chars_max} characters, and {bytes_max} bytes of UTF-8")]
    Long {
        /// Characters allowed.
        chars_max: usize,
        /// Bytes allowed.
        bytes_max: usize,
    },
    /// A control character.
    #[error("one line without control characters, such as U+{:04X}", u32::from(*.0))]
    Control(char),
    /// A separator of lines or paragraphs.
    #[error("one line without separators of lines, such as U+{:04X}", u32::from(*.0))]
    Line(char),
    /// Makes text read differently from how it is written.
    #[error("free of characters that turn the direction of text, such as U+{:04X}", u32::from(*.0))]
    Direction(char),
    /// Is in the text but is not seen.
    #[error("free of characters that show nothing where they stand, such as U+{:04X}", u32::from(*.0))]
    Hidden(char),
    /// Has no meaning, or a privately agreed one.
    #[error("of characters that Unicode has assigned, which U+{:04X} is not", u32::from(*.0))]
    Unassigned(char),
    /// What a converter puts in place of unreadable input.
    #[error("free of U+FFFC and U+FFFD, which stand for what was lost")]
    Lost,
    /// A mark without a letter, or too many on one.
    #[error("free of combining marks that stand on no letter, or more than {MARKS_MAX} on one")]
    Mark,
    /// A character of another kind of text.
    #[error("{}", .0.made_of())]
    Foreign(TextKind),
    /// A placeholder left over from an example request.
    #[error("filled in: a text in angle brackets stands for one")]
    Placeholder,
    /// Nothing in it is content.
    #[error("text with at least one {0}")]
    Empty(&'static str),
}

/// Punctuation in names, apart from dashes: apostrophes in all spellings, stops, and the signs that separate name parts
/// in Catalan, Japanese, Hebrew, Armenian, Tibetan, Ethiopic and Hindi.
const IN_NAMES: [char; 24] = [
    '\'', '’', '‘', '`', '´', '.', ',', '/', '(', ')', '"', '“', '”', '·', '・', '･', '׳', '״', '՚', '་', '༌', '፡',
    '॰', '−',
];

/// Signs in telephone numbers, apart from the hyphen.
const IN_PHONES: [char; 10] = ['+', '.', '(', ')', '/', '#', '*', ',', ';', ':'];

/// Invisible characters that Unicode does not mark as ignorable: blanks and fillers of Braille, musical notation,
/// Egyptian and Khitan.
const BLANKS: [char; 5] = ['\u{2800}', '\u{13441}', '\u{13442}', '\u{16fe4}', '\u{1d159}'];

fn category(character: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(character)
}

fn is_plain(character: char) -> bool {
    character == ' ' || character.is_ascii_graphic()
}

fn is_mark(character: char) -> bool {
    use GeneralCategory as Gc;
    matches!(category(character), Gc::NonspacingMark | Gc::SpacingMark | Gc::EnclosingMark)
}

/// Dashes, and the minus sign that is often typed for one.
pub(crate) fn is_dash(character: char) -> bool {
    category(character) == GeneralCategory::DashPunctuation || character == '\u{2212}'
}

fn is_hidden(character: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character) || BLANKS.contains(&character)
}

/// `Bidi_Control` of UAX 9. Right-to-left scripts need none in so short a text.
fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// Whether a joiner or non-joiner changes what is seen: RFC 5892, appendices A.1 and A.2, and the joiner before a
/// virama, which Bengali has.
fn changes_what_is_seen(joiner: char, before: &[char], after: &[char]) -> bool {
    let is_virama = |character: &char| canonical_combining_class(*character) == VIRAMA;
    if before.last().is_some_and(is_virama) {
        return true;
    }
    if joiner == '\u{200d}' {
        return after.first().is_some_and(is_virama) && before.last().is_some_and(|last| last.is_alphabetic());
    }
    let joining = |character: &char| CodePointMapData::<JoiningType>::new().get(*character);
    let is_seen = |kind: &JoiningType| *kind != JoiningType::Transparent;
    let left = before.iter().rev().map(joining).find(is_seen);
    let right = after.iter().map(joining).find(is_seen);
    matches!(left, Some(JoiningType::LeftJoining | JoiningType::DualJoining))
        && matches!(right, Some(JoiningType::RightJoining | JoiningType::DualJoining))
}

#[cfg(test)]
mod tests;

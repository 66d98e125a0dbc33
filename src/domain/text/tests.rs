//! Each kind of text over the whole of Unicode, and texts that people write.

use proptest::prelude::*;
use unicode_normalization::is_nfc;
use unicode_properties::{GeneralCategory as Gc, UnicodeGeneralCategory as _};

use super::*;

/// Every scalar value.
fn everything() -> impl Iterator<Item = char> {
    '\0'..=char::MAX
}

/// `Default_Ignorable_Code_Point` of Unicode's `DerivedCoreProperties.txt`.
fn may_be_ignored(character: char) -> bool {
    matches!(u32::from(character),
        0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x202a..=0x202e
        | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfff8 | 0x1bca0..=0x1bca3
        | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff)
}

/// The table, by another crate's categories: which characters a use takes.
fn takes(of: TextKind, character: char) -> bool {
    let plain = character == ' ' || character.is_ascii_graphic();
    if may_be_ignored(character) || "\u{2800}\u{13441}\u{13442}\u{16fe4}\u{1d159}\u{fffc}\u{fffd}".contains(character) {
        return false;
    }
    let category = character.general_category();
    let meaningless = [
        Gc::Control,
        Gc::Format,
        Gc::LineSeparator,
        Gc::ParagraphSeparator,
        Gc::Unassigned,
        Gc::PrivateUse,
        Gc::Surrogate,
    ];
    if meaningless.contains(&category) {
        return false;
    }
    // Written as a plain space or, where a use is ASCII, as a hyphen.
    if matches!(category, Gc::SpaceSeparator | Gc::DashPunctuation) || character == '\u{2212}' {
        return true;
    }
    let of_words = matches!(
        category,
        Gc::UppercaseLetter
            | Gc::LowercaseLetter
            | Gc::TitlecaseLetter
            | Gc::ModifierLetter
            | Gc::OtherLetter
            | Gc::NonspacingMark
            | Gc::SpacingMark
            | Gc::DecimalNumber
            | Gc::LetterNumber
    );
    match of {
        TextKind::Reason | TextKind::Citation | TextKind::Place => true,
        TextKind::Code => plain,
        TextKind::Phone => character.is_ascii_alphanumeric() || "+.()/#*,;:".contains(character),
        TextKind::Name => of_words || "'’‘`´.,/()\"“”·・･׳״՚་༌፡॰".contains(character),
    }
}

fn mark(character: char) -> bool {
    matches!(character.general_category(), Gc::NonspacingMark | Gc::SpacingMark | Gc::EnclosingMark)
}

/// Whether a character by itself says something.
fn shows(of: TextKind, character: char) -> bool {
    let letter = matches!(
        character.general_category(),
        Gc::UppercaseLetter | Gc::LowercaseLetter | Gc::TitlecaseLetter | Gc::OtherLetter
    );
    let digit = character.general_category() == Gc::DecimalNumber;
    let number = digit || matches!(character.general_category(), Gc::LetterNumber | Gc::OtherNumber);
    match of {
        TextKind::Name => letter,
        TextKind::Reason | TextKind::Citation | TextKind::Place => letter || number,
        TextKind::Code => letter || digit,
        TextKind::Phone => digit,
    }
}

fn holds_its_promises(of: TextKind, text: &str, read: &Result<Option<String>, TextFault>) {
    let Ok(Some(read)) = read else { return };
    assert!(read.chars().any(|character| shows(of, character)), "{of:?} {text:?}");
    assert!(is_nfc(read), "{of:?} {text:?}");
    assert!(!read.contains("  ") && read.trim() == read, "{of:?} {text:?}");
    assert_eq!(of.read(read, 100), Ok(Some(read.clone())), "{of:?} {text:?}");
}

#[test]
fn every_character_of_unicode_is_taken_exactly_where_the_table_says_so() {
    for of in TextKind::ALL {
        let (start, end) = if of == TextKind::Phone { ("12", "34") } else { ("Na", "me") };
        // Above, nothing is assigned that any use takes: shown for two of them, and not waited for in all.
        let whole = matches!(of, TextKind::Name | TextKind::Reason);
        for character in everything().filter(|character| whole || *character < '\u{40000}') {
            let parts: Vec<char> = character.to_string().nfc().collect();
            let taken = parts.iter().all(|part| takes(of, *part));

            let word = format!("{start}{character}{end}");
            let read = of.read(&word, 100);
            assert_eq!(matches!(read, Ok(Some(_))), taken, "{of:?} U+{:04X} in a word: {read:?}", u32::from(character));
            holds_its_promises(of, &word, &read);

            let alone = character.to_string();
            let read = of.read(&alone, 100);
            let space = character.general_category() == Gc::SpaceSeparator;
            let shown =
                taken && !parts.first().is_some_and(|first| mark(*first)) && parts.iter().any(|part| shows(of, *part));
            assert_eq!(matches!(read, Ok(Some(_))), shown, "{of:?} U+{:04X} alone: {read:?}", u32::from(character));
            assert_eq!(matches!(read, Ok(None)), space, "{of:?} U+{:04X} alone: {read:?}", u32::from(character));
            holds_its_promises(of, &alone, &read);
        }
    }
}

#[test]
fn names_of_all_scripts_are_welcome() {
    for name in [
        "Quackenbush",
        "Núñez-O’Neill",
        "O'Brien",
        "d`Arc",
        "D´Angelo",
        "Sukarno",
        "Ŋũgĩ wa Thiong’o",
        "Nguyễn Thị Ánh",
        "St. John III",
        "8Ball",
        "Smith, Jr.",
        "García y López",
        "Muhammad s/o Ali",
        "Gal·la",
        "אברהם",
        "שַׁבְּתַי",
        "ג׳ורג׳",
        "עבד־אל",
        "عبد الله",
        "مُحَمَّد",
        "علی\u{200c}رضا",
        "می\u{200c}خواهم",
        "श्रीमती",
        "क्\u{200d}ष",
        "शर्\u{200c}मा",
        "र\u{200d}्याब",
        "র\u{200d}্যাব",
        "රණසිංහ",
        "ශ්\u{200d}රී",
        "தமிழ்",
        "ตะวันฉาย",
        "བཀྲ་ཤིས",
        "ဒေါ်အောင်ဆန်းစုကြည်",
        "ខ្មែរ",
        "王 小明",
        "王小明",
        "山田　太郎",
        "ジャン・ポール",
        "김",
        "김철수",
        "ኃይለ ሥላሴ",
        "ߒߞߏ",
        "𞤀𞤣𞤤𞤢𞤥",
        "ᏣᎳᎩ",
        "ᐃᓄᒃᑎᑐᑦ",
        "Ⴀ",
        "Աննա",
        "Łukasz",
        "Þór",
        "ʻAkahi",
        "ǃKung",
        "Ⅲ Henri",
    ] {
        let read = TextKind::Name.read(name, 100);
        assert!(matches!(read, Ok(Some(_))), "{name:?}: {read:?}");
        holds_its_promises(TextKind::Name, name, &read);
    }
}

#[test]
fn what_shows_nothing_or_deceives_is_refused_and_said_to_be() {
    fn check(of: TextKind, text: &str, says: &str) {
        let flaw = of.read(text, 20).unwrap_err().to_string();
        assert!(flaw.contains(says), "{of:?} {text:?}: {flaw}");
    }
    for of in TextKind::ALL {
        let word = if of == TextKind::Phone { "12" } else { "ab" };
        check(of, &format!("{word}\u{200b}"), "show nothing where they stand, such as U+200B");
        check(of, "\u{3164}", "such as U+3164");
        check(of, "\u{2800}", "such as U+2800");
        check(of, &format!("{word}\u{fe0f}"), "such as U+FE0F");
        check(of, &format!("{word}\u{e0041}"), "such as U+E0041");
        check(of, "\u{202e}evil", "turn the direction of text, such as U+202E");
        check(of, &format!("{word}\u{2028}{word}"), "separators of lines, such as U+2028");
        check(of, &format!("{word}\n{word}"), "control characters, such as U+000A");
        check(of, &format!("{word}\u{e000}"), "U+E000 is not");
        check(of, &format!("{word}\u{fffd}"), "stand for what was lost");
        check(of, &word.repeat(11), "at most 20 characters, and 60 bytes");
        check(of, "---", "text with at least one");
        check(of, " <why>", "filled in");
        assert_eq!(of.read(" \u{a0}\u{3000}", 20), Ok(None));
        assert_eq!(of.read("", 20), Ok(None));
    }
    for of in [TextKind::Name, TextKind::Reason, TextKind::Citation, TextKind::Place] {
        check(of, "\u{301}", "stand on no letter");
        check(of, "a \u{301}", "stand on no letter");
        check(of, &format!("a{}", "\u{316}".repeat(9)), "more than 8 on one");
        check(of, "𞤀𞤣𞤤𞤢𞤥𞤀𞤣𞤤𞤢𞤥𞤀𞤣𞤤𞤢𞤥𞤢", "60 bytes");
        check(of, "a\u{200d}b", "such as U+200D");
        check(of, "a\u{200c}b", "such as U+200C");
        check(of, "\u{200d}", "such as U+200D");
    }
    check(TextKind::Name, "12", "at least one letter");
    check(TextKind::Name, "a@b", "must be".trim_start_matches("must be"));
    check(TextKind::Name, "a_b", "a name: letters of any script");
    check(TextKind::Code, "§ 12", "of ASCII");
    check(TextKind::Phone, "call me", "at least one digit");
    check(TextKind::Phone, "12_34", "a telephone number");
}

#[test]
fn what_looks_the_same_is_kept_the_same() {
    fn check(of: TextKind, kept: &str, sent: &[&str]) {
        for text in sent {
            assert_eq!(of.read(text, 100), Ok(Some(kept.to_owned())), "{text:?}");
        }
    }
    check(TextKind::Name, "Núñez", &["Núñez", "Nu\u{301}n\u{303}ez", " Núñez\u{a0}"]);
    check(TextKind::Name, "Å Berg", &["\u{212b}\u{2003}Berg", "A\u{30a}  Berg", "Å\u{202f}Berg"]);
    check(TextKind::Name, "한", &["\u{1112}\u{1161}\u{11ab}", "한"]);
    check(TextKind::Phone, "+1 (212) 555-0100 ext. 12", &["+1 (212) 555‑0100 ext. 12", "+1 (212) 555–0100  ext. 12"]);
    check(TextKind::Code, "1:26-mj-0001", &["1:26‐mj‐0001"]);
    check(TextKind::Citation, "§ 9-131(h)", &["§\u{a0}9-131(h)"]);
    check(TextKind::Citation, "168 A.D.3d 31 — 2d Dept", &["168 A.D.3d 31 — 2d Dept"]);
}

#[test]
fn a_text_of_several_lines_says_something_or_not() {
    for good in ["why", "two\nlines", "  indented\n\n\tmore  ", "§ 12"] {
        assert!(says_something(good), "{good:?}");
    }
    for bad in ["", " \n\t", "\u{200b}", "\u{3164}", "why\u{202e}", "—", "a\u{2028}b"] {
        assert!(!says_something(bad), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn whatever_is_read_is_canonical(text in "\\PC{0,12}|[\u{300}-\u{36f}a-z \u{200b}-\u{200f}]{0,12}|[\u{900}-\u{97f}\u{200c}\u{200d}]{0,8}|[\u{600}-\u{6ff}\u{200c}]{0,8}|[\u{1100}-\u{11ff}]{0,6}") {
        for of in TextKind::ALL {
            holds_its_promises(of, &text, &of.read(&text, 100));
        }
    }
}

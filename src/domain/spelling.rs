//! Canonical spellings of the numbers of persons and agencies.
//!
//! Separators, letter case and leading filler zeros do not count. INVARIANT: each function returns its own result
//! unchanged.

use crate::domain::text::is_dash;

/// A-number: nine digits, as `012345678`, from `A012345678`, `A-012-345-678`, `A# 12345678` or `12345678`.
pub(crate) fn alien_number(text: &str) -> Option<String> {
    let number = plain(text)?;
    let digits = number.strip_prefix('A').unwrap_or(&number);
    let valid = (7..=9).contains(&digits.len()) && all_digits(digits);
    valid.then(|| format!("{digits:0>9}"))
}

/// FBI or universal control number: up to nine letters and digits, after any number of leading filler zeros.
pub(crate) fn fbi_number(text: &str) -> Option<String> {
    let number = plain(text)?;
    let own = unfilled(&number);
    let valid = (1..=9).contains(&own.len()) && all_alphanumeric(own);
    valid.then(|| own.to_owned())
}

/// State identification number: two letters of the state and its number without leading filler zeros, as `NY1234567L`.
///
/// A New York number ends in a check letter. A number of that shape without a state is New York's, because no other
/// state uses it.
pub(crate) fn state_id(text: &str) -> Option<String> {
    let number = plain(text)?;
    if is_nysid(&number) {
        return Some(format!("NY{}", unfilled(&number)));
    }
    let (state, own) = number.split_at_checked(2)?;
    let own = unfilled(own);
    let of_new_york = state == "NY" && is_nysid(own);
    let valid = state.chars().all(|letter| letter.is_ascii_uppercase())
        && ((1..=8).contains(&own.len()) || of_new_york)
        && all_alphanumeric(own);
    valid.then(|| format!("{state}{own}"))
}

/// Seven or eight digits and a letter.
fn is_nysid(number: &str) -> bool {
    let digits = number.strip_suffix(|letter: char| letter.is_ascii_uppercase());
    digits.is_some_and(|digits| (7..=8).contains(&digits.len()) && all_digits(digits))
}

/// New York departmental identification number, as `24-B-1234`.
pub(crate) fn din(text: &str) -> Option<String> {
    let number = plain(text)?;
    let (year, rest) = number.split_at_checked(2)?;
    let (letter, serial) = rest.split_at_checked(1)?;
    let valid = all_digits(year)
        && letter.chars().all(|letter| letter.is_ascii_uppercase())
        && serial.len() == 4
        && all_digits(serial);
    valid.then(|| format!("{year}-{letter}-{serial}"))
}

/// Originating agency identifier: nine upper-case letters and digits.
pub(crate) fn ori(text: &str) -> Option<String> {
    plain(text).filter(|ori| ori.len() == 9 && all_alphanumeric(ori))
}

/// A code of upper-case letters and digits, which may have been written in lower case.
pub(crate) fn upper(text: &str) -> Option<String> {
    let upper = text.trim_matches(' ').to_ascii_uppercase();
    all_alphanumeric(&upper).then_some(upper)
}

/// A BCP 47 tag in the case of RFC 5646 2.1.1: `zh-Hant-TW`.
pub(crate) fn language(text: &str) -> Option<String> {
    let subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let primary = |part: &str| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let valid = text.len() <= 35 && text.split('-').next().is_some_and(primary) && text.split('-').all(subtag);
    if !valid {
        return None;
    }
    let mut after_singleton = false;
    let parts = text.split('-').enumerate().map(|(at, part)| {
        let lower = part.to_ascii_lowercase();
        let spelt = match (at, part.len()) {
            (0, _) => lower,
            (_, 2) if !after_singleton => lower.to_ascii_uppercase(),
            (_, 4) if !after_singleton => {
                let (first, rest) = lower.split_at_checked(1).unwrap_or((&lower, ""));
                format!("{}{rest}", first.to_ascii_uppercase())
            }
            _ => lower,
        };
        after_singleton |= part.len() == 1;
        spelt
    });
    Some(parts.collect::<Vec<_>>().join("-"))
}

/// ASCII letters and digits in upper case, without separators. `None`: the text has other characters.
fn plain(text: &str) -> Option<String> {
    const LEN_MAX: usize = 64;
    if text.len() > LEN_MAX {
        return None;
    }
    let mut number = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '0'..='9' | 'A'..='Z' | 'a'..='z' => number.push(character.to_ascii_uppercase()),
            ' ' | '\u{a0}' | '.' | '/' | '#' => {}
            dash if is_dash(dash) => {}
            _ => return None,
        }
    }
    Some(number)
}

/// Without leading zeros. If there are only zeros, one.
fn unfilled(number: &str) -> &str {
    let rest = number.trim_start_matches('0');
    if rest.is_empty() && !number.is_empty() { "0" } else { rest }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn all_alphanumeric(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Read = fn(&str) -> Option<String>;

    #[test]
    fn all_spellings_of_a_number_meet() {
        fn check(read: Read, canonical: &str, spellings: &[&str]) {
            for spelling in spellings {
                assert_eq!(read(spelling).as_deref(), Some(canonical), "{spelling:?}");
            }
            assert_eq!(read(canonical).as_deref(), Some(canonical));
        }
        check(
            alien_number,
            "012345678",
            &[
                "A012345678",
                "A-012-345-678",
                "12345678",
                "012345678",
                "a12345678",
                "A 012 345 678",
                "A#012345678",
                "012–345–678",
            ],
        );
        check(alien_number, "001234567", &["1234567", "A1234567", "01234567"]);
        check(alien_number, "000000000", &["0000000"]);
        check(fbi_number, "123456AB7", &["123456ab7", "123 456 AB7", "123-456-AB7"]);
        check(fbi_number, "9X000001", &["9x000001", "09X000001"]);
        check(fbi_number, "0", &["000"]);
        // Filler zeros do not count toward the length.
        check(fbi_number, "123456AB7", &["0123456AB7", "000-123456-AB7"]);
        check(
            state_id,
            "NY1234567L",
            &["01234567L", "1234567l", "NY01234567L", "ny 0123-4567-l", "NY-1234567L", "NY 01234567 L"],
        );
        check(state_id, "NY12345678L", &["12345678L", "NY12345678L"]);
        check(state_id, "TX1234567", &["TX01234567", "tx-01234567", "TX 1234567", "TX 0001234567"]);
        check(state_id, "NY0", &["NY000"]);
        check(
            din,
            "24-B-1234",
            &["24-B-1234", "24B1234", "24b1234", "24 B 1234", "24-B1234", "24‑b‑1234", "24/B/1234"],
        );
        check(ori, "NY030015G", &["NY030015G", "ny030015g", "NY 030015 G", "NY-030015G"]);
        check(upper, "13A", &["13a", " 13A "]);
        check(language, "zh-Hant-TW", &["ZH-HANT-tw", "zh-hant-TW"]);
        check(language, "en-a-bb-x-cccc", &["EN-A-BB-X-CCCC"]);
    }

    #[test]
    fn what_is_no_number_is_none() {
        fn check(read: Read, bad: &[&str]) {
            for text in bad {
                assert_eq!(read(text), None, "{text:?}");
            }
        }
        check(
            alien_number,
            &["", "A", "123456", "1234567890", "A1234567890", "AA1234567", "B1234567", "١٢٣٤٥٦٧", "12345\u{200b}67"],
        );
        check(fbi_number, &["", "-", "1234567890", "01234567890", "12_3", "\u{3164}"]);
        check(state_id, &["", "NY", "N12345678", "NY123456789", "TX12345678L", "123456L", "123456789L", "NY1\u{301}"]);
        check(din, &["2-4B-123", "24-B-123", "24-B-12345", "é4-B-1234", "24-BB-123", "XX-B-1234"]);
        check(ori, &["NY030015", "NY030015GG", "NY03001\u{200b}5G"]);
        check(upper, &["1_A", "é", "a b"]);
        check(language, &["", "e", "12", "es-", "es_MX", "waytoolongtag"]);
    }

    proptest! {
        #[test]
        fn what_was_read_reads_the_same(text in "[0-9A-Za-z #./–-]{0,14}") {
            let all: [Read; 7] = [alien_number, fbi_number, state_id, din, ori, upper, language];
            for read in all {
                if let Some(canonical) = read(&text) {
                    prop_assert_eq!(read(&canonical), Some(canonical.clone()), "{}", text);
                }
            }
        }

        #[test]
        fn neither_case_nor_what_parts_a_number_changes_it(number in "A?[0-9]{7,9}|[0-9]{2}[A-Z][0-9]{4}|[A-Z]{2}[0-9A-Z]{1,8}", parts in "[ #./–-]{12}", flips in any::<u16>()) {
            let spelt: String = number.chars().zip(parts.chars()).enumerate().flat_map(|(at, (letter, part))| {
                let flipped = flips >> at & 1 == 1;
                [if flipped { letter.to_ascii_lowercase() } else { letter }, if flipped { part } else { '-' }]
            }).collect();
            let all: [Read; 5] = [alien_number, fbi_number, state_id, din, ori];
            for read in all {
                prop_assert_eq!(read(&spelt), read(&number), "{} {}", spelt, number);
            }
        }
    }
}

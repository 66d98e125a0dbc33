//! The font of the forms: which characters it has, and how wide a text is in it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::OnceLock;

use ttf_parser::Face;

/// Noto Sans Regular: Latin, Greek, Cyrillic and Devanagari. `src/paper/fonts/OFL.txt` is its licence.
pub(super) static REGULAR: &[u8] = include_bytes!("fonts/NotoSans-Regular.ttf");
/// The same for what is typed into a field, where a reader knows the codes of Windows code page 1252 alone.
pub(super) static WIN_ANSI: &[u8] = include_bytes!("fonts/NotoSans-Regular-WinAnsi.ttf");

/// A font's tables. None only if the bytes above are no font; the tests read both.
pub(super) fn face() -> Option<&'static Face<'static>> {
    static FACE: OnceLock<Option<Face<'static>>> = OnceLock::new();
    FACE.get_or_init(|| Face::parse(REGULAR, 0).ok()).as_ref()
}

/// A text as the form shows it: a character that the font lacks stands as its code point, as `[U+674E]`. None vanishes.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_shown) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_shown(letter) {
            shown.push(letter);
        } else {
            // Writing to a String cannot fail.
            let _written = write!(shown, "[U+{:04X}]", u32::from(letter));
        }
    }
    Cow::Owned(shown)
}

/// Whether the font has the character, and it is one that leaves a mark or a space.
fn is_shown(letter: char) -> bool {
    let invisible = letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !invisible && face().and_then(|face| face.glyph_index(letter)).is_some()
}

/// How wide a text is at a size, in points.
pub(super) fn width(text: &str, size: f32) -> f32 {
    let Some(face) = face() else { return 0.0 };
    let advance = |letter| face.glyph_index(letter).and_then(|glyph| face.glyph_hor_advance(glyph)).unwrap_or_default();
    let units: f32 = text.chars().map(|letter| f32::from(advance(letter))).sum();
    units / f32::from(face.units_per_em()) * size
}

/// A text in lines of at most a width. A word that is wider than a line is cut.
pub(super) fn lines(text: &str, size: f32, width_max: f32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let joint = if line.is_empty() { "" } else { " " };
        if width(&format!("{line}{joint}{word}"), size) <= width_max {
            line = format!("{line}{joint}{word}");
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for letter in word.chars() {
            line.push(letter);
            if width(&line, size) > width_max {
                line.pop();
                lines.push(std::mem::replace(&mut line, letter.to_string()));
            }
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_the_font_lacks_stands_as_its_code_point() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text), expected);
        check("Muñoz-Østergård, Ζήνων Чехов", "Muñoz-Østergård, Ζήνων Чехов");
        check("李 Li", "[U+674E] Li");
        check("a\u{202e}b\u{200f}\u{7}", "a[U+202E]b[U+200F][U+0007]");
        check("😀", "[U+1F600]");
    }

    #[test]
    fn no_line_is_wider_than_it_may_be_and_nothing_is_left_out() {
        for text in ["", "one", "several words that go on for a while", &"W".repeat(90), "a  b"] {
            let lines = lines(text, 9.0, 60.0);
            assert!(lines.iter().all(|line| width(line, 9.0) <= 60.0), "{lines:?}");
            assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        }
        assert!(Face::parse(WIN_ANSI, 0).is_ok());
    }
}

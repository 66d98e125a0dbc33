//! A canary in every form that it could be written down in, and the search for all of them at once.

use std::collections::{BTreeSet, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::mutate::wire::varint;

/// Every form has so many bytes: a shorter one would be found anywhere by chance.
const LEN_MIN: usize = 5;

/// What a field was filled with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Canary {
    /// A text that stands nowhere else.
    Text(String),
    /// A text so short that it means something only as a word of its own in a text.
    Word(String),
    /// A time: a second and a nanosecond that nothing else happens at.
    Time(i64, i32),
}

impl Canary {
    /// As bytes that must be nowhere.
    fn forms(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Text(text) => forms_of(text),
            Self::Word(_) => Vec::new(),
            Self::Time(seconds, nanos) => {
                let written = jiff::Timestamp::new(*seconds, *nanos).unwrap().to_string();
                let day_and_time = written.split('.').next().unwrap();
                let texts =
                    [day_and_time.to_owned(), day_and_time.replace('T', " "), seconds.to_string(), nanos.to_string()];
                let mut forms: Vec<_> = texts.iter().flat_map(|text| forms_of(text)).collect();
                let whole = i128::from(*seconds) * 1_000_000_000 + i128::from(*nanos);
                let units = [1, 1_000, 1_000_000, 1_000_000_000].map(|unit| u64::try_from(whole / unit).unwrap());
                for number in units.into_iter().chain([seconds.unsigned_abs(), nanos.unsigned_abs().into()]) {
                    forms.extend(bytes_of(number));
                }
                forms
            }
        }
    }

    /// As it is found where it should be: in a message of an answer.
    pub(super) fn arrived(&self, answers: &[u8]) -> bool {
        let has = |needle: &[u8]| answers.windows(needle.len()).any(|window| window == needle);
        match self {
            Self::Text(text) | Self::Word(text) => {
                has(text.as_bytes()) || text.parse().is_ok_and(|number| has(&varint(number)))
            }
            Self::Time(seconds, nanos) => has(&[
                &[0x08],
                varint(seconds.unsigned_abs()).as_slice(),
                &[0x10],
                &varint(nanos.unsigned_abs().into()),
            ]
            .concat()),
        }
    }
}

/// UTF-8, UTF-16, hexadecimal and base64 at each place it can begin at, backwards; digits as a number too.
fn forms_of(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let backwards: Vec<u8> = bytes.iter().rev().copied().collect();
    let mut forms = vec![bytes.to_vec(), backwards];
    forms.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    forms.push(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    // As Rust prints a list of bytes.
    forms.push(bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ").into_bytes());
    forms.push(hex::encode(bytes).into_bytes());
    forms.push(hex::encode_upper(bytes).into_bytes());
    for engine in [STANDARD, URL_SAFE] {
        for before in 0..3 {
            // Characters that the canary alone makes, whatever stands before and after it.
            let encoded = engine.encode([&vec![0; before], bytes].concat());
            let from = [0, 2, 3][before];
            let whole = (before + bytes.len()) * 8 / 6;
            forms.extend(encoded.as_bytes().get(from..whole).map(<[u8]>::to_vec));
        }
    }
    if let Ok(number) = text.parse() {
        forms.extend(bytes_of(number));
    }
    forms
}

/// A number as protobuf, as memory of either order, and as SQLite writes it.
fn bytes_of(number: u64) -> [Vec<u8>; 4] {
    let big = number.to_be_bytes();
    // SQLite keeps eight bytes, six, or four, which are too few to look for.
    let six = if number < 1 << 31 { &[] } else { &big[2..] };
    [varint(number), big.to_vec(), number.to_le_bytes().to_vec(), six.to_vec()]
}

/// All canaries, by field, ready to be looked for.
pub(super) struct Needles {
    /// By the first bytes of a form.
    forms: HashMap<[u8; LEN_MIN], Vec<(Vec<u8>, usize)>>,
    firsts: BTreeSet<u8>,
    words: HashMap<String, usize>,
    fields: Vec<String>,
}

impl Needles {
    pub(super) fn of<'a>(canaries: impl IntoIterator<Item = (&'a str, &'a Canary)>) -> Self {
        let mut needles =
            Self { forms: HashMap::new(), firsts: BTreeSet::new(), words: HashMap::new(), fields: Vec::new() };
        for (at, (field, canary)) in canaries.into_iter().enumerate() {
            needles.fields.push(format!("{field} {canary:?}"));
            if let Canary::Word(word) = canary {
                needles.words.insert(word.to_lowercase(), at);
            }
            for form in canary.forms() {
                // Case is not kept by everything that writes.
                let form = form.to_ascii_lowercase();
                let Some(first) = form.first_chunk() else { continue };
                needles.firsts.insert(first[0]);
                needles.forms.entry(*first).or_default().push((form, at));
            }
        }
        needles
    }

    /// Fields whose canary is in there, in any form.
    pub(super) fn found_in(&self, haystack: &[u8]) -> BTreeSet<&str> {
        let haystack = haystack.to_ascii_lowercase();
        let mut is_first = [false; 256];
        self.firsts.iter().for_each(|first| is_first[usize::from(*first)] = true);
        let mut found = BTreeSet::new();
        for (at, byte) in haystack.iter().enumerate() {
            if !is_first[usize::from(*byte)] {
                continue;
            }
            let rest = &haystack[at..];
            let candidates = rest.first_chunk().and_then(|first| self.forms.get(first)).into_iter().flatten();
            found
                .extend(candidates.filter(|(form, _)| rest.starts_with(form)).map(|(_, at)| self.fields[*at].as_str()));
        }
        found
    }

    /// The same in a text that is read as such, where short words count too.
    pub(super) fn found_in_text(&self, text: &[u8]) -> BTreeSet<&str> {
        let mut found = self.found_in(text);
        for word in text.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
            let known = std::str::from_utf8(word).ok().and_then(|word| self.words.get(&word.to_lowercase()));
            found.extend(known.map(|at| self.fields[*at].as_str()));
        }
        found
    }
}

#[test]
fn a_canary_is_found_in_every_form_and_nothing_else_is() {
    let (text, word, time) = (
        Canary::Text("Zebra017Quark".to_owned()),
        Canary::Word("QZX".to_owned()),
        Canary::Time(2_942_197_255, 92_653_589),
    );
    let number = Canary::Text("917364528".to_owned());
    let needles = Needles::of([("name", &text), ("citizenship", &word), ("when", &time), ("number", &number)]);
    let found = |haystack: &[u8]| needles.found_in_text(haystack).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let utf16: Vec<u8> = "Zebra017Quark".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let name = [
        b"..zebra017quark..".to_vec(),
        b"krauQ710arbeZ".to_vec(),
        utf16,
        hex::encode("Zebra017Quark").into_bytes(),
        format!("{:?}", b"Zebra017Quark").into_bytes(),
        STANDARD.encode("Zebra017Quark").into_bytes(),
        STANDARD.encode("a: Zebra017Quark;").into_bytes(),
        URL_SAFE.encode("ab: Zebra017Quark").into_bytes(),
        STANDARD.encode("abc: Zebra017Quark!!").into_bytes(),
    ];
    for haystack in name {
        assert_eq!(found(&haystack).len(), 1, "{}", String::from_utf8_lossy(&haystack));
    }
    assert_eq!(found(b"(QZX)").len(), 1);
    assert_eq!(found(b"aQZXa").len(), 0);
    for haystack in [&b"2063-03-27T05:00:55Z"[..], b"at 2942197255", b"092653589", &2_942_197_255_u64.to_le_bytes()] {
        assert_eq!(found(haystack).len(), 1, "{}", String::from_utf8_lossy(haystack));
    }
    assert_eq!(found(&917_364_528_u64.to_be_bytes()).len(), 1);
    assert_eq!(found(b"Zebra018Quark 2063-03-27T05:00:56Z 917364529").len(), 0);
}

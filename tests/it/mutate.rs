//! Changes inputs at random, the same way for the same seed: bytes, text lines, and protobuf fields.

pub(crate) mod wire;

use fastrand::Rng;

/// No input grows beyond it: a limit of the gateway's own is met by length fields, not by volume.
pub(crate) const LEN_MAX: usize = 64 * 1_024;

/// Bytes that stand at limits.
const EDGES: [u8; 8] = [0x00, 0x01, 0x7f, 0x80, 0xff, b'\n', b' ', b'/'];

/// What an input is, and so how it is best changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bytes,
    Text,
    Wire,
}

/// Changes an input once or a few times, now and then mixing in another.
pub(crate) fn mutate(random: &mut Rng, kind: Kind, input: &[u8], other: &[u8], words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.u8(..).leading_zeros().min(4) {
        bytes = match kind {
            Kind::Wire if random.u8(..4) > 0 => wire::mutate(random, &bytes, other, words),
            Kind::Text if random.u8(..3) > 0 => change_lines(random, &bytes, other, words),
            Kind::Bytes | Kind::Text | Kind::Wire => change_bytes(random, bytes, other, words),
        };
        bytes.truncate(LEN_MAX);
    }
    bytes
}

/// A place in `0..len`, also for what is empty.
fn place(random: &mut Rng, len: usize) -> usize {
    random.usize(..len.max(1))
}

/// A stretch of something.
fn stretch<'a>(random: &mut Rng, bytes: &'a [u8]) -> &'a [u8] {
    let from = place(random, bytes.len());
    let len = 1 + place(random, (bytes.len() - from).min(32));
    bytes.get(from..from + len).unwrap_or(bytes)
}

fn change_bytes(random: &mut Rng, mut bytes: Vec<u8>, other: &[u8], words: &[&[u8]]) -> Vec<u8> {
    let at = place(random, bytes.len());
    match random.u8(..10) {
        0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << random.u8(..8),
        2 if !bytes.is_empty() => bytes[at] = random.choice(EDGES).unwrap(),
        3 => bytes.truncate(at),
        4 => drop(bytes.drain(..at)),
        5 => {
            let end = (at + 1 + place(random, 16)).min(bytes.len());
            bytes.drain(at.min(end)..end);
        }
        6 => {
            let again = stretch(random, &bytes).to_vec();
            bytes.splice(at..at, again);
        }
        7 => {
            let foreign = stretch(random, other).to_vec();
            bytes.splice(at..at, foreign);
        }
        8 => {
            // The beginning of one and the end of the other.
            bytes.truncate(at);
            bytes.extend_from_slice(&other[place(random, other.len()).min(other.len())..]);
        }
        _ => {
            let word = random.choice(words).copied().unwrap_or_default();
            let end = if random.bool() { at } else { (at + word.len()).min(bytes.len()) };
            bytes.splice(at..end, word.iter().copied());
        }
    }
    bytes
}

/// Lines dropped, doubled, swapped, borrowed; ends and spellings changed.
fn change_lines(random: &mut Rng, bytes: &[u8], other: &[u8], words: &[&[u8]]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (at, to) = (place(random, lines.len()), place(random, lines.len()));
    match random.u8(..9) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(to, lines[at].clone()),
        2 => lines.swap(at, to),
        3 => {
            let theirs: Vec<_> = other.split(|byte| *byte == b'\n').collect();
            lines[at] = random.choice(theirs).unwrap_or_default().to_vec();
        }
        4 => lines[at].push(random.choice(*b"\r =A\t.").unwrap()),
        5 => lines[at].make_ascii_uppercase(),
        6 => lines.insert(at, random.choice(words).copied().unwrap_or_default().to_vec()),
        7 => lines[at] = respell_number(random, &lines[at]),
        _ => lines[at] = change_bytes(random, lines[at].clone(), other, words),
    }
    lines.join(&b'\n')
}

/// The first number in a line, written otherwise or made another.
fn respell_number(random: &mut Rng, line: &[u8]) -> Vec<u8> {
    let Some(from) = line.iter().position(u8::is_ascii_digit) else { return line.to_vec() };
    let end = line[from..].iter().position(|byte| !byte.is_ascii_digit()).map_or(line.len(), |len| from + len);
    let number = &line[from..end];
    let zero = [b"0", number].concat();
    let plus = [b"+", number].concat();
    let long = [number, b"0"].concat();
    let candidates: [&[u8]; 7] =
        [&zero, &plus, &long, b"-1", b"18446744073709551615", b"9223372036854775808", "\u{0661}".as_bytes()];
    [&line[..from], random.choice(candidates).unwrap(), &line[end..]].concat()
}

#[test]
fn the_same_seed_changes_the_same_way_and_nothing_grows_without_end() {
    let words: [&[u8]; 1] = [b"word"];
    for kind in [Kind::Bytes, Kind::Text, Kind::Wire] {
        let run = || {
            let mut random = Rng::with_seed(7);
            let mut inputs = vec![b"\x0a\x03abc\x10\x01\n12\n".to_vec(), Vec::new()];
            for _ in 0..2_000 {
                let input = random.choice(&inputs).unwrap().clone();
                let other = random.choice(&inputs).unwrap().clone();
                inputs.push(mutate(&mut random, kind, &input, &other, &words));
            }
            inputs
        };
        let inputs = run();
        assert_eq!(inputs, run());
        assert!(inputs.iter().all(|input| input.len() <= LEN_MAX));
        let different: std::collections::BTreeSet<_> = inputs.iter().collect();
        assert!(different.len() > 1_000, "{kind:?}: {} different inputs", different.len());
    }
}

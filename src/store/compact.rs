//! Cases as they are kept: JSON, compressed (LZ4 block format) against a text of what every case says. Nine tenths of a
//! case's JSON is names of fields; a row with all of it would not fit beside others on a page.

use lz4_flex::block::{compress_with_dict, decompress_with_dict};

use crate::store::StoreError;

/// INVARIANT: never changed, or what was stored cannot be read. A better one gets the next number.
const DICTIONARY_1: &[u8] = include_bytes!("case_dictionary_1.txt");
/// Before what was compressed. JSON that was stored before cases were compressed begins with a brace.
const COMPRESSED_1: u8 = 1;
const LEN_LEN: usize = size_of::<u32>();
const BROKEN: StoreError = StoreError::Broken("a case is not of a known layout");

/// Compresses the JSON of a case.
pub(super) fn compress(json: &[u8]) -> Result<Vec<u8>, StoreError> {
    let len = u32::try_from(json.len()).map_err(|_| StoreError::Broken("a case is too long"))?;
    let compressed = compress_with_dict(json, DICTIONARY_1);
    let mut kept = Vec::with_capacity(compressed.len().saturating_add(LEN_LEN).saturating_add(1));
    kept.push(COMPRESSED_1);
    kept.extend_from_slice(&len.to_be_bytes());
    kept.extend_from_slice(&compressed);
    Ok(kept)
}

/// The JSON of a case, compressed or as it was stored before.
pub(super) fn decompress(kept: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    match kept.split_first() {
        Some((b'{', _)) => Ok(kept),
        Some((&COMPRESSED_1, rest)) => {
            let (len, compressed) = rest.split_first_chunk::<LEN_LEN>().ok_or(BROKEN)?;
            let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| BROKEN)?;
            decompress_with_dict(compressed, len, DICTIONARY_1).map_err(|_| BROKEN)
        }
        Some(_) | None => Err(BROKEN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compressed_is_read_again_and_what_was_stored_before_too() {
        for json in [r#"{}"#.to_owned(), format!(r#"{{"Detainer":{{"issuer":"{}"}}}}"#, "us-ice".repeat(2_000))] {
            let kept = compress(json.as_bytes()).unwrap();
            assert_eq!(decompress(kept).unwrap(), json.as_bytes());
            assert_eq!(decompress(json.clone().into_bytes()).unwrap(), json.as_bytes());
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        let kept = compress(br#"{"Custody":{"state":"held"}}"#).unwrap();
        for broken in [&[][..], &[2, 0, 0, 0, 1, 0], &[1, 0, 0], &kept[..kept.len() - 1]] {
            assert!(matches!(decompress(broken.to_vec()), Err(StoreError::Broken(_))), "{broken:?}");
        }
    }

    /// What it would cost to read it with another dictionary, once it has been written with this one.
    #[test]
    fn the_dictionary_is_the_one_that_cases_were_written_with() {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, DICTIONARY_1);
        assert_eq!(hex::encode(digest), "cdf64c2b1ca2b4929caec6541c1b65016061963456454315d790fccf80b48b03");
    }
}

//! What is kept, compressed (LZ4 block format) against a text that says most of it already. Nine tenths of a case's JSON is
//! names of fields, and a row with all of it would not fit beside others on a page; an answer repeats what its entry says.

use lz4_flex::block::{compress_with_dict, decompress_with_dict};

use crate::store::StoreError;

/// INVARIANT: never changed, or what was stored cannot be read. A better one gets the next number.
const CASES_1: &[u8] = include_bytes!("case_dictionary_1.txt");
/// Before what was compressed. Neither JSON nor protobuf begins with it, so what was stored before is told from it.
const COMPRESSED: u8 = 1;
const LEN_LEN: usize = size_of::<u32>();
const BROKEN: StoreError = StoreError::Broken("what was compressed is not of a known layout");

/// The end of that text: a detainer as it is lodged. What LZ4 refers to is counted from the end, so what was compressed against
/// the end alone is read with the whole; and a third of the time goes into reading what it is compressed against.
const LODGED_1: &[u8] = match CASES_1.split_at_checked(CASES_1.len() - LODGED_1_LEN) {
    Some((_, lodged)) => lodged,
    None => CASES_1,
};
const LODGED_1_LEN: usize = 1_564;

/// Compresses the JSON of a case. `is_lodged`: of a detainer of which nothing has been said yet.
pub(super) fn compress_case(json: &[u8], is_lodged: bool) -> Result<Vec<u8>, StoreError> {
    compress(json, if is_lodged { LODGED_1 } else { CASES_1 })
}

/// The JSON of a case, compressed or as it was stored before.
pub(super) fn decompress_case(kept: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    if is_compressed(&kept) { decompress(&kept, CASES_1) } else { Ok(kept) }
}

/// Whether something was compressed before it was kept.
pub(super) fn is_compressed(kept: &[u8]) -> bool {
    kept.first() == Some(&COMPRESSED)
}

/// Compresses bytes against others, without which they cannot be read again.
pub(super) fn compress(bytes: &[u8], against: &[u8]) -> Result<Vec<u8>, StoreError> {
    let len = u32::try_from(bytes.len()).map_err(|_| StoreError::Broken("it is too long to be kept"))?;
    let compressed = compress_with_dict(bytes, against);
    let mut kept = Vec::with_capacity(compressed.len().saturating_add(LEN_LEN).saturating_add(1));
    kept.push(COMPRESSED);
    kept.extend_from_slice(&len.to_be_bytes());
    kept.extend_from_slice(&compressed);
    Ok(kept)
}

/// What was compressed against the same bytes.
pub(super) fn decompress(kept: &[u8], against: &[u8]) -> Result<Vec<u8>, StoreError> {
    let Some((&COMPRESSED, rest)) = kept.split_first() else { return Err(BROKEN) };
    let (len, compressed) = rest.split_first_chunk::<LEN_LEN>().ok_or(BROKEN)?;
    let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| BROKEN)?;
    decompress_with_dict(compressed, len, against).map_err(|_| BROKEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compressed_is_read_again_and_what_was_stored_before_too() {
        for json in ["{}".to_owned(), format!(r#"{{"Detainer":{{"issuer":"{}"}}}}"#, "us-ice".repeat(2_000))] {
            for is_lodged in [false, true] {
                let kept = compress_case(json.as_bytes(), is_lodged).unwrap();
                assert_eq!(decompress_case(kept).unwrap(), json.as_bytes());
            }
            assert_eq!(decompress_case(json.clone().into_bytes()).unwrap(), json.as_bytes());
        }
        for answer in [&b""[..], b"\x0a\x03abc", &[7; 5_000]] {
            let kept = compress(answer, b"an entry that says abc").unwrap();
            assert_eq!(decompress(&kept, b"an entry that says abc").unwrap(), answer);
        }
    }

    #[test]
    fn what_was_not_compressed_is_refused() {
        let kept = compress_case(br#"{"Custody":{"state":"held"}}"#, false).unwrap();
        for broken in [&[][..], &[2, 0, 0, 0, 1, 0], &[1, 0, 0], &kept[..kept.len() - 1]] {
            assert!(matches!(decompress(broken, CASES_1), Err(StoreError::Broken(_))), "{broken:?}");
        }
    }

    #[test]
    fn a_detainer_as_lodged_is_small_against_the_end_of_the_dictionary() {
        assert!(LODGED_1.starts_with(br#"{"Detainer":{"name":"#), "the end begins with a detainer");
        let kept = compress_case(LODGED_1, true).unwrap();
        assert!(kept.len() < LODGED_1.len() / 10, "{} bytes", kept.len());
        assert_eq!(decompress_case(kept).unwrap(), LODGED_1);
    }

    /// With another dictionary, nothing could be read that was written with this one.
    #[test]
    fn the_dictionary_is_the_one_that_cases_were_written_with() {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, CASES_1);
        assert_eq!(hex::encode(digest), "cdf64c2b1ca2b4929caec6541c1b65016061963456454315d790fccf80b48b03");
    }
}

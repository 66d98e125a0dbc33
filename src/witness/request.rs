//! The body of `add-checkpoint` (C2SP tlog-witness): the size that the witness is thought to know, a consistency proof from there,
//! and a checkpoint.

use std::fmt;

use crate::ledger::{Hash, NOTE_LEN_MAX};

/// Longest body that is read, in bytes: the longest note and the longest proof fit.
pub const REQUEST_LEN_MAX: usize = NOTE_LEN_MAX + 4 * 1_024;

/// The most proof lines that a client may send.
const PROOF_LEN_MAX: usize = 63;

/// A request, as read. It prints as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness is thought to have cosigned last; 0 for none.
    pub old_size: u64,
    /// The consistency proof from there.
    pub proof: Vec<Hash>,
    /// The signed note. Not verified yet.
    pub note: String,
}

impl AddCheckpoint {
    /// Reads a body. `None`: it is none.
    pub fn parse(body: &str) -> Option<Self> {
        if body.len() > REQUEST_LEN_MAX {
            return None;
        }
        let (head, note) = body.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let size = lines.next()?.strip_prefix("old ")?;
        let old_size: u64 = size.parse().ok()?;
        // `parse` also accepts "+1" and "01".
        if old_size.to_string() != size {
            return None;
        }
        let proof: Vec<Hash> = lines.map(Hash::from_base64).collect::<Option<_>>()?;
        (proof.len() <= PROOF_LEN_MAX).then(|| Self { old_size, proof, note: note.to_owned() })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old_size)?;
        for hash in &self.proof {
            writeln!(f, "{}", hash.to_base64())?;
        }
        write!(f, "\n{}", self.note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_read_and_prints_the_same() {
        let body = "old 20852014\n\
            PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
            jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
            5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
            /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
            \n\
            example.com/behind-the-sofa\n\
            20852163\n\
            CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
            \n\
            \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
            \u{2014} example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";
        let read = AddCheckpoint::parse(body).unwrap();
        assert_eq!((read.old_size, read.proof.len()), (20_852_014, 4));
        assert!(read.note.starts_with("example.com/behind-the-sofa\n20852163\n"));
        assert_eq!(read.to_string(), body);
    }

    #[test]
    fn what_is_no_request_is_not_read() {
        let hash = Hash::from_bytes([7; 32]).to_base64();
        let long = format!("old 1\n{}\nx", format!("{hash}\n").repeat(64));
        for body in [
            "",
            "\n\n",
            "old\n\nx",
            "old 1",
            "old 1\n",
            "old +1\n\nx",
            "old 01\n\nx",
            "old -1\n\nx",
            "old 1 \n\nx",
            " old 1\n\nx",
            "Old 1\n\nx",
            "old 1\r\n\r\nx",
            "old 18446744073709551616\n\nx",
            "old 1\nAAAA\n\nx",
            &long,
        ] {
            assert_eq!(AddCheckpoint::parse(body), None, "{body:?}");
        }
        let most = format!("old 1\n{}\nx", format!("{hash}\n").repeat(63));
        assert_eq!(AddCheckpoint::parse(&most).unwrap().proof.len(), 63);
        assert_eq!(AddCheckpoint::parse(&format!("old 1\n\n{}", "x".repeat(REQUEST_LEN_MAX))), None);
    }
}

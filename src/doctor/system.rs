//! What the kernel gives a gateway: randomness, and open files.

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::config::Config;
use crate::doctor::finding::Finding;

/// Open files beside those of connections: the ops listener's, stores, policies, logs.
const OTHER_FILES: u64 = 512;

/// Whether the kernel's generator has been seeded: salts and ids come from it.
pub(super) fn entropy() -> Finding {
    judge_entropy(getrandom(&mut [0_u8; 32], GetRandomFlags::NONBLOCK).map(drop))
}

fn judge_entropy(drawn: Result<(), Errno>) -> Finding {
    const CHECK: &str = "entropy";
    match drawn {
        Ok(()) => Finding::ok(CHECK, "the kernel's generator is seeded"),
        Err(Errno::AGAIN) => Finding::fail(
            CHECK,
            "the kernel's generator is not seeded yet",
            "wait, or give the machine a virtio-rng device",
        ),
        Err(error) => Finding::fail(CHECK, error.to_string(), "let the process call getrandom"),
    }
}

/// Whether as many files may be open as connections are let in.
pub(super) fn open_files(config: &Config) -> Finding {
    let connections = u64::try_from(config.accept.connections_max).unwrap_or(u64::MAX);
    judge_open_files(getrlimit(Resource::Nofile).current, connections.saturating_add(OTHER_FILES))
}

fn judge_open_files(limit: Option<u64>, wanted: u64) -> Finding {
    const CHECK: &str = "open-files";
    match limit {
        None => Finding::ok(CHECK, "any number may be open"),
        Some(limit) if limit >= wanted => {
            Finding::ok(CHECK, format!("{limit} may be open, and {wanted} may be wanted"))
        }
        Some(limit) => Finding::warn(
            CHECK,
            format!("{limit} may be open, and {wanted} may be wanted"),
            "raise LimitNOFILE (ulimit -n), or lower accept.connections_max",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn a_generator_that_is_not_seeded_fails() {
        assert_eq!(judge_entropy(Ok(())).verdict, Verdict::Ok);
        assert_eq!(judge_entropy(Err(Errno::AGAIN)).verdict, Verdict::Fail);
        assert_eq!(judge_entropy(Err(Errno::PERM)).verdict, Verdict::Fail);
    }

    #[test]
    fn too_few_open_files_are_a_warning() {
        let limits = [None, Some(4_608), Some(4_607)].map(|limit| judge_open_files(limit, 4_608).verdict);
        assert_eq!(limits, [Verdict::Ok, Verdict::Ok, Verdict::Warn]);
    }
}

//! What the process uses, as the kernel tells it.

use std::fs;

/// What the process uses. Zero where the system does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ProcessUse {
    /// Memory that is resident.
    pub(super) resident_bytes: u64,
    /// File descriptors that are open.
    pub(super) open_files: u64,
    /// Most that may be open.
    pub(super) open_files_max: u64,
}

impl ProcessUse {
    /// As of now. It reads files of the kernel's, which wait for no disk.
    pub(super) fn now() -> Self {
        let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
        let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        Self {
            resident_bytes: resident_bytes(&read("/proc/self/status")).unwrap_or_default(),
            // One of them is the directory itself.
            open_files: u64::try_from(open.saturating_sub(1)).unwrap_or(u64::MAX),
            open_files_max: open_files_max(&read("/proc/self/limits")).unwrap_or_default(),
        }
    }
}

fn resident_bytes(status: &str) -> Option<u64> {
    let kibibytes: u64 =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok())?;
    kibibytes.checked_mul(1_024)
}

fn open_files_max(limits: &str) -> Option<u64> {
    let soft = limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next())?;
    if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_kernel_are_read() {
        assert_eq!(resident_bytes("VmPeak:\t  900 kB\nVmRSS:\t   20 kB\n"), Some(20_480));
        assert_eq!(resident_bytes("VmRSS: many\n"), None);
        let limits =
            |soft: &str| format!("Limit   Soft Limit  Hard Limit  Units\nMax open files   {soft}   4096   files\n");
        assert_eq!(open_files_max(&limits("1024")), Some(1_024));
        assert_eq!(open_files_max(&limits("unlimited")), Some(u64::MAX));
        assert_eq!(open_files_max(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_is_opened_counts() {
        let before = ProcessUse::now();
        let opened: Vec<_> = (0..50).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        let after = ProcessUse::now();
        // Other tests of the process open and close files, too.
        assert!(after.open_files >= before.open_files + 30, "{before:?} {after:?}");
        assert!(after.resident_bytes > 1_000_000 && after.open_files_max >= after.open_files, "{after:?}");
        drop(opened);
    }
}

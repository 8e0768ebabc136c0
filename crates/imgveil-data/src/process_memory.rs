//! How much memory this process takes, and the limits that are set on it. Only Linux tells.

/// The memory of a process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessMemory {
    /// What is in memory now.
    pub resident: u64,
    /// The most that was in memory so far.
    pub most_resident: u64,
    /// The address space that is taken now.
    pub space: u64,
    /// The most address space that was taken so far.
    pub most_space: u64,
}

/// The memory of this process. `None` where the system does not say.
pub fn process_memory() -> Option<ProcessMemory> {
    of_status(&read("status")?)
}

/// The address space that the allocator of glibc reserves for a thread.
pub(crate) const RESERVED: u64 = 64 << 20;

/// What the limits on address space and data, which `ulimit` and `prlimit` set, leave to this process. What its
/// allocator has reserved and not used is left. `None` where there is no limit, or the system does not say.
pub fn space_left() -> Option<u64> {
    left(&read("limits")?, &read("status")?, &read("maps").unwrap_or_default())
}

#[cfg(target_os = "linux")]
fn read(name: &str) -> Option<String> {
    std::fs::read_to_string(format!("/proc/self/{name}")).ok()
}

#[cfg(not(target_os = "linux"))]
fn read(_name: &str) -> Option<String> {
    None
}

/// A figure of `/proc/self/status`, in bytes.
fn figure(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib.saturating_mul(1024))
}

fn of_status(status: &str) -> Option<ProcessMemory> {
    let [resident, most_resident, space, most_space] =
        ["VmRSS", "VmHWM", "VmSize", "VmPeak"].map(|name| figure(status, name));
    Some(ProcessMemory { resident: resident?, most_resident: most_resident?, space: space?, most_space: most_space? })
}

/// What the limits leave, from the texts of `/proc/self/limits`, `/proc/self/status` and `/proc/self/maps`.
fn left(limits: &str, status: &str, maps: &str) -> Option<u64> {
    let left = |limit: &str, used: u64| {
        let line = limits.lines().find_map(|line| line.strip_prefix(limit))?;
        let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(limit.saturating_sub(used))
    };
    // How many threads have allocated already is chance. It must not decide whether something fits.
    let space = figure(status, "VmSize").map(|used| used.saturating_sub(reserved(maps)));
    // Memory that cannot be written is no data.
    let data = figure(status, "VmData");
    [left("Max address space", space?), left("Max data size", data?)].into_iter().flatten().min()
}

/// The address space that the allocator has reserved for threads and not used, from the text of `/proc/self/maps`: the
/// rest of each of its arenas, private memory without a file that is neither read nor written.
fn reserved(maps: &str) -> u64 {
    let size = |line: &str| {
        let mut fields = line.split_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let is_reserved = fields.next()? == "---p" && fields.count() == 3;
        let size = u64::from_str_radix(end, 16).ok()?.checked_sub(u64::from_str_radix(start, 16).ok()?)?;
        (is_reserved && size < RESERVED).then_some(size)
    };
    maps.lines().filter_map(size).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tx\nVmPeak:\t  204800 kB\nVmSize:\t  102400 kB\nVmHWM:\t  4096 kB\n\
                          VmRSS:\t  3072 kB\nVmData:\t  2048 kB\n";

    #[test]
    fn the_smallest_limit_counts() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max data size             unlimited            unlimited            bytes     \n\
                      Max address space         536870912            536870912            bytes     \n";
        assert_eq!(left(limits, STATUS, ""), Some(536_870_912 - 102_400 * 1024));
        assert_eq!(left(&limits.replace("536870912", "unlimited"), STATUS, ""), None);
        assert_eq!(left(&limits.replacen("unlimited", "4194304", 1), STATUS, ""), Some((4 << 20) - (2 << 20)));
    }

    #[test]
    fn what_the_allocator_reserves_is_left() {
        let limits = "Max address space         536870912            536870912            bytes     \n";
        // An arena of 64 MiB of which 1 MiB is used, a gap of a library, and memory that something else reserves.
        let maps = "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n\
                    7f0000100000-7f0004000000 ---p 00000000 00:00 0 \n\
                    7f1000000000-7f1000200000 ---p 00000000 fe:00 77                         /usr/lib/libc.so.6\n\
                    7f2000000000-7f2010000000 ---p 00000000 00:00 0 \n";
        assert_eq!(reserved(maps), 63 << 20);
        assert_eq!(left(limits, STATUS, maps), Some(536_870_912 - (100 << 20) + (63 << 20)));
    }

    #[test]
    fn figures_are_bytes() {
        let expected =
            ProcessMemory { resident: 3 << 20, most_resident: 4 << 20, space: 100 << 20, most_space: 200 << 20 };
        assert_eq!(of_status(STATUS), Some(expected));
        assert_eq!(of_status("Name:\tx\n"), None);
        assert_eq!(process_memory().is_some(), cfg!(target_os = "linux"));
    }
}

//! Says how much memory of the processor is ours to use: what is free on the machine, or what the limits of our group of processes, or of
//! our address space, leave.

use std::{fs, iter, path::Path};

/// Returns the bytes that can be had without swapping, where Linux says so: in a container or a job of a cluster those that its limits leave,
/// and never more than the address space of the process has left (`ulimit -v`).
pub fn available() -> Option<u64> {
    available_below(Path::new("/"))
}

/// The same for the files of a system below some folder.
fn available_below(root: &Path) -> Option<u64> {
    let free = fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|report| free(&report));
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    free.into_iter().chain(groups.lines().filter_map(|group| left(group, root))).chain(unaddressed(root)).min()
}

/// Of the machine's report, in kibibytes.
fn free(report: &str) -> Option<u64> {
    let line = report.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// What the limit of the address space leaves.
fn unaddressed(root: &Path) -> Option<u64> {
    let limits = fs::read_to_string(root.join("proc/self/limits")).ok()?;
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = limit.split_whitespace().next()?.parse().ok()?;
    let status = fs::read_to_string(root.join("proc/self/status")).ok()?;
    let used = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    let kibibytes: u64 = used.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(limit.saturating_sub(kibibytes * 1024))
}

/// What the limits of a group of processes and of all groups around it leave. The line is `0::/path` in the unified hierarchy, and
/// `number:memory:/path` in the one before it.
fn left(line: &str, root: &Path) -> Option<u64> {
    let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
    let (mount, limit, resident) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max", "anon"),
        "memory" => ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "total_rss"),
        _ => return None,
    };
    // A container may see its own group as the root of all.
    let paths = Path::new(path.trim_start_matches('/')).ancestors();
    let groups = paths.chain(iter::once(Path::new(""))).map(|path| root.join(mount).join(path));
    groups.filter_map(|group| left_in(&group, limit, resident)).min()
}

/// A limit less the memory of processes. Files that the system keeps in memory do not count: it gives them up where memory is needed.
fn left_in(group: &Path, limit: &str, resident: &str) -> Option<u64> {
    let limit: u64 = fs::read_to_string(group.join(limit)).ok()?.trim().parse().ok()?;
    let report = fs::read_to_string(group.join("memory.stat")).ok()?;
    let resident = report.lines().find_map(|line| line.strip_prefix(resident)?.trim().parse::<u64>().ok())?;
    Some(limit.saturating_sub(resident))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with some files of a system.
    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal:       24633512 kB\nMemFree:          123 kB\nMemAvailable:   20000000 kB\n");

    #[test]
    fn a_machine_without_limits_has_what_is_free() {
        let found = |files: &[(&str, &str)]| available_below(system(files).path());
        assert_eq!(found(&[MEMINFO]), Some(20_480_000_000));
        assert_eq!(
            found(&[MEMINFO, ("proc/self/cgroup", "0::/user\n"), ("sys/fs/cgroup/user/memory.max", "max\n")]),
            { Some(20_480_000_000) }
        );
        assert_eq!(found(&[("proc/meminfo", "MemFree: 12 kB\n")]), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn a_limit_of_the_address_space_counts_less_what_is_used() {
        let limits = |limit: &str| {
            format!("Limit   Soft Limit   Hard Limit   Units\nMax address space   {limit}   unlimited   bytes\n")
        };
        let status = ("proc/self/status", "Name:\twidenet\nVmSize:\t 1000000 kB\nVmRSS:\t 10 kB\n");
        let found =
            |limit: &str| available_below(system(&[MEMINFO, ("proc/self/limits", &limits(limit)), status]).path());
        assert_eq!(found("4096000000"), Some(4_096_000_000 - 1_024_000_000));
        assert_eq!(found("4096"), Some(0));
        assert_eq!(found("unlimited"), Some(20_480_000_000));
    }

    #[test]
    fn the_tightest_limit_around_a_job_counts_less_what_processes_have() {
        let unified = [
            MEMINFO,
            ("proc/self/cgroup", "0::/jobs/17/step\n"),
            ("sys/fs/cgroup/jobs/17/memory.max", "4000000000\n"),
            ("sys/fs/cgroup/jobs/17/memory.stat", "anon 1000000000\nfile 2900000000\n"),
            ("sys/fs/cgroup/jobs/17/step/memory.max", "max\n"),
            ("sys/fs/cgroup/jobs/17/step/memory.stat", "anon 1000000000\n"),
        ];
        assert_eq!(available_below(system(&unified).path()), Some(3_000_000_000));
        // A container that sees its own group as the root.
        let former = [
            MEMINFO,
            ("proc/self/cgroup", "9:name=systemd:/\n4:memory:/docker/3f\n2:cpu:/docker/3f\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000000000\n"),
            ("sys/fs/cgroup/memory/memory.stat", "rss 1\ntotal_rss 500000000\n"),
        ];
        assert_eq!(available_below(system(&former).path()), Some(1_500_000_000));
    }
}

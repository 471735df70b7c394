//! The CPU limit of the process's cgroup (Go 1.25: internal/runtime/cgroup). Called by rt0's `osinit`,
//! which rounds it up and takes it for GOMAXPROCS if it is under the affinity's count (Go keeps at
//! least 2). Parsing is apart from reading. Must never take a broken file for a limit.

use super::file::{Bytes, parse_u64, read_file};
use std::alloc::System;
use std::ffi::CStr;
use std::io;
use std::sync::OnceLock;

/// The smallest CPU limit, in processors, that holds for this process: of its own cgroup or of any above
/// it up to the root of what is mounted. `None` if there is none.
///
/// Where that cgroup is, is found out by the first call. As in Go a process that is moved to another keeps looking there.
///
/// # Errors
/// When a file that is there cannot be read just now: no descriptor may be left. Then nobody knows.
pub fn cgroup_cpu_limit() -> io::Result<Option<f64>> {
    static OWN: OnceLock<Option<Cgroup>> = OnceLock::new();
    match OWN.get_or_init(Cgroup::own) {
        Some(own) => own.smallest_limit(),
        None => Ok(None),
    }
}

/// A cgroup.
struct Cgroup {
    version: Version,
    /// The directory of it.
    dir: Bytes,
    /// How much of `dir` is the mount point.
    root_len: usize,
}

impl Cgroup {
    /// That of this process.
    fn own() -> Option<Cgroup> {
        let own = read_file(c"/proc/self/cgroup").ok()?;
        let (version, path) = parse_self_cgroup(&own)?;
        let mounts = read_file(c"/proc/self/mountinfo").ok()?;
        let (mount_point, below) = find_mount(&mounts, version, path)?;
        Some(Cgroup::at(mount_point, below, version))
    }

    fn at(mount_point: Bytes, below: &[u8], version: Version) -> Cgroup {
        let mut dir = mount_point;
        let root_len = dir.len();
        dir.extend_from_slice(below);
        Cgroup {
            version,
            dir,
            root_len,
        }
    }

    /// The smallest limit of it and of those above it, up to the mount point.
    fn smallest_limit(&self) -> io::Result<Option<f64>> {
        let mut dir = &self.dir[..];
        let mut limit: Option<f64> = None;
        loop {
            let here = match self.version {
                Version::V1 => limit_v1(dir)?,
                Version::V2 => limit_v2(dir)?,
            };
            limit = [limit, here].into_iter().flatten().reduce(f64::min);
            match dir[self.root_len..].iter().rposition(|byte| *byte == b'/') {
                Some(slash) => dir = &dir[..self.root_len + slash],
                None => return Ok(limit),
            }
        }
    }
}

/// Which hierarchy holds the cpu controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// The hierarchy and the path of the process's cpu cgroup, from /proc/self/cgroup (cgroups(7)):
/// `ID:CONTROLLERS:PATH` a line. Version 1 counts if it has the controller.
fn parse_self_cgroup(text: &[u8]) -> Option<(Version, &[u8])> {
    let mut unified = None;
    for line in text.split(|byte| *byte == b'\n') {
        let mut fields = line.splitn(3, |byte| *byte == b':');
        let (Some(id), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        if controllers.split(|byte| *byte == b',').any(|name| name == b"cpu") {
            return Some((Version::V1, path));
        }
        if id == b"0" && controllers.is_empty() {
            unified = Some((Version::V2, path));
        }
    }
    unified
}

/// Where the cgroup `path` is found: the mount point of its hierarchy and the rest of the path below it
/// (empty or starting with a slash), from /proc/self/mountinfo (proc_pid_mountinfo(5)):
/// `ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAGS..] - TYPE SOURCE SUPEROPTIONS` a line.
fn find_mount<'a>(text: &[u8], version: Version, path: &'a [u8]) -> Option<(Bytes, &'a [u8])> {
    text.split(|byte| *byte == b'\n').find_map(|line| {
        let mut fields = line.split(|byte| *byte == b' ');
        let root = unescape(fields.nth(3)?);
        let mount_point = fields.next()?;
        fields.find(|field| *field == b"-")?;
        let fs_type = fields.next()?;
        let options = fields.nth(1)?;
        let matches = match version {
            Version::V1 => fs_type == b"cgroup" && options.split(|byte| *byte == b',').any(|o| o == b"cpu"),
            Version::V2 => fs_type == b"cgroup2",
        };
        // A container's mount may show only a part of the hierarchy (golang/go#76390).
        let below = strip_dir(path, &root).filter(|_| matches)?;
        Some((unescape(mount_point), below))
    })
}

/// `path` without the directory `root` before it: empty or with a leading slash.
fn strip_dir<'a>(path: &'a [u8], root: &[u8]) -> Option<&'a [u8]> {
    let rest = path.strip_prefix(root.strip_suffix(b"/").unwrap_or(root))?;
    match rest {
        b"/" => Some(b""),
        [] | [b'/', ..] => Some(rest),
        _ => None,
    }
}

/// mountinfo writes space, tab, newline and backslash as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Bytes {
    let mut out = Bytes::with_capacity_in(field.len(), System);
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        match rest {
            [
                b'\\',
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                tail @ ..,
            ] => {
                out.push(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'));
                rest = tail;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

fn limit_v2(dir: &[u8]) -> io::Result<Option<f64>> {
    Ok(read_in(dir, b"/cpu.max\0")?.and_then(|text| parse_cpu_max(&text)))
}

fn limit_v1(dir: &[u8]) -> io::Result<Option<f64>> {
    let quota = read_in(dir, b"/cpu.cfs_quota_us\0")?;
    let period = read_in(dir, b"/cpu.cfs_period_us\0")?;
    Ok(quota
        .zip(period)
        .and_then(|(quota, period)| ratio(&quota, &period)))
}

/// `QUOTA PERIOD` in microseconds, or `max PERIOD` for none.
fn parse_cpu_max(text: &[u8]) -> Option<f64> {
    let mut fields = text.trim_ascii().splitn(2, |byte| *byte == b' ');
    ratio(fields.next()?, fields.next()?)
}

/// Quota by period. Version 1's "no limit" is -1, version 2's is "max": neither is a number here.
fn ratio(quota: &[u8], period: &[u8]) -> Option<f64> {
    let quota = parse_u64(quota.trim_ascii())?;
    let period = parse_u64(period.trim_ascii())?;
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

/// The file `name` (with a slash before and NUL behind) in `dir`. None: there is none for us.
fn read_in(dir: &[u8], name: &[u8]) -> io::Result<Option<Bytes>> {
    let mut path = Bytes::with_capacity_in(dir.len() + name.len(), System);
    path.extend_from_slice(dir);
    path.extend_from_slice(name);
    let Ok(path) = CStr::from_bytes_with_nul(&path) else {
        return Ok(None);
    };
    match read_file(path) {
        Ok(text) => Ok(Some(text)),
        // ENODEV: the cgroup has been removed.
        Err(error) => match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENODEV | libc::EACCES) => Ok(None),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_controller_of_version_1_wins_over_the_unified_line() {
        let hybrid = b"9:name=systemd:/\n2:cpuacct,cpu:/docker/a:b\n1:cpuset:/\n0::/user.slice\n";
        assert_eq!(
            parse_self_cgroup(hybrid),
            Some((Version::V1, &b"/docker/a:b"[..]))
        );
        let only_cpuset = b"3:cpuset:/x\n0::/user.slice\n";
        assert_eq!(
            parse_self_cgroup(only_cpuset),
            Some((Version::V2, &b"/user.slice"[..]))
        );
        assert_eq!(parse_self_cgroup(b"1:cpuset:/\nnonsense\n"), None);
        assert_eq!(parse_self_cgroup(b""), None);
    }

    #[test]
    fn the_mount_is_found_by_type_option_and_root() {
        let mounts = b"22 27 0:21 / /proc rw - proc proc rw\n\
            32 31 0:29 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n\
            33 31 0:30 /docker/a /sys/fs/cgroup/c\\040pu rw shared:1 master:2 - cgroup cgroup rw,cpuacct,cpu\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let (at, below) = find_mount(mounts, Version::V1, b"/docker/a/job").unwrap();
        assert_eq!((&at[..], below), (&b"/sys/fs/cgroup/c pu"[..], &b"/job"[..]));
        let (_, below) = find_mount(mounts, Version::V1, b"/docker/a").unwrap();
        assert_eq!(below, b"");
        assert!(find_mount(mounts, Version::V1, b"/docker/ab").is_none());
        let (at, below) = find_mount(mounts, Version::V2, b"/").unwrap();
        assert_eq!((&at[..], below), (&b"/sys/fs/cgroup/unified"[..], &b""[..]));
        let (_, below) = find_mount(mounts, Version::V2, b"/a/b").unwrap();
        assert_eq!(below, b"/a/b");
        assert!(find_mount(b"too short\n", Version::V2, b"/").is_none());
    }

    #[test]
    fn limits_are_quota_by_period() {
        assert_eq!(parse_cpu_max(b"150000 100000\n"), Some(1.5));
        assert_eq!(parse_cpu_max(b"max 100000\n"), None);
        assert_eq!(parse_cpu_max(b"100000\n"), None);
        assert_eq!(parse_cpu_max(b"100000 0\n"), None);
        assert_eq!(parse_cpu_max(b""), None);
        assert_eq!(ratio(b"-1\n", b"100000\n"), None);
        assert_eq!(ratio(b"50000\n", b"100000\n"), Some(0.5));
    }

    #[test]
    fn the_smallest_limit_from_the_leaf_to_the_mount_wins() {
        let root = std::env::temp_dir().join(format!("gort-cgroup-{}", std::process::id()));
        let leaf = root.join("a/b");
        std::fs::create_dir_all(&leaf).unwrap();
        let write = |dir: &std::path::Path, name, text| std::fs::write(dir.join(name), text).unwrap();
        let smallest = |below: &[u8], version| {
            let mut mount_point = Bytes::new_in(System);
            mount_point.extend_from_slice(root.as_os_str().as_encoded_bytes());
            Cgroup::at(mount_point, below, version).smallest_limit().unwrap()
        };
        assert_eq!(smallest(b"/a/b", Version::V2), None);
        write(&leaf, "cpu.max", "max 100000\n");
        write(&root.join("a"), "cpu.max", "250000 100000\n");
        assert_eq!(smallest(b"/a/b", Version::V2), Some(2.5));
        write(&leaf, "cpu.max", "300000 100000\n");
        assert_eq!(smallest(b"/a/b", Version::V2), Some(2.5));
        write(&root, "cpu.max", "50000 100000\n");
        assert_eq!(smallest(b"/a/b", Version::V2), Some(0.5));
        assert_eq!(smallest(b"", Version::V2), Some(0.5));
        write(&leaf, "cpu.cfs_quota_us", "-1\n");
        write(&leaf, "cpu.cfs_period_us", "100000\n");
        assert_eq!(smallest(b"/a/b", Version::V1), None);
        write(&leaf, "cpu.cfs_quota_us", "400000\n");
        assert_eq!(smallest(b"/a/b", Version::V1), Some(4.0));
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_read_is_no_limit_that_is_gone() {
        let dir = std::env::temp_dir().join(format!("gort-unreadable-{}", std::process::id()));
        // There, but nothing can be read from it.
        std::fs::create_dir_all(dir.join("cpu.max")).unwrap();
        let mut mount_point = Bytes::new_in(System);
        mount_point.extend_from_slice(dir.as_os_str().as_encoded_bytes());
        let cgroup = Cgroup::at(mount_point, b"", Version::V2);
        assert!(cgroup.smallest_limit().is_err());
        std::fs::remove_dir(dir.join("cpu.max")).unwrap();
        assert_eq!(cgroup.smallest_limit().unwrap(), None);
        std::fs::remove_dir(&dir).unwrap();
    }

    #[test]
    fn octal_escapes_become_bytes_and_others_stay() {
        assert_eq!(&unescape(b"/a\\040b\\134\\011")[..], b"/a b\\\t");
        assert_eq!(&unescape(b"/a\\9\\04")[..], b"/a\\9\\04");
    }

    #[test]
    fn this_machines_limit_is_none_or_positive() {
        assert!(cgroup_cpu_limit().unwrap().is_none_or(|limit| limit > 0.0));
    }
}

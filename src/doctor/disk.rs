//! The disk under the data folder: durable, fast enough, with room.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use neo_node::config::NodeConfig;

use super::finding::Finding;
use crate::exit::Exit;

const KIND: &str = "disk-kind";
const SPACE: &str = "disk-space";
const LATENCY: &str = "disk-latency";

/// Numbers of file systems that live in memory: tmpfs and ramfs (statfs(2)).
const IN_MEMORY: [(u64, &str); 2] = [(0x0102_1994, "tmpfs"), (0x8584_58f6, "ramfs")];
/// overlayfs: the layer of a container (statfs(2)).
const OVERLAY: u64 = 0x794c_7630;
/// Free bytes below which a node soon stops: votes that cannot be made durable are not sent.
const LEAST_SPACE: u64 = 1 << 30;
/// Free bytes below which an operator should know.
const GOOD_SPACE: u64 = 10 << 30;
/// Probe writes. Their median is compared, so that one slow write of a busy disk decides nothing.
const WRITES: usize = 15;
/// Bytes of each: about a vote record of a few messages.
const WRITE_BYTES: usize = 4_096;
/// A validator syncs three times for a block; above this it is felt.
const GOOD_SYNC: Duration = Duration::from_millis(20);
/// Above this, views of the default first timer (1 s) fail.
const WORST_SYNC: Duration = Duration::from_millis(200);

/// What is known of a disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disk {
    /// Number of its file system.
    pub(super) kind: u64,
    /// Bytes free to this user.
    pub(super) free: u64,
    /// Median time of a small durable write.
    pub(super) sync: Duration,
}

/// Looks at the disk of the data folder, which need not be there yet.
pub(super) fn check(config: &NodeConfig) -> Vec<Finding> {
    let folder = existing(&config.data_dir);
    match look(&folder) {
        Ok(disk) => judge(&disk, &folder),
        Err(error) => {
            let place = folder.display().to_string();
            let mend = format!("data_dir must be a folder that this user can write to: {error}");
            vec![Finding::fail(LATENCY, Exit::Failure, place, error, mend)]
        }
    }
}

/// The folder itself, or the nearest one above it that is there.
pub(super) fn existing(folder: &Path) -> PathBuf {
    let there = folder.ancestors().find(|path| path.is_dir());
    match there {
        Some(path) if !path.as_os_str().is_empty() => path.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn look(folder: &Path) -> io::Result<Disk> {
    let kind = rustix::fs::statfs(folder)?.f_type;
    let space = rustix::fs::statvfs(folder)?;
    Ok(Disk {
        // The kernel's number has 32 bits in a signed word.
        kind: u64::from(u32::try_from(kind & 0xffff_ffff).unwrap_or(u32::MAX)),
        free: space.f_bavail.saturating_mul(space.f_frsize),
        sync: durable_write(folder)?,
    })
}

/// Median time of a small durable write into a file that is removed again.
fn durable_write(folder: &Path) -> io::Result<Duration> {
    let mut file = tempfile::Builder::new()
        .prefix(".neo-doctor-")
        .tempfile_in(folder)?;
    let bytes = [0x5a; WRITE_BYTES];
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let start = Instant::now();
        file.write_all(&bytes)?;
        file.as_file().sync_data()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    file.close()?;
    Ok(times.get(WRITES / 2).copied().unwrap_or_default())
}

/// Holds what is known of a disk against its limits.
pub(super) fn judge(disk: &Disk, folder: &Path) -> Vec<Finding> {
    let place = folder.display().to_string();
    let in_memory = IN_MEMORY.iter().find(|(kind, _)| *kind == disk.kind);
    let kind = match in_memory {
        Some((_, name)) => Finding::fail(
            KIND,
            Exit::Failure,
            &place,
            format!("{name}, gone with the machine's next start"),
            "put data_dir on a disk: a validator that loses its vote log must be silent first",
        ),
        None if disk.kind == OVERLAY => Finding::warn(
            KIND,
            &place,
            "overlay, gone with the container",
            "mount a volume of the host at data_dir",
        ),
        None => Finding::ok(KIND, &place, format!("file system 0x{:x}", disk.kind)),
    };
    let free = format!("{} MiB free", disk.free >> 20);
    let more = "make room, or put data_dir on a larger disk";
    let space = if disk.free < LEAST_SPACE {
        Finding::fail(SPACE, Exit::Failure, &place, free, more)
    } else if disk.free < GOOD_SPACE {
        Finding::warn(SPACE, &place, free, more)
    } else {
        Finding::ok(SPACE, &place, free)
    };
    let (least, good) = (LEAST_SPACE >> 20, GOOD_SPACE >> 20);
    let sync = format!("{:.1} ms a sync", disk.sync.as_secs_f64() * 1e3);
    let faster = "a disk of its own, or one with a durable write cache: each vote waits for a sync";
    let latency = if disk.sync > WORST_SYNC {
        Finding::fail(LATENCY, Exit::Failure, &place, sync, faster)
    } else if disk.sync > GOOD_SYNC {
        Finding::warn(LATENCY, &place, sync, faster)
    } else {
        Finding::ok(LATENCY, &place, sync)
    };
    vec![
        kind.limit("a disk"),
        space.limit(format!("{least} MiB, better {good} MiB")),
        latency.limit(format!("{WORST_SYNC:?}, better {GOOD_SYNC:?}")),
    ]
}

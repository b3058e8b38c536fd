//! Processor time and memory of a process, from Linux's `/proc`.

use std::path::PathBuf;

/// What a process used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// Processor time in seconds, of user and kernel.
    pub(crate) cpu_s: f64,
    /// Greatest resident memory in MiB.
    pub(crate) peak_rss_mb: f64,
}

/// Usage of a process; none where there is no `/proc`, or no such process.
pub(crate) fn of_process(pid: u32) -> Option<Usage> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
    let status = std::fs::read_to_string(folder.join("status")).ok()?;
    Some(Usage {
        cpu_s: cpu_ticks(&stat)? as f64 / rustix::param::clock_ticks_per_second() as f64,
        peak_rss_mb: kib(&status, "VmHWM:")? as f64 / 1_024.0,
    })
}

/// Resident memory of a process in MiB at this moment; none where there is no such process.
pub(crate) fn resident_mb(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(kib(&status, "VmRSS:")? as f64 / 1_024.0)
}

/// User and kernel time: fields 14 and 15, counted after the name, which may contain spaces and parentheses.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let kernel: u64 = fields.next()?.parse().ok()?;
    user.checked_add(kernel)
}

fn kib(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_proc() {
        let stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 1 2 3 4 150 25 0 0 20 0 4 0 100 1 2";
        assert_eq!(cpu_ticks(stat), Some(175));
        assert_eq!(cpu_ticks("42 (x) S 1"), None);
        assert_eq!(
            kib("VmPeak:\t 9 kB\nVmHWM:\t    2048 kB\n", "VmHWM:"),
            Some(2_048)
        );
        assert_eq!(kib("VmPeak:\t 9 kB\n", "VmHWM:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_something() {
        assert!(of_process(std::process::id()).unwrap().peak_rss_mb > 0.5);
        assert!(resident_mb(std::process::id()).unwrap() > 0.5);
        assert_eq!(of_process(u32::MAX), None);
        assert_eq!(resident_mb(u32::MAX), None);
    }
}

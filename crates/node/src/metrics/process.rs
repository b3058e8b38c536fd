//! CPU time and memory of this process, from `/proc`.

use std::fs;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

/// What the operating system says of this process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// User and system time of all threads, in seconds.
    pub(crate) cpu_seconds: f64,
    /// Memory in use, in bytes.
    pub(super) resident_bytes: u64,
    /// Greatest memory ever in use, in bytes.
    pub(crate) peak_resident_bytes: u64,
    /// Threads.
    pub(super) threads: u64,
}

impl Usage {
    /// The usage now; `None` where there is no `/proc`.
    pub(crate) fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let status = fs::read_to_string("/proc/self/status").ok()?;
        Self::parse(&stat, &status, rustix::param::clock_ticks_per_second())
    }

    /// `stat` and `status` as proc(5) describes them.
    fn parse(stat: &str, status: &str, ticks_per_second: u64) -> Option<Self> {
        // The name of the process may contain anything, so fields count from its closing parenthesis.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace().skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        let number = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_ascii_whitespace().next()?.parse().ok()
        };
        let kibibytes = |name| number(name).map(|value| value.saturating_mul(1024));
        Some(Self {
            cpu_seconds: user.saturating_add(system) as f64 / ticks_per_second.max(1) as f64,
            resident_bytes: kibibytes("VmRSS:")?,
            peak_resident_bytes: kibibytes("VmHWM:")?,
            threads: number("Threads:")?,
        })
    }
}

/// Reports [`Usage`] at each scrape.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let Some(usage) = Usage::read() else {
            return Ok(());
        };
        let cpu = ConstCounter::new(usage.cpu_seconds);
        let help = "User and system time of this process.";
        cpu.encode(encoder.encode_descriptor(
            "process_cpu_seconds",
            help,
            None,
            cpu.metric_type(),
        )?)?;
        for (name, help, value) in [
            (
                "process_resident_memory_bytes",
                "Memory of this process.",
                usage.resident_bytes,
            ),
            (
                "process_peak_resident_memory_bytes",
                "Greatest memory of this process so far.",
                usage.peak_resident_bytes,
            ),
            ("process_threads", "Threads of this process.", usage.threads),
        ] {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_count_from_the_end_of_the_name() {
        let stat = "12 (a ) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 7 0 100";
        let status = "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t7\n";
        assert_eq!(
            Usage::parse(stat, status, 100),
            Some(Usage {
                cpu_seconds: 3.0,
                resident_bytes: 1 << 20,
                peak_resident_bytes: 2 << 20,
                threads: 7
            })
        );
        assert_eq!(Usage::parse("", status, 100), None);
        assert_eq!(Usage::parse(stat, "", 100), None);
    }

    #[test]
    fn this_process_uses_memory() {
        let usage = Usage::read().unwrap();
        assert!(usage.resident_bytes > 0 && usage.peak_resident_bytes >= usage.resident_bytes);
        assert!(usage.threads >= 1);
    }
}

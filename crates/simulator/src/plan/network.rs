//! How messages travel, and what work costs.

use serde::{Deserialize, Serialize};

/// The network between nodes. A link keeps the order of its messages unless it reorders one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// One-way delays.
    pub latency: Latency,
    /// Up to this much is added to each delay, evenly distributed, in microseconds.
    pub jitter_us: u64,
    /// Messages lost in a million.
    pub loss_ppm: u32,
    /// Messages that arrive twice, in a million.
    pub duplicate_ppm: u32,
    /// Messages in a million that are overtaken by later ones.
    pub reorder_ppm: u32,
    /// By how much at most an overtaken message is late, in microseconds.
    pub reorder_us: u64,
    /// What one link carries in each direction, in kilobits per second; 0 for no limit.
    pub bandwidth_kbps: u64,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            latency: Latency::Lan,
            jitter_us: 0,
            loss_ppm: 0,
            duplicate_ppm: 0,
            reorder_ppm: 0,
            reorder_us: 20_000,
            bandwidth_kbps: 0,
        }
    }
}

/// One-way delay of a link before jitter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Latency {
    /// Evenly distributed between two limits, drawn for each message.
    Uniform {
        /// Least, in microseconds.
        min_us: u64,
        /// Greatest, in microseconds.
        max_us: u64,
    },
    /// One data centre: 100 to 300 microseconds.
    Lan,
    /// Node i stands in region i modulo their number: half the round-trip time between the two regions.
    Wan {
        /// Names of regions (`neo_simulator::wan::REGIONS`); all of them when empty.
        #[serde(default)]
        regions: Vec<String>,
    },
}

/// What work costs a node, in nanoseconds. A node does one thing after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compute {
    /// Checking one P-256 signature.
    pub verify_ns: u64,
    /// Making one.
    pub sign_ns: u64,
    /// Hashing or copying one kibibyte.
    pub kibibyte_ns: u64,
    /// Anything else about one message: system calls, decoding.
    pub message_ns: u64,
    /// Making an append to the vote log, or a stored block, durable.
    pub sync_ns: u64,
}

impl Default for Compute {
    /// Measured costs: shared/reference/limits.md of 2026-11-23 (aws-lc-rs 18.6k verifications and 60.5k
    /// signatures a second, SHA-256 at 600 MB/s on small input, append and `fdatasync` of 4 KiB 219 µs).
    fn default() -> Self {
        Self {
            verify_ns: 53_700,
            sign_ns: 16_500,
            kibibyte_ns: 1_700,
            message_ns: 5_000,
            sync_ns: 219_000,
        }
    }
}

impl Compute {
    /// Everything at once.
    #[must_use]
    pub fn free() -> Self {
        Self {
            verify_ns: 0,
            sign_ns: 0,
            kibibyte_ns: 0,
            message_ns: 0,
            sync_ns: 0,
        }
    }
}

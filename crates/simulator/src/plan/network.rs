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
    /// All delays grow and shrink together over time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swing: Option<Swing>,
}

/// Delays that swing between two shares of what [`Latency`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swing {
    /// From the least to the greatest and back, in milliseconds.
    pub period_ms: u64,
    /// The least share, in hundredths.
    #[serde(default = "unchanged")]
    pub least_percent: u32,
    /// The greatest share, in hundredths.
    pub most_percent: u32,
    /// Evenly up and down; without it the least for half a period and the greatest for the other half.
    #[serde(default)]
    pub gradual: bool,
}

fn unchanged() -> u32 {
    100
}

impl Swing {
    /// The share at a moment since the start, in hundredths.
    #[must_use]
    pub fn percent(&self, at_ms: u64) -> u64 {
        let (least, most) = (u64::from(self.least_percent), u64::from(self.most_percent));
        let period = self.period_ms.max(2);
        let (phase, half) = (at_ms % period, period / 2);
        if !self.gradual {
            return if phase < half { least } else { most };
        }
        let from_least = if phase < half { phase } else { period - phase };
        let range = most.saturating_sub(least);
        least + range * from_least.min(half) / half
    }
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
            swing: None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_and_halve_at_once_or_evenly() {
        let mut swing = Swing {
            period_ms: 1_000,
            least_percent: 100,
            most_percent: 200,
            gradual: false,
        };
        let at = |swing: &Swing| [0, 499, 500, 999, 1_000].map(|ms| swing.percent(ms));
        assert_eq!(at(&swing), [100, 100, 200, 200, 100]);
        swing.gradual = true;
        assert_eq!(at(&swing), [100, 199, 200, 100, 100]);
        assert_eq!([250, 750].map(|ms| swing.percent(ms)), [150, 150]);
    }
}

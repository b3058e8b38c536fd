//! How much a peer may send of each kind: token buckets.
//!
//! A bucket holds `burst` tokens at first and gets `per_second` of them each second, up to `burst`. What a peer
//! sends beyond is *slowed down* where losing it would hurt (its lane is not read until there are tokens again,
//! so that the peer's own queue fills and drops what is worth least), and *dropped* where it can be spared
//! (relayed messages, evidence, requests). Only a validator's own consensus messages are an offence when they keep
//! a bucket empty: no honest one makes nearly as many. Everything else that is too much costs nothing but time.

use parking_lot::Mutex;

use crate::config::PeerRates;

/// A bucket's size and flow, in whatever is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// What flows in each second; 0 is never enough for anything.
    pub per_second: u64,
    /// What the bucket holds at most, and at first.
    pub burst: u64,
}

impl Rate {
    /// A rate with a burst of this many seconds.
    #[must_use]
    pub const fn new(per_second: u64, seconds: u64) -> Self {
        Self {
            per_second,
            burst: per_second.saturating_mul(seconds),
        }
    }
}

/// What is counted for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Flow {
    /// A validator's own consensus messages.
    Consensus,
    /// Transactions and pushed blocks.
    Bulk,
    /// Consensus messages that the peer asks us to give to others.
    Relay,
    /// Consensus messages that the peer was asked to give to us.
    Relayed,
    /// Proofs of guilt.
    Evidence,
    /// Sync requests.
    Requests,
}

impl Flow {
    /// Name in snake case, as metrics label it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Flow::Consensus => "consensus",
            Flow::Bulk => "bulk",
            Flow::Relay => "relay",
            Flow::Relayed => "relayed",
            Flow::Evidence => "evidence",
            Flow::Requests => "requests",
        }
    }
}

/// One bucket. Counts in millionths of a token, so that a microsecond of a slow flow is not lost.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    used: u64,
    at_us: u64,
}

const MILLION: u64 = 1_000_000;

impl Bucket {
    /// Gives back what has flowed in since.
    fn refill(&mut self, rate: Rate, now_us: u64) {
        let elapsed = now_us.saturating_sub(self.at_us);
        self.at_us = self.at_us.max(now_us);
        self.used = self
            .used
            .saturating_sub(elapsed.saturating_mul(rate.per_second));
    }

    /// Takes `cost` tokens and says after how many microseconds the bucket has had them: 0 at once. May leave
    /// the bucket in debt, by which the next one waits the longer.
    pub(crate) fn take(&mut self, rate: Rate, cost: u64, now_us: u64) -> u64 {
        self.refill(rate, now_us);
        self.used = self.used.saturating_add(cost.saturating_mul(MILLION));
        let debt = self.used.saturating_sub(rate.burst.saturating_mul(MILLION));
        match debt {
            0 => 0,
            debt => debt.div_ceil(rate.per_second.max(1)),
        }
    }

    /// Whether nothing is taken from it.
    pub(crate) fn is_full(&mut self, rate: Rate, now_us: u64) -> bool {
        self.refill(rate, now_us);
        self.used == 0
    }

    /// Takes `cost` tokens if they are there.
    pub(crate) fn try_take(&mut self, rate: Rate, cost: u64, now_us: u64) -> bool {
        self.refill(rate, now_us);
        let after = self.used.saturating_add(cost.saturating_mul(MILLION));
        let enough = after <= rate.burst.saturating_mul(MILLION);
        if enough {
            self.used = after;
        }
        enough
    }
}

/// The buckets of one peer.
#[derive(Debug, Default)]
pub(crate) struct Meters(Mutex<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    consensus: Bucket,
    consensus_bytes: Bucket,
    bulk: Bucket,
    relay: Bucket,
    relay_bytes: Bucket,
    relayed: Bucket,
    relayed_bytes: Bucket,
    evidence: Bucket,
    requests: Bucket,
    /// How long the peer's consensus messages have been slowed down since the last offence, in microseconds.
    slowed_us: u64,
}

/// Being slowed down for this long, in microseconds, is one offence.
pub(crate) const FLOOD_US: u64 = 1_000_000;

/// What a message that may not be dropped has to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wait {
    /// Microseconds before the next message is read.
    pub(crate) us: u64,
    /// Offences to be noted for it.
    pub(crate) floods: u64,
}

impl Meters {
    /// One of the validator's own consensus messages.
    pub(crate) fn consensus(&self, rates: &PeerRates, length: usize, now_us: u64) -> Wait {
        let mut buckets = self.0.lock();
        let items = buckets.consensus.take(rates.consensus, 1, now_us);
        let bytes = buckets
            .consensus_bytes
            .take(rates.consensus_bytes, length as u64, now_us);
        let us = items.max(bytes);
        buckets.slowed_us = buckets.slowed_us.saturating_add(us);
        let floods = buckets.slowed_us / FLOOD_US;
        buckets.slowed_us %= FLOOD_US;
        Wait { us, floods }
    }

    /// A batch of transactions or a block. Never an offence: what transactions say is judged by the node.
    pub(crate) fn bulk(&self, rates: &PeerRates, length: usize, now_us: u64) -> Wait {
        let us = self
            .0
            .lock()
            .bulk
            .take(rates.bulk_bytes, length as u64, now_us);
        Wait { us, floods: 0 }
    }

    /// Whether a message that can be spared may pass.
    pub(crate) fn admits(&self, rates: &PeerRates, flow: Flow, length: usize, now_us: u64) -> bool {
        let mut buckets = self.0.lock();
        let buckets = &mut *buckets;
        let bytes = length as u64;
        match flow {
            Flow::Relay => {
                buckets.relay.try_take(rates.relay, 1, now_us)
                    && buckets
                        .relay_bytes
                        .try_take(rates.relay_bytes, bytes, now_us)
            }
            Flow::Relayed => {
                buckets.relayed.try_take(rates.relayed, 1, now_us)
                    && buckets
                        .relayed_bytes
                        .try_take(rates.relayed_bytes, bytes, now_us)
            }
            Flow::Evidence => buckets.evidence.try_take(rates.evidence, 1, now_us),
            Flow::Requests => buckets.requests.try_take(rates.requests, 1, now_us),
            Flow::Consensus | Flow::Bulk => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const RATE: Rate = Rate {
        per_second: 10,
        burst: 20,
    };

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut bucket = Bucket::default();
        for _ in 0..20 {
            assert!(bucket.try_take(RATE, 1, 1));
        }
        assert!(!bucket.try_take(RATE, 1, 1));
        assert!(!bucket.try_take(RATE, 1, 100_000));
        assert!(bucket.try_take(RATE, 1, 100_001));
        assert!(!bucket.try_take(RATE, 1, 100_001));
    }

    #[test]
    fn what_must_not_be_lost_waits_for_its_tokens() {
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(RATE, 20, 1), 0);
        assert_eq!(bucket.take(RATE, 1, 1), 100_000);
        assert_eq!(bucket.take(RATE, 1, 100_001), 100_000, "the debt is paid");
        assert_eq!(bucket.take(RATE, 0, 10_000_000), 0);
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_gives_nothing() {
        let mut bucket = Bucket::default();
        assert!(bucket.try_take(RATE, 20, 1_000_000));
        assert!(!bucket.try_take(RATE, 1, 500_000));
        assert!(!bucket.try_take(RATE, 1, 1_050_000));
        assert!(bucket.try_take(RATE, 1, 1_100_000));
    }

    #[test]
    fn a_second_of_slowness_is_one_offence() {
        let rates = PeerRates {
            consensus: RATE,
            ..PeerRates::default()
        };
        let meters = Meters::default();
        let mut now_us = 1;
        let mut floods = 0;
        for _ in 0..20 + 55 {
            let wait = meters.consensus(&rates, 100, now_us);
            floods += wait.floods;
            now_us += wait.us;
        }
        assert_eq!(floods, 5, "55 messages at 10 a second");
    }

    proptest! {
        /// In any span, no more passes than the burst and what flowed in.
        #[test]
        fn never_more_than_burst_and_flow(steps in vec((0u64..300_000, 1u64..8), 1..200)) {
            let mut bucket = Bucket::default();
            let mut now_us = 1;
            let mut passed = 0;
            for (pause, cost) in steps {
                now_us += pause;
                if bucket.try_take(RATE, cost, now_us) {
                    passed += cost;
                }
                prop_assert!(passed * MILLION <= RATE.burst * MILLION + now_us * RATE.per_second);
            }
        }

        /// Who waits as told keeps to the rate, and is never told to wait longer than its debt takes.
        #[test]
        fn waiting_keeps_to_the_rate(costs in vec(1u64..30, 1..100)) {
            let mut bucket = Bucket::default();
            let (mut now_us, mut passed) = (1, 0);
            for cost in costs {
                let wait = bucket.take(RATE, cost, now_us);
                passed += cost;
                prop_assert!(wait <= 30 * MILLION / RATE.per_second);
                now_us += wait;
                prop_assert!(passed * MILLION <= RATE.burst * MILLION + now_us * RATE.per_second);
            }
        }
    }
}

//! Blocks that are not kept whole any more, for peers that are far behind: fetched from the serving node.

use std::time::Duration;

use neo_primitives::{Block, Encode as _, SignedHeader, merkle_root};
use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::Instant};

use crate::shared::Shared;

/// Fetches at a time; the node has other things to do.
const AT_A_TIME: usize = 4;
/// Blocks at once, at most.
const BURST: u32 = 500;
/// One more each time this has passed.
const INTERVAL: Duration = Duration::from_millis(5);

/// How much is fetched for others.
pub(crate) struct OldBlocks {
    turns: Semaphore,
    allowance: Mutex<Allowance>,
}

struct Allowance {
    left: u32,
    since: Instant,
}

impl OldBlocks {
    pub(crate) fn new() -> Self {
        Self {
            turns: Semaphore::new(AT_A_TIME),
            allowance: Mutex::new(Allowance {
                left: BURST,
                since: Instant::now(),
            }),
        }
    }
}

impl Allowance {
    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.since).as_nanos();
        let earned = u32::try_from(passed / INTERVAL.as_nanos()).unwrap_or(u32::MAX);
        if earned >= BURST.saturating_sub(self.left) {
            (self.left, self.since) = (BURST, now);
        } else {
            self.left = self.left.saturating_add(earned);
            self.since += INTERVAL.saturating_mul(earned);
        }
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}

impl Shared {
    /// The block of a verified header in wire form, with the witness that is known here. `None` when too much is asked
    /// for, no node serves, or it does not have this very block.
    pub(crate) async fn old_block(&self, signed: SignedHeader) -> Option<Vec<u8>> {
        let height = signed.header.index;
        if signed.header.merkle_root.is_zero() {
            return Some(whole(signed, Vec::new()));
        }
        let _turn = self.old_blocks.turns.try_acquire().ok()?;
        if !self.old_blocks.allowance.lock().take(Instant::now()) {
            return None;
        }
        let member = self.serving()?;
        match member.node.block(height).await {
            Ok(block)
                if block.hash() == signed.hash()
                    && merkle_root(&block.transaction_hashes()) == signed.header.merkle_root =>
            {
                Some(whole(signed, block.transactions))
            }
            Ok(_) => {
                let endpoint = member.node.endpoint();
                tracing::warn!(%endpoint, %height, "another block than the validators signed");
                None
            }
            Err(error) => {
                tracing::debug!(%height, %error, "an old block cannot be had");
                None
            }
        }
    }
}

fn whole(
    signed: SignedHeader,
    transactions: Vec<std::sync::Arc<neo_primitives::Transaction>>,
) -> Vec<u8> {
    Block {
        header: signed.header,
        witness: signed.witness,
        transactions,
    }
    .to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_followed_by_a_rate() {
        let begin = Instant::now();
        let mut allowance = Allowance {
            left: BURST,
            since: begin,
        };
        let mut taken = |after: u32| {
            let now = begin + INTERVAL * after;
            std::iter::repeat_with(|| allowance.take(now))
                .take_while(|taken| *taken)
                .count()
        };
        assert_eq!(taken(0), BURST as usize);
        assert_eq!(taken(3), 3);
        assert_eq!(taken(3), 0);
        assert_eq!(taken(1_000_000), BURST as usize, "no more is saved up");
    }
}

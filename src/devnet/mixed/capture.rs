//! What was seen on the validators' network.

use std::collections::{BTreeMap, BTreeSet};

use neo_consensus::v2::Kind;
use neo_primitives::{Header, Height, UInt256};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::super::observations::NodeSeen;

/// Payloads and blocks that are remembered; of a longer run, the first ones.
const MOST: usize = 1 << 20;

/// A consensus payload that its validator has signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// When it came, in nanoseconds since 1970.
    pub(crate) t_ns: u64,
    /// Its height.
    pub(crate) height: Height,
    /// Its view.
    pub(crate) view: u8,
    /// Who has signed it.
    pub(crate) validator: usize,
    /// What it is.
    pub(crate) kind: Kind,
}

/// A block that came by P2P.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockSighting {
    /// Whose proposal it was.
    pub(crate) primary: usize,
    /// Its hash.
    pub(crate) hash: UInt256,
    /// When it came, in nanoseconds since 1970.
    pub(crate) t_ns: u64,
}

/// What was seen so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Payloads in the order in which they came.
    pub(crate) payloads: Vec<Sighting>,
    /// Blocks by height.
    pub(crate) blocks: BTreeMap<Height, BlockSighting>,
    /// Validators whose signatures are in the blocks that validators have stored.
    pub(crate) witnessed: BTreeSet<(Height, usize)>,
    /// Payloads that no validator has signed, or that are none of consensus.
    pub(crate) unverified: u64,
}

impl Seen {
    /// The first payload of a validator from a moment on, of one of these kinds.
    pub(crate) fn first(&self, validator: usize, kinds: &[Kind], from_ns: u64) -> Option<Sighting> {
        // Nearly sorted, and what is looked for is near the end.
        let recent = self.payloads.iter().rev();
        let recent = recent.take_while(|sighting| sighting.t_ns >= from_ns);
        let matches = |sighting: &&Sighting| {
            sighting.validator == validator && kinds.contains(&sighting.kind)
        };
        recent.filter(matches).last().copied()
    }
}

/// What was seen so far, and a signal for more.
#[derive(Debug)]
pub(crate) struct Capture {
    seen: Mutex<Seen>,
    changed: watch::Sender<()>,
}

impl Capture {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            seen: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// A payload came.
    pub(crate) fn sighted(&self, sighting: Sighting) {
        self.change(|seen| {
            if seen.payloads.len() < MOST {
                seen.payloads.push(sighting);
            }
        });
    }

    /// A payload came that no validator has signed.
    pub(crate) fn unverified(&self) {
        self.change(|seen| seen.unverified = seen.unverified.saturating_add(1));
    }

    /// These signatures were found in stored blocks.
    pub(super) fn witnessed(&self, signers: BTreeSet<(Height, usize)>) {
        self.change(|seen| seen.witnessed.extend(signers));
    }

    /// A block came.
    pub(crate) fn block(&self, header: &Header, t_ns: u64) {
        self.change(|seen| {
            if seen.blocks.len() < MOST {
                let sighting = BlockSighting {
                    primary: header.primary_index.0.into(),
                    hash: header.hash(),
                    t_ns,
                };
                seen.blocks.entry(header.index).or_insert(sighting);
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock());
        self.changed.send_replace(());
    }

    /// Looks at everything.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock())
    }

    /// Waits until `look` finds what it looks for.
    pub(crate) async fn until<T>(&self, mut look: impl FnMut(&Seen) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if let Some(found) = self.read(&mut look) {
                return found;
            }
            // The sender lives as long as `self`, so this ends with a change.
            let _ = changed.changed().await;
        }
    }
}

/// Heights of which two different blocks were seen, by the observer or by any validator at any time.
pub(crate) fn forks(seen: &Seen, nodes: &[NodeSeen]) -> Vec<String> {
    let by_p2p = seen
        .blocks
        .iter()
        .map(|(height, block)| (*height, block.hash));
    let reported = nodes.iter().flat_map(|node| &node.blocks);
    let mut hashes: BTreeMap<Height, BTreeSet<UInt256>> = BTreeMap::new();
    for (height, hash) in by_p2p.chain(reported.map(|block| (block.height, block.hash))) {
        hashes.entry(height).or_default().insert(hash);
    }
    let forked = hashes.into_iter().filter(|(_, hashes)| hashes.len() > 1);
    forked
        .map(|(height, hashes)| {
            let hashes: Vec<_> = hashes.iter().map(ToString::to_string).collect();
            format!("height {height}: {}", hashes.join(" and "))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::events::BlockEvent;
    use std::sync::Arc;

    fn sighting(t_ns: u64, validator: usize, kind: Kind) -> Sighting {
        Sighting {
            t_ns,
            height: Height(5),
            view: 0,
            validator,
            kind,
        }
    }

    #[tokio::test]
    async fn the_first_payload_after_a_moment() {
        let capture = Arc::new(Capture::new());
        capture.sighted(sighting(10, 1, Kind::Commit));
        let waiting = tokio::spawn({
            let capture = capture.clone();
            async move {
                capture
                    .until(|seen| seen.first(1, &[Kind::Commit], 20))
                    .await
            }
        });
        for (t_ns, validator, kind) in [
            (21, 2, Kind::Commit),
            (22, 1, Kind::PrepareResponse),
            (23, 1, Kind::Commit),
        ] {
            tokio::task::yield_now().await;
            assert!(!waiting.is_finished());
            capture.sighted(sighting(t_ns, validator, kind));
        }
        capture.sighted(sighting(24, 1, Kind::Commit));
        assert_eq!(waiting.await.unwrap(), sighting(23, 1, Kind::Commit));
        capture.unverified();
        assert_eq!(capture.read(|seen| seen.unverified), 1);
    }

    #[test]
    fn two_blocks_of_a_height_are_a_fork() {
        let hash = |byte| UInt256::from_wire([byte; 32]);
        let block = |height, byte| BlockEvent {
            height: Height(height),
            hash: hash(byte),
            t_ns: 0,
            transactions: 0,
            view: None,
            decision_us: None,
            witness_us: None,
        };
        let node = |blocks: Vec<BlockEvent>| NodeSeen {
            blocks,
            ..NodeSeen::default()
        };
        let mut seen = Seen::default();
        let by_p2p = BlockSighting {
            primary: 0,
            hash: hash(1),
            t_ns: 0,
        };
        seen.blocks.insert(Height(1), by_p2p);
        let agree = [
            node(vec![block(1, 1), block(2, 2)]),
            node(vec![block(2, 2)]),
        ];
        assert!(forks(&seen, &agree).is_empty());
        let differ = [
            node(vec![block(2, 2)]),
            node(vec![block(1, 9), block(2, 2)]),
        ];
        let found = forks(&seen, &differ);
        assert!(
            found.len() == 1 && found[0].starts_with("height 1: "),
            "{found:?}"
        );
    }
}

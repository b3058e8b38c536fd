//! Who is asked for what.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use neo_primitives::{Block, Height, Magic, SignedHeader};

use super::{
    super::{event::NeoPeerId, refusal::NeoRefusal, wire::MAX_HEADERS},
    links::Link,
};

/// Bounds of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SyncLimits {
    pub(crate) block_window: u32,
    pub(crate) block_bytes: usize,
    pub(crate) header_window: u32,
    pub(crate) per_request: u16,
    pub(crate) timeout: Duration,
    pub(crate) store_timeout: Duration,
}

/// Blocks that may be missing before transactions are left aside until they are there.
const FAR: u32 = 10;
/// Pieces of blocks that one peer is asked for at a time.
pub(super) const PIECES: usize = 2;
/// Times in a row that a peer may not send what it says it has.
const STRIKES: u32 = 3;

/// What a peer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Headers { from: Height },
    Blocks { from: Height, count: u16 },
}

/// A question for a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) peer: NeoPeerId,
    pub(crate) question: Question,
}

/// What is to be done now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) asks: Vec<Ask>,
    pub(crate) cut_off: Vec<(NeoPeerId, NeoRefusal)>,
}

#[derive(Debug, Default)]
pub(super) struct SyncPeer {
    pub(super) height: Height,
    pub(super) headers: Option<(Height, Duration)>,
    /// Pieces asked for: first height, one after the last, when something of it came last.
    pub(super) pieces: Vec<(u32, u32, Duration)>,
    pub(super) strikes: u32,
}

/// One node's way to the end of the chain.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) magic: Magic,
    pub(super) limits: SyncLimits,
    /// The last stored block.
    pub(super) stored: Link,
    /// Verified headers after the last stored block.
    pub(super) headers: VecDeque<(Link, SignedHeader)>,
    pub(super) peers: BTreeMap<NeoPeerId, SyncPeer>,
    /// Blocks that fit their headers and wait for the one before, with their bytes.
    pub(super) waiting: HashMap<u32, (NeoPeerId, Box<Block>, usize)>,
    pub(super) waiting_bytes: usize,
    /// Lengths of the blocks that were handed on and are not stored, the lowest first, and their sum.
    pub(super) with_node: VecDeque<(Height, usize)>,
    pub(super) with_node_bytes: usize,
    /// Height of the last block that was handed on, and when.
    pub(super) delivered: Height,
    pub(super) delivered_at: Duration,
}

impl Session {
    pub(crate) fn new(magic: Magic, stored: Link, limits: SyncLimits) -> Self {
        Self {
            magic,
            limits,
            stored,
            headers: VecDeque::new(),
            peers: BTreeMap::new(),
            waiting: HashMap::new(),
            waiting_bytes: 0,
            with_node: VecDeque::new(),
            with_node_bytes: 0,
            delivered: stored.height,
            delivered_at: Duration::ZERO,
        }
    }

    /// A peer says that it has the block of this height.
    pub(crate) fn peer_height(&mut self, peer: NeoPeerId, height: Height) {
        let peer = self.peers.entry(peer).or_default();
        peer.height = peer.height.max(height);
    }

    /// A peer is gone; what it was asked for is asked of others.
    pub(crate) fn peer_gone(&mut self, peer: NeoPeerId) {
        self.peers.remove(&peer);
    }

    /// Height of the last stored block.
    pub(crate) fn stored_height(&self) -> Height {
        self.stored.height
    }

    /// The last verified header, or the last stored block's.
    pub(crate) fn tip(&self) -> Link {
        self.headers.back().map_or(self.stored, |(link, _)| *link)
    }

    /// Whether this block waits here for the one before it, or is with the node already.
    pub(crate) fn knows_block(&self, hash: &neo_primitives::UInt256) -> bool {
        self.headers.iter().any(|(link, _)| {
            link.hash == *hash
                && (link.height <= self.delivered || self.waiting.contains_key(&link.height.0))
        })
    }

    /// Whether so many blocks are missing that transactions are of no use yet.
    pub(crate) fn is_far_behind(&self) -> bool {
        self.tip().height.0 > self.stored.height.0.saturating_add(FAR)
    }

    /// Whether there are verified headers of more than the block after the last stored one. What peers say without
    /// proof does not count: a liar could silence a node with it.
    pub(crate) fn is_behind(&self) -> bool {
        self.tip().height.0 > self.stored.height.0.saturating_add(1)
    }

    /// The node has stored this block, its own or one that was handed to it.
    pub(crate) fn stored(&mut self, link: Link) {
        if link.height <= self.stored.height {
            return;
        }
        self.stored = link;
        while let Some((first, _)) = self.headers.front() {
            if first.height > link.height {
                break;
            }
            self.headers.pop_front();
        }
        let follows = self
            .headers
            .front()
            .is_none_or(|(_, header)| header.header.prev_hash == link.hash);
        self.delivered = self.delivered.max(link.height);
        if !follows {
            self.headers.clear();
            self.delivered = link.height;
        }
        while let Some((height, length)) = self.with_node.front().copied() {
            if height > link.height && follows {
                break;
            }
            self.with_node.pop_front();
            self.with_node_bytes = self.with_node_bytes.saturating_sub(length);
        }
        let kept_from = link.height.0;
        self.forget_blocks(|height| height <= kept_from || !follows);
    }

    /// Blocks that were handed on and are not stored have to come again.
    pub(crate) fn not_stored(&mut self) {
        self.delivered = self.stored.height;
        self.with_node.clear();
        self.with_node_bytes = 0;
    }

    /// What to ask whom at this time. What was asked before and did not come in time counts against its peer.
    pub(crate) fn plan(&mut self, now: Duration) -> Planned {
        let mut planned = Planned::default();
        self.expire(now, &mut planned);
        if self.delivered > self.stored.height
            && now.saturating_sub(self.delivered_at) >= self.limits.store_timeout
        {
            self.not_stored();
            self.delivered_at = now;
        }
        self.plan_headers(now, &mut planned);
        self.plan_blocks(now, &mut planned);
        planned
    }

    fn expire(&mut self, now: Duration, planned: &mut Planned) {
        let timeout = self.limits.timeout;
        let late = |at: Duration| now.saturating_sub(at) >= timeout;
        for (id, peer) in &mut self.peers {
            let mut missing = None;
            if let Some((from, at)) = peer.headers
                && late(at)
            {
                peer.headers = None;
                missing = Some(("headers", from));
            }
            if let Some((from, _, _)) = peer.pieces.iter().find(|(_, _, at)| late(*at)) {
                missing = Some(("blocks", Height(*from)));
                peer.pieces.retain(|(_, _, at)| !late(*at));
            }
            let Some((what, from)) = missing else {
                continue;
            };
            peer.strikes += 1;
            if peer.strikes >= STRIKES {
                let reason = NeoRefusal::NoBlocks {
                    says: peer.height,
                    what,
                    from,
                    times: peer.strikes,
                };
                planned.cut_off.push((*id, reason));
            }
        }
        for (id, _) in &planned.cut_off {
            self.peers.remove(id);
        }
    }

    fn plan_headers(&mut self, now: Duration, planned: &mut Planned) {
        let tip = self.tip().height;
        let ahead = tip.0.saturating_sub(self.stored.height.0);
        let room = self.limits.header_window.saturating_sub(ahead) as usize;
        let asked = self.peers.values().any(|peer| peer.headers.is_some());
        if asked || (room < MAX_HEADERS && ahead > 0) {
            return;
        }
        let from = tip.next();
        let best = self
            .peers
            .iter_mut()
            .filter(|(_, peer)| peer.height > tip)
            .min_by_key(|(_, peer)| (peer.strikes, peer.pieces.len()));
        if let Some((id, peer)) = best {
            peer.headers = Some((from, now));
            planned.asks.push(Ask {
                peer: *id,
                question: Question::Headers { from },
            });
        }
    }
}

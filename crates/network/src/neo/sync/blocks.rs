//! Headers and blocks that came.

use std::time::Duration;

use neo_primitives::{Block, Encode, Height, SignedHeader};

use super::{
    super::{event::NeoPeerId, refusal::NeoRefusal},
    links::Link,
    session::{Ask, PIECES, Planned, Question, Session},
};

impl Session {
    /// Headers that a peer was asked for and what they have to follow; `None` if it was not asked, or none is new.
    pub(crate) fn headers_came(
        &mut self,
        peer: NeoPeerId,
        mut headers: Vec<SignedHeader>,
    ) -> Option<(Link, Vec<SignedHeader>)> {
        self.peers.get_mut(&peer)?.headers.take()?;
        let tip = self.tip();
        headers.retain(|header| header.header.index > tip.height);
        (!headers.is_empty()).then_some((tip, headers))
    }

    /// Headers that were verified after `link`. They count if nothing else has come to stand there meanwhile.
    pub(crate) fn headers_verified(
        &mut self,
        peer: NeoPeerId,
        link: Link,
        verified: Vec<(Link, SignedHeader)>,
    ) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.strikes = 0;
        }
        if self.tip() == link {
            self.headers.extend(verified);
        }
    }

    /// A block that a peer sent, asked for or not. True if it is of use.
    ///
    /// # Errors
    /// When it is not the block of its height, or its header does not follow the last one.
    pub(crate) fn block_came(
        &mut self,
        peer: NeoPeerId,
        mut block: Box<Block>,
        now: Duration,
    ) -> Result<bool, NeoRefusal> {
        let height = block.header.index;
        self.note_piece(peer, height, now);
        if height <= self.delivered || self.waiting.contains_key(&height.0) {
            return Ok(false);
        }
        let tip = self.tip();
        // It has what it sends, so that it can be asked for the blocks before.
        self.peer_height(peer, height);
        if height.0 > tip.height.0.saturating_add(1) {
            return Ok(false);
        }
        if height > tip.height {
            let header = block.signed_header();
            let link = tip.follow(&header, self.magic)?;
            self.headers.push_back((link, header));
        } else if let Some((link, header)) = self.header(height) {
            let theirs = block.hash();
            if theirs != link.hash {
                return Err(NeoRefusal::WrongBlock {
                    height,
                    theirs,
                    ours: link.hash,
                });
            }
            // The hash leaves the witness out: the verified one is put in its place.
            block.witness = header.witness.clone();
        } else {
            return Ok(false);
        }
        let length = block.encoded_len();
        let is_next = height == self.delivered.next();
        let held = self.waiting_bytes.saturating_add(self.with_node_bytes);
        if !is_next && held.saturating_add(length) > self.limits.block_bytes {
            return Ok(false);
        }
        self.waiting_bytes = self.waiting_bytes.saturating_add(length);
        self.waiting.insert(height.0, (peer, block, length));
        Ok(true)
    }

    /// Whether [`Session::deliver`] has something.
    pub(crate) fn has_next(&self) -> bool {
        self.waiting.contains_key(&self.delivered.next().0)
    }

    /// The next block in order, if it is there.
    pub(crate) fn deliver(&mut self, now: Duration) -> Option<(NeoPeerId, Box<Block>)> {
        let next = self.delivered.next();
        let (peer, block, length) = self.waiting.remove(&next.0)?;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(length);
        self.with_node.push_back((next, length));
        self.with_node_bytes = self.with_node_bytes.saturating_add(length);
        self.delivered = next;
        self.delivered_at = now;
        Some((peer, block))
    }

    /// The header of this height, if it is after the last stored block.
    fn header(&self, height: Height) -> Option<&(Link, SignedHeader)> {
        let first = self.headers.front()?.0.height;
        let at = height.0.checked_sub(first.0)?;
        self.headers.get(usize::try_from(at).ok()?)
    }

    /// Notes that a piece goes on, and drops it when its last block has come.
    fn note_piece(&mut self, peer: NeoPeerId, height: Height, now: Duration) {
        let Some(peer) = self.peers.get_mut(&peer) else {
            return;
        };
        let fits = |piece: &&mut (u32, u32, Duration)| (piece.0..piece.1).contains(&height.0);
        if let Some(piece) = peer.pieces.iter_mut().find(fits) {
            peer.strikes = 0;
            // Blocks come in order: what is before this one came, or never will.
            piece.0 = height.0.saturating_add(1);
            piece.2 = now;
        }
        peer.pieces.retain(|(from, end, _)| from < end);
    }

    pub(super) fn forget_blocks(&mut self, gone: impl Fn(u32) -> bool) {
        let mut freed = 0;
        self.waiting.retain(|height, (_, _, length)| {
            let keep = !gone(*height);
            if !keep {
                freed += *length;
            }
            keep
        });
        self.waiting_bytes = self.waiting_bytes.saturating_sub(freed);
    }

    pub(super) fn plan_blocks(&mut self, now: Duration, planned: &mut Planned) {
        let window = self
            .stored
            .height
            .0
            .saturating_add(self.limits.block_window);
        let end = window.min(self.tip().height.0);
        // What the node has not stored takes room, too; while it is busy with that much, nothing more is of use.
        if self.with_node_bytes >= self.limits.block_bytes {
            return;
        }
        let held = self.waiting_bytes.saturating_add(self.with_node_bytes);
        let full = held >= self.limits.block_bytes;
        let mut from = self.delivered.0.saturating_add(1);
        // With no room for others only the next block is of use.
        let end = if full { end.min(from) } else { end };
        while from <= end {
            let Some((start, after)) = self.gap(from, end) else {
                return;
            };
            let best = self
                .peers
                .iter_mut()
                .filter(|(_, peer)| peer.height.0 >= start && peer.pieces.len() < PIECES)
                .min_by_key(|(_, peer)| (peer.strikes, peer.pieces.len()));
            let Some((id, peer)) = best else {
                return;
            };
            let after = after.min(peer.height.0.saturating_add(1));
            peer.pieces.push((start, after, now));
            let count = u16::try_from(after - start).unwrap_or(u16::MAX);
            planned.asks.push(Ask {
                peer: *id,
                question: Question::Blocks {
                    from: Height(start),
                    count,
                },
            });
            from = after;
        }
    }

    /// The first piece from `from` to `end` that is neither there nor asked for: first height, one after the last.
    fn gap(&self, from: u32, end: u32) -> Option<(u32, u32)> {
        let is_missing = |height: u32| {
            let asked = self.peers.values().any(|peer| {
                peer.pieces
                    .iter()
                    .any(|(start, after, _)| (*start..*after).contains(&height))
            });
            !asked && !self.waiting.contains_key(&height)
        };
        let start = (from..=end).find(|height| is_missing(*height))?;
        let last = end.min(start.saturating_add(u32::from(self.limits.per_request.max(1)) - 1));
        let after = (start..=last)
            .find(|height| !is_missing(*height))
            .unwrap_or(last.saturating_add(1));
        Some((start, after))
    }
}

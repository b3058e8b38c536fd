//! Proofs of guilt on their way to everybody.
//!
//! The network carries bytes. What has not been seen goes to the node; what the node has verified and hands back
//! goes, once, to every peer that is not known to have it. So a proof floods the network, and bytes that prove
//! nothing go no further than their first receiver.

use bytes::Bytes;
use neo_primitives::sha256;

use crate::{
    frame::FrameError, kind::Kind, metrics::increment, peer::Peer, priority::Priority, rates::Flow,
    shared::Shared,
};

/// Longest proof, in bytes. The longest of 255 validators, with a certificate and the prepared certificate within,
/// takes less than half of it.
pub const MAX_EVIDENCE: usize = 64 << 10;

impl Shared {
    /// Takes a proof from a peer; true if the node is to see it.
    pub(crate) fn take_evidence(&self, from: &Peer, proof: &Bytes) -> Result<bool, FrameError> {
        let length = proof.len();
        if length == 0 || length > MAX_EVIDENCE {
            return Err(FrameError::Evidence { length });
        }
        let now_us = self.clock.now_us();
        if !from
            .meters
            .admits(&self.limits.rates, Flow::Evidence, length, now_us)
        {
            increment(&self.counters.evidence_dropped);
            return Ok(false);
        }
        self.counters.evidence_received.count(length);
        Ok(self.seen_evidence.lock().note(sha256(proof), from.session))
    }

    /// Queues a proof for everybody who is not known to have it; returns for how many.
    pub(crate) fn spread_evidence(&self, proof: &Bytes) -> usize {
        let print = sha256(proof);
        let mut sent = self.sent_evidence.lock();
        if !sent.note(print, 0) {
            return 0;
        }
        drop(sent);
        let holders = {
            let mut seen = self.seen_evidence.lock();
            // A copy that comes back is not new.
            seen.note(print, 0);
            seen.holders(&print)
        };
        let directory = self.directory.read();
        let mut reached = 0;
        for peer in directory.peers() {
            if holders.contains(peer.session) {
                continue;
            }
            // It leaves before transactions do, and is dropped after them.
            self.counters.dropped(&peer.queue.push_kind(
                Kind::Evidence,
                Priority::Recovery,
                proof.clone(),
            ));
            reached += 1;
        }
        reached
    }
}

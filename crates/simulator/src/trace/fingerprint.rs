//! The trace hash: SHA-256 over all events in a form that has one encoding.

use neo_primitives::UInt256;
use sha2::{Digest, Sha256};

use super::{Happening, TraceEvent, Transmission};

/// Bytes collected before they are hashed.
const BUFFER: usize = 8 << 10;

/// Takes the events of a run and hashes them. Each event is: time u64, node u16 (0xffff for none), number
/// of its variant u8, then its fields in order; integers little-endian, texts and lists with their length
/// in front as u32, options with one byte in front.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    hasher: Sha256,
    bytes: Vec<u8>,
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self {
            hasher: Sha256::new(),
            bytes: Vec::with_capacity(BUFFER + 1024),
        }
    }
}

impl Fingerprint {
    /// Takes one event.
    pub fn add(&mut self, event: &TraceEvent) {
        self.u64(event.at_us);
        self.u16(event.node.unwrap_or(u16::MAX));
        self.happening(&event.what);
        if self.bytes.len() >= BUFFER {
            self.hasher.update(&self.bytes);
            self.bytes.clear();
        }
    }

    /// The hash of all events.
    #[must_use]
    pub fn finish(mut self) -> [u8; 32] {
        self.hasher.update(&self.bytes);
        self.hasher.finalize().into()
    }

    fn happening(&mut self, what: &Happening) {
        match what {
            Happening::Started {
                validator,
                life,
                stored,
                records,
                log_intact,
                torn,
            } => {
                self.tag(1);
                self.u16(*validator);
                self.u64(*life);
                self.u32(*stored);
                self.u32(*records);
                self.tag(u8::from(*log_intact));
                self.u64(*torn);
            }
            Happening::Crashed { cause } => {
                self.tag(2);
                self.tag(*cause as u8);
            }
            Happening::LogLost { how } => {
                self.tag(3);
                self.tag(*how as u8);
            }
            Happening::StoreLost => self.tag(4),
            Happening::Sent(message) => {
                self.tag(5);
                self.transmission(message);
            }
            Happening::Delivered(message) => {
                self.tag(6);
                self.transmission(message);
            }
            Happening::Dropped { message, reason } => {
                self.tag(7);
                self.transmission(message);
                self.tag(*reason as u8);
            }
            Happening::Opened { height } => {
                self.tag(8);
                self.u32(*height);
            }
            Happening::Proposed {
                height,
                view,
                block,
            } => self.block_of_view(9, *height, *view, block),
            Happening::Phase {
                height,
                view,
                phase,
            } => {
                self.tag(10);
                self.u32(*height);
                self.u32(*view);
                self.text(phase);
            }
            Happening::Durable { records, votes } => {
                self.tag(11);
                self.u32(*records);
                self.length(votes.len());
                for vote in votes {
                    self.tag(vote.kind as u8);
                    self.u32(vote.height);
                    self.u32(vote.view);
                }
            }
            Happening::Prepared {
                height,
                view,
                block,
            } => self.block_of_view(12, *height, *view, block),
            Happening::ViewChangeAsked {
                height,
                view,
                reason,
            } => {
                self.tag(13);
                self.u32(*height);
                self.u32(*view);
                self.text(reason);
            }
            Happening::ViewEntered { height, view } => {
                self.tag(14);
                self.u32(*height);
                self.u32(*view);
            }
            Happening::BlockRefused {
                height,
                block,
                problem,
            } => {
                self.tag(15);
                self.u32(*height);
                self.hash(block);
                self.text(problem);
            }
            Happening::Decided {
                height,
                view,
                block,
            } => self.block_of_view(16, *height, *view, block),
            Happening::Witnessed { height, block } => {
                self.tag(17);
                self.u32(*height);
                self.hash(block);
            }
            Happening::Stored {
                height,
                block,
                imported,
            } => {
                self.tag(18);
                self.u32(*height);
                self.hash(block);
                self.tag(u8::from(*imported));
            }
            Happening::FetchAsked {
                what,
                from,
                block,
                start,
            } => {
                self.tag(19);
                self.text(what);
                self.u16(*from);
                self.optional_hash(block.as_ref());
                self.optional(*start);
            }
            Happening::Fetched { what, block } => {
                self.tag(20);
                self.text(what);
                self.optional_hash(block.as_ref());
            }
            Happening::Connection { peer, up } => {
                self.tag(21);
                self.u16(*peer);
                self.tag(u8::from(*up));
            }
            Happening::Silent { until } => {
                self.tag(22);
                self.optional(*until);
            }
            Happening::Voting { from } => {
                self.tag(23);
                self.u32(*from);
            }
            Happening::Evidence {
                against,
                height,
                kind,
            } => {
                self.tag(24);
                self.u16(*against);
                self.u32(*height);
                self.text(kind);
            }
            Happening::Trouble { height, what } => {
                self.tag(25);
                self.u32(*height);
                self.text(what);
            }
            Happening::Partitioned { groups } => {
                self.tag(26);
                self.length(groups.len());
                groups.iter().for_each(|group| self.nodes(group));
            }
            Happening::Cut { from, to } => {
                self.tag(27);
                self.nodes(from);
                self.nodes(to);
            }
            Happening::Healed => self.tag(28),
            Happening::Weather {
                loss_ppm,
                duplicate_ppm,
                reorder_ppm,
            } => {
                self.tag(29);
                self.u32(*loss_ppm);
                self.u32(*duplicate_ppm);
                self.u32(*reorder_ppm);
            }
            Happening::Clock {
                skew_ms,
                drift_ppm,
                slow_percent,
            } => {
                self.tag(30);
                self.bytes.extend_from_slice(&skew_ms.to_le_bytes());
                self.bytes.extend_from_slice(&drift_ppm.to_le_bytes());
                self.u32(*slow_percent);
            }
            Happening::StoreRestored => self.tag(32),
            Happening::Frozen => self.tag(33),
            Happening::Thawed => self.tag(34),
            Happening::Relayed(message) => {
                self.tag(35);
                self.transmission(message);
            }
            Happening::Quiet { peer, quiet } => {
                self.tag(36);
                self.u16(*peer);
                self.tag(u8::from(*quiet));
            }
            Happening::Pooled { transactions } => {
                self.tag(37);
                self.u32(*transactions);
            }
            Happening::Emergency { height } => {
                self.tag(38);
                self.u32(*height);
            }
            Happening::Locked { height } => {
                self.tag(39);
                self.u32(*height);
            }
            Happening::Violated { invariant, what } => {
                self.tag(31);
                self.text(invariant);
                self.text(what);
            }
        }
    }

    fn transmission(&mut self, message: &Transmission) {
        self.u64(message.id);
        self.u16(message.from);
        self.u16(message.to);
        self.tag(message.kind as u8);
        self.u32(message.height);
        self.u32(message.view);
        self.optional_hash(message.block.as_ref());
        self.u32(message.bytes);
        self.tag(u8::from(message.again));
    }

    fn block_of_view(&mut self, tag: u8, height: u32, view: u32, block: &UInt256) {
        self.tag(tag);
        self.u32(height);
        self.u32(view);
        self.hash(block);
    }

    fn tag(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    fn u16(&mut self, number: u16) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn u32(&mut self, number: u32) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn length(&mut self, length: usize) {
        self.u32(u32::try_from(length).unwrap_or(u32::MAX));
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn nodes(&mut self, nodes: &[u16]) {
        self.length(nodes.len());
        nodes.iter().for_each(|node| self.u16(*node));
    }

    fn hash(&mut self, hash: &UInt256) {
        self.bytes.extend_from_slice(hash.as_wire());
    }

    fn optional_hash(&mut self, hash: Option<&UInt256>) {
        self.tag(u8::from(hash.is_some()));
        if let Some(hash) = hash {
            self.hash(hash);
        }
    }

    fn optional(&mut self, number: Option<u32>) {
        self.tag(u8::from(number.is_some()));
        if let Some(number) = number {
            self.u32(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Kind;

    fn hash(events: &[TraceEvent]) -> [u8; 32] {
        let mut fingerprint = Fingerprint::default();
        events.iter().for_each(|event| fingerprint.add(event));
        fingerprint.finish()
    }

    fn sent(bytes: u32) -> TraceEvent {
        TraceEvent {
            at_us: 5,
            node: Some(1),
            what: Happening::Sent(Transmission {
                id: 1,
                from: 1,
                to: 2,
                kind: Kind::Prepare,
                height: 1,
                view: 0,
                block: Some(UInt256::from_wire([3; 32])),
                bytes,
                again: false,
            }),
        }
    }

    #[test]
    fn equal_traces_have_equal_hashes_and_others_do_not() {
        let many: Vec<_> = (0..1000).map(sent).collect();
        assert_eq!(hash(&many), hash(&many));
        let mut changed = many.clone();
        changed[500].at_us += 1;
        assert_ne!(hash(&many), hash(&changed));
        let mut swapped = many.clone();
        swapped.swap(3, 4);
        assert_ne!(hash(&many), hash(&swapped));
        assert_ne!(hash(&many), hash(&many[1..]));
    }

    #[test]
    fn the_encoding_of_an_event_is_pinned() {
        let mut fingerprint = Fingerprint::default();
        fingerprint.add(&sent(200));
        let mut expected = vec![5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 5];
        expected.extend([
            1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1,
        ]);
        expected.extend([3; 32]);
        expected.extend([200, 0, 0, 0, 0]);
        assert_eq!(fingerprint.bytes, expected);
    }

    #[test]
    fn an_event_comes_back_from_its_json_line() {
        for event in [
            sent(9),
            TraceEvent {
                at_us: 7,
                node: None,
                what: Happening::Healed,
            },
            TraceEvent {
                at_us: 8,
                node: Some(3),
                what: Happening::Silent { until: None },
            },
        ] {
            let line = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<TraceEvent>(&line).unwrap(), event);
        }
    }
}

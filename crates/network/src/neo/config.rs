//! What a node tells its Neo N3 peers and asks of them.

use std::{net::SocketAddr, time::Duration};

use neo_primitives::Magic;

use super::wire::{Command, MAX_PAYLOAD};
use crate::rates::Rate;

/// Everything [`super::start`] needs.
#[derive(Clone, Debug)]
pub struct NeoConfig {
    /// Magic number of the network; peers of another one are refused.
    pub magic: Magic,
    /// Where to take connections; `None` for nowhere. Port 0 lets the system choose.
    pub listen: Option<SocketAddr>,
    /// Nodes, as `host:port`, that are dialled until they are connected, for ever.
    pub peers: Vec<String>,
    /// Name and version of the program, told to peers, in Neo's form `/name:version/`; at most 1024 bytes.
    pub user_agent: String,
    /// Whether compressed payloads are sent, and asked for.
    pub compression: bool,
    /// Bounds on memory and on what peers may ask.
    pub limits: NeoLimits,
    /// Intervals and timeouts.
    pub timing: NeoTiming,
}

impl NeoConfig {
    /// A node that listens on a port of the system's choice on this machine and knows nobody.
    #[must_use]
    pub fn new(magic: Magic) -> Self {
        Self {
            magic,
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            peers: Vec::new(),
            user_agent: concat!("/neo-dbft:", env!("CARGO_PKG_VERSION"), "/").to_owned(),
            compression: true,
            limits: NeoLimits::default(),
            timing: NeoTiming::default(),
        }
    }
}

/// Bounds on memory and on what peers may ask. The defaults are the reference's where it has any.
#[derive(Clone, Debug)]
pub struct NeoLimits {
    /// Connections in all, also those whose handshake is under way (C#: 40). Configured peers that we dial get in
    /// beyond this and the following limits.
    pub max_peers: usize,
    /// Connections that we look for among known addresses (C#: 10). 0: only configured peers are dialled.
    pub wanted_peers: usize,
    /// Connections with one IP address (C#: 3).
    pub max_per_address: usize,
    /// Whether [`NeoLimits::max_per_address`] and [`NeoLimits::connection_rate`] also count for this machine, where
    /// test networks live.
    pub count_loopback: bool,
    /// Connections that one IP address may begin.
    pub connection_rate: Rate,
    /// Addresses remembered (C#: 1000 unconnected ones).
    pub addresses: usize,
    /// Hashes remembered for each peer, so that none is announced to whom has it (C#: 1000).
    pub known_hashes: usize,
    /// Extensible payloads kept for each sender (neo-go: 20).
    pub payloads_per_sender: usize,
    /// Extensible payloads kept in all.
    pub payloads: usize,
    /// Bytes of extensible payloads kept in all.
    pub payload_bytes: usize,
    /// Most bytes of a block that is read; the network's MaxBlockSize and some room for its header.
    pub block_bytes: usize,
    /// Most bytes of an extensible payload that is read.
    pub extensible_bytes: usize,
    /// Bytes that may wait to be sent to one peer, in each class.
    pub queue_bytes: usize,
    /// Hashes that are asked for at a time.
    pub wanted_hashes: usize,
    /// Blocks that are fetched ahead of the last stored one.
    pub block_window: u32,
    /// Bytes of blocks that wait for the one before them.
    pub block_window_bytes: usize,
    /// Headers that are fetched ahead of the last stored block (C#: 10000).
    pub header_window: u32,
    /// Blocks asked for in one message.
    pub blocks_per_request: u16,
    /// Extensible payloads that may wait for the node; more slow their senders down.
    pub consensus_events: usize,
    /// Blocks and transactions that may wait for the node; more slow their senders down.
    pub bulk_events: usize,
    /// Messages of one peer; who sends more is read later.
    pub messages: Rate,
    /// Bytes of one peer; who sends more is read later.
    pub bytes: Rate,
    /// Extensible payloads of one peer, and payloads that it asks for; more are dropped.
    pub extensibles: Rate,
    /// Questions of one peer for parts of the chain or the pool; more are dropped.
    pub requests: Rate,
}

impl Default for NeoLimits {
    fn default() -> Self {
        Self {
            max_peers: 40,
            wanted_peers: 10,
            max_per_address: 3,
            count_loopback: false,
            connection_rate: Rate::new(1, 10),
            addresses: 1000,
            known_hashes: 1000,
            payloads_per_sender: 20,
            payloads: 2048,
            payload_bytes: 64 << 20,
            block_bytes: 8 << 20,
            extensible_bytes: 4 << 20,
            queue_bytes: 4 << 20,
            wanted_hashes: 1 << 14,
            block_window: 500,
            block_window_bytes: 64 << 20,
            header_window: 6000,
            blocks_per_request: 50,
            consensus_events: 1024,
            bulk_events: 256,
            messages: Rate::new(2_000, 5),
            bytes: Rate::new(32 << 20, 4),
            extensibles: Rate::new(500, 5),
            requests: Rate::new(50, 10),
        }
    }
}

impl NeoLimits {
    /// Most bytes of a payload, before and after compression.
    pub(crate) fn payload(&self, command: Command) -> usize {
        let own = match command {
            Command::Block => self.block_bytes,
            Command::Extensible => self.extensible_bytes,
            // Ignored ones need not be long.
            Command::Other(_) | Command::MerkleBlock => 1 << 20,
            _ => MAX_PAYLOAD,
        };
        own.min(command.limit())
    }
}

/// Intervals and timeouts.
#[derive(Clone, Debug)]
pub struct NeoTiming {
    /// Within this a TCP connection is made (neo-go: 3 s).
    pub dial_timeout: Duration,
    /// Within this version and verack are exchanged (C#: 10 s).
    pub handshake_timeout: Duration,
    /// Within this a frame that has begun is complete.
    pub frame_timeout: Duration,
    /// Within this a peer takes a frame.
    pub write_timeout: Duration,
    /// A peer that was silent for this long is cut off.
    pub idle_timeout: Duration,
    /// Pings are sent this often.
    pub ping_interval: Duration,
    /// Within this a ping is answered (neo-go: 90 s).
    pub ping_timeout: Duration,
    /// A configured peer is redialled after this at first, and after twice as long each time.
    pub redial_min: Duration,
    /// But at least this often.
    pub redial_max: Duration,
    /// What one peer announced and did not send is asked of another after this.
    pub data_timeout: Duration,
    /// Headers and blocks that a peer did not send are asked of another after this.
    pub sync_timeout: Duration,
    /// Delivered blocks that the node has not stored after this are fetched again.
    pub store_timeout: Duration,
    /// When no consensus payload was new and no block was stored for this long, those that are still valid are
    /// announced again, then after twice as long each time (neo-go: half the block time). `None`: never.
    pub repeat_consensus: Option<Duration>,
    /// How often all this is looked at.
    pub tick: Duration,
}

impl Default for NeoTiming {
    fn default() -> Self {
        Self {
            dial_timeout: Duration::from_secs(3),
            handshake_timeout: Duration::from_secs(10),
            frame_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(120),
            ping_interval: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(90),
            redial_min: Duration::from_millis(250),
            redial_max: Duration::from_secs(10),
            data_timeout: Duration::from_secs(1),
            sync_timeout: Duration::from_secs(10),
            store_timeout: Duration::from_secs(60),
            repeat_consensus: None,
            tick: Duration::from_millis(200),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_the_networks_limit_and_never_more_than_32_mib() {
        let mut limits = NeoLimits {
            block_bytes: 1000,
            ..NeoLimits::default()
        };
        assert_eq!(limits.payload(Command::Block), 1000);
        limits.block_bytes = usize::MAX;
        assert_eq!(limits.payload(Command::Block), MAX_PAYLOAD);
        assert_eq!(limits.payload(Command::Ping), 12);
    }
}

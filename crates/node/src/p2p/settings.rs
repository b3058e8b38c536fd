//! The configuration of the network out of the node's.

use std::time::Duration;

use neo_ledger::GenesisConfig;
use neo_network::neo::NeoConfig;

use crate::config::{P2pSection, ProtocolConfig};

/// Room for what compression may add to a block.
const SLACK: usize = 16 << 10;
/// Peers are pinged every so many block times: neo-go learns heights by pings, as we do.
const PING_BLOCKS: u32 = 3;

/// What Neo N3's P2P is started with.
pub(crate) fn settings(protocol: &ProtocolConfig, section: &P2pSection) -> NeoConfig {
    let genesis: &GenesisConfig = &protocol.genesis;
    let mut config = NeoConfig::new(genesis.magic);
    config.listen = section.listen.first().copied();
    config.peers.clone_from(&section.peers);
    config.compression = section.compression;
    let limits = &mut config.limits;
    limits.max_peers = section.max_peers;
    limits.wanted_peers = section.wanted_peers;
    limits.max_per_address = section.max_per_address;
    let block = usize::try_from(genesis.max_block_size).unwrap_or(usize::MAX);
    limits.block_bytes = block.saturating_add(SLACK);
    let block_time = genesis.block_time();
    let timing = &mut config.timing;
    let pause = block_time.saturating_mul(PING_BLOCKS);
    timing.ping_interval = pause.clamp(Duration::from_secs(1), timing.ping_interval);
    // A validator that is away is wanted back before its next turn.
    timing.redial_max = pause.clamp(Duration::from_secs(1), timing.redial_max);
    // As neo-go.
    timing.repeat_consensus = protocol.is_dbft_2().then_some(block_time / 2);
    config
}

#[cfg(test)]
mod tests {
    use neo_primitives::{Magic, PrivateKey};

    use super::*;

    #[test]
    fn limits_come_from_the_network_and_the_section() {
        let key = PrivateKey::generate().public_key().clone();
        let mut genesis = GenesisConfig::new(Magic(5), vec![key]);
        genesis.max_block_size = 1 << 20;
        genesis.block_time_ms = 1_000;
        let section = P2pSection {
            peers: vec!["a:1".to_owned()],
            max_peers: 7,
            compression: false,
            ..P2pSection::default()
        };
        let of = |version| {
            let protocol = ProtocolConfig {
                version,
                genesis: genesis.clone(),
            };
            settings(&protocol, &section)
        };
        let older = of(2);
        assert_eq!(older.magic, Magic(5));
        assert!(older.listen.is_none() && !older.compression);
        assert_eq!(older.limits.max_peers, 7);
        assert_eq!(older.limits.block_bytes, (1 << 20) + SLACK);
        assert_eq!(
            older.timing.repeat_consensus,
            Some(Duration::from_millis(500))
        );
        assert_eq!(older.timing.ping_interval, Duration::from_secs(3));
        assert_eq!(of(3).timing.repeat_consensus, None);
    }
}

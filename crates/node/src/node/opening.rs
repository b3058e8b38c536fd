//! What a node opens before it takes part: wallet, network settings, vote log and engine.

use std::sync::Arc;
use std::time::Duration;

use neo_consensus::v3::{EngineSettings, Record, Restored, V3Engine, VoteLogState};
use neo_consensus::vote_log::{Condition, Identity as LogIdentity};
use neo_ledger::{ChainReader, EmbeddedLedger, Ledger};
use neo_network::{Identity, NetworkConfig};
use neo_primitives::wallet::Nep6Wallet;
use neo_primitives::{PrivateKey, PublicKey};

use super::error::NodeError;
use crate::bodies::Bodies;
use crate::config::{NodeConfig, read_password};
use crate::vote_log_file;

/// Heartbeats of a validator that are missed before its connection counts as lost.
const MISSED_HEARTBEATS: u32 = 15;

/// The identity that a validator's vote log carries.
#[must_use]
pub fn log_identity(config: &NodeConfig, validator: PublicKey) -> LogIdentity {
    let genesis = &config.protocol.genesis;
    LogIdentity {
        magic: genesis.magic,
        genesis: genesis.genesis_block().hash(),
        validator,
    }
}

/// Opens the configured wallet and finds the key of a validator in it.
pub(super) fn validator_key(config: &NodeConfig) -> Result<Option<PrivateKey>, NodeError> {
    let Some(wallet) = config.wallet.as_ref().filter(|_| config.consensus.enabled) else {
        return Ok(None);
    };
    let password = read_password(wallet)?;
    let failed = |error| NodeError::Wallet {
        path: wallet.path.clone(),
        error,
    };
    let accounts = Nep6Wallet::load(&wallet.path)
        .and_then(|file| file.open(&password))
        .map_err(failed)?;
    let validators = config.protocol.genesis.validators();
    let mut keys = Vec::new();
    for account in accounts {
        if validators.contains(account.key.public_key()) {
            return Ok(Some(account.key));
        }
        keys.push(account.key.public_key().to_string());
    }
    Err(NodeError::NoValidatorKey {
        path: wallet.path.clone(),
        keys: keys.join(", "),
    })
}

pub(super) fn network_config(
    config: &NodeConfig,
    ledger: &EmbeddedLedger,
    key: Option<&PrivateKey>,
) -> Result<NetworkConfig, NodeError> {
    let genesis = &config.protocol.genesis;
    let identity = Identity::load_or_create(&config.data_dir.join("node.key"))?;
    let listen = config.network.listen.first().copied();
    let heartbeat = Duration::from_millis(config.network.heartbeat_ms);
    let mut network = NetworkConfig::new(genesis.magic, genesis.genesis_block().hash(), identity);
    network.listen_quic = listen;
    network.listen_tcp = listen;
    network.peers = config
        .network
        .peers
        .iter()
        .map(|peer| peer.to_peer_address())
        .collect();
    network.validators = genesis.validators();
    network.height = ledger.height();
    network.tip = ledger.tip_hash();
    network.limits.max_strangers = config.network.max_strangers;
    network.limits.connections_per_address = config.network.max_connections_per_address;
    let reputation = &mut network.limits.reputation;
    reputation.ban = Duration::from_secs(config.network.ban_s);
    reputation.ban_most = Duration::from_secs(config.network.ban_most_s);
    reputation.validator_ban_most = reputation.validator_ban_most.max(reputation.ban);
    network.limits.dials = config.network.max_dials;
    network.timing.heartbeat = heartbeat;
    // Who misses this many heartbeats in a row is gone.
    let dead_after = heartbeat.saturating_mul(MISSED_HEARTBEATS);
    network.timing.dead_after = network.timing.dead_after.max(dead_after);
    if let Some(key) = key {
        network.validator_key = Some(Arc::new(key.clone()));
    }
    Ok(network)
}

pub(super) type OpenEngine = (
    V3Engine,
    neo_consensus::vote_log::VoteLog<vote_log_file::FileMedium>,
);

pub(super) fn open_engine(
    config: &NodeConfig,
    ledger: &EmbeddedLedger,
    key: &PrivateKey,
    bodies: &Bodies,
    trust: bool,
) -> Result<OpenEngine, NodeError> {
    let identity = log_identity(config, key.public_key().clone());
    let failed = |error| NodeError::VoteLog {
        path: config.data_dir.clone(),
        error,
    };
    let mut opened = vote_log_file::open(&config.data_dir, identity).map_err(failed)?;
    let mut intact = match &opened.condition {
        Condition::Intact { torn: 0 } => true,
        Condition::Intact { torn } => {
            tracing::warn!(
                torn,
                "an unfinished write at the end of the vote log was cut off"
            );
            true
        }
        lost => {
            tracing::error!(
                ?lost,
                "the vote log does not hold all votes of this validator"
            );
            false
        }
    };
    if trust {
        tracing::warn!("the operator vouches for the vote log: voting at once");
        let resumed = Record::Resumed {
            from: ledger.height().next(),
        };
        opened
            .log
            .append(std::slice::from_ref(&resumed))
            .map_err(failed)?;
        opened.records.push(resumed);
        intact = true;
    }
    let forgotten = opened.records.iter().filter_map(|record| match record {
        Record::Forgotten { through } => Some(*through),
        _ => None,
    });
    if let Some(through) = forgotten.max().filter(|height| *height > ledger.height()) {
        tracing::warn!(stored = %ledger.height(), %through,
            "the store lies below heights that the vote log has dropped: no votes up to there");
    }
    bodies.restore(&opened.records, ledger.height());
    let restored = Restored {
        stored: ledger.height(),
        tip: ledger.tip_hash(),
        records: opened.records,
        log: if intact {
            VoteLogState::Intact
        } else {
            VoteLogState::Lost
        },
    };
    let mut settings = EngineSettings::new(
        Some(key.public_key().clone()),
        Ledger::executes_ahead(ledger),
        config.consensus.timers(),
    );
    settings.transactions = config.consensus.transactions();
    Ok((V3Engine::new(settings, restored), opened.log))
}

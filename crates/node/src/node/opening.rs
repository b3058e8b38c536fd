//! What a node opens before it takes part: wallet, network settings, vote log and engine.

use std::sync::Arc;
use std::time::Duration;

use neo_consensus::engine::{Restored, VoteLogState};
use neo_consensus::v2::{self, V2Engine};
use neo_consensus::v3::{self, V3Engine};
use neo_consensus::vote_log::{Condition, Identity as LogIdentity, LogRecord, Mark, VoteLog};
use neo_ledger::{ChainReader, Ledger};
use neo_network::{Identity, NetworkConfig};
use neo_primitives::wallet::Nep6Wallet;
use neo_primitives::{PrivateKey, PublicKey};

use super::error::NodeError;
use crate::config::{ConsensusConfig, NodeConfig, read_password};
use crate::vote_log_file::{self, FileMedium};
use crate::voting_key::VotingKey;

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

/// What the node votes with: the configured signer, or the key of a validator in the configured wallet.
pub(crate) async fn voting_key(config: &NodeConfig) -> Result<Option<VotingKey>, NodeError> {
    if let Some(signer) = config.signer.as_ref().filter(|_| config.consensus.enabled) {
        return VotingKey::behind(config, signer).await.map(Some);
    }
    validator_key(config).map(|key| key.map(VotingKey::Own))
}

/// Opens the configured wallet and finds the key of a validator in it.
fn validator_key(config: &NodeConfig) -> Result<Option<PrivateKey>, NodeError> {
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
    let keys = accounts.into_iter().map(|account| account.key).collect();
    let validators = config.protocol.genesis.validators();
    let elects = config.ledger.is_attached();
    chosen(keys, &validators, elects)
        .map(Some)
        .map_err(|keys| NodeError::NoValidatorKey {
            path: wallet.path.clone(),
            keys: keys.join(", "),
        })
}

/// The key to vote with: that of a standby validator; where validators are elected, otherwise the only one there is,
/// which may be elected any day.
fn chosen(
    mut keys: Vec<PrivateKey>,
    validators: &[PublicKey],
    elects: bool,
) -> Result<PrivateKey, Vec<String>> {
    // A validator's wallet has its key twice or more: alone, and in the accounts of validators and committee.
    keys.dedup_by(|a, b| a.public_key() == b.public_key());
    let known = |key: &PrivateKey| validators.contains(key.public_key());
    let standby = keys.iter().position(known);
    let only = (elects && keys.len() == 1).then_some(0);
    match standby.or(only) {
        Some(at) => Ok(keys.swap_remove(at)),
        None => Err(keys
            .iter()
            .map(|key| key.public_key().to_string())
            .collect()),
    }
}

pub(super) fn network_config(
    config: &NodeConfig,
    ledger: &dyn ChainReader,
    key: Option<&VotingKey>,
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

/// The vote log of a protocol, and what it brings back.
pub(super) struct OpenedLog<R> {
    pub(super) log: VoteLog<FileMedium>,
    pub(super) restored: Restored<R>,
}

/// Opens the vote log. `Other` is the record of the other protocol: a log of it is as good as lost.
pub(super) fn open_log<R: LogRecord, Other: LogRecord>(
    config: &NodeConfig,
    ledger: &dyn ChainReader,
    key: &VotingKey,
    trust: bool,
) -> Result<OpenedLog<R>, NodeError> {
    let identity = || log_identity(config, key.public_key().clone());
    let failed = |error| NodeError::VoteLog {
        path: config.data_dir.clone(),
        error,
    };
    let mut opened = vote_log_file::open::<R>(&config.data_dir, identity()).map_err(failed)?;
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
            let other = vote_log_file::open::<Other>(&config.data_dir, identity());
            let is_other = other.is_ok_and(|other| {
                matches!(other.condition, Condition::Intact { .. }) && !other.records.is_empty()
            });
            if is_other {
                tracing::error!(
                    version = config.protocol.version,
                    "the vote log is of the other dBFT version: what this validator said there does not bind it here, \
                     and it counts as lost"
                );
            }
            tracing::error!(
                ?lost,
                "the vote log does not hold all votes of this validator"
            );
            false
        }
    };
    if trust {
        tracing::warn!("the operator vouches for the vote log: voting at once");
        let resumed = [R::resumed(ledger.height().next())];
        opened.log.append(&resumed).map_err(failed)?;
        opened.records.extend(resumed);
        intact = true;
    }
    let forgotten = opened
        .records
        .iter()
        .filter_map(|record| match record.mark() {
            Some(Mark::Forgotten { through }) => Some(through),
            _ => None,
        });
    if let Some(through) = forgotten.max().filter(|height| *height > ledger.height()) {
        tracing::warn!(stored = %ledger.height(), %through,
            "the store lies below heights that the vote log has dropped: no votes up to there");
    }
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
    Ok(OpenedLog {
        log: opened.log,
        restored,
    })
}

/// The engine of dBFT 3.0.
pub(super) fn mesh_engine(
    config: &NodeConfig,
    ledger: &dyn Ledger,
    key: &VotingKey,
    restored: Restored<v3::Record>,
) -> V3Engine {
    let mut settings = v3::EngineSettings::new(
        Some(key.public_key().clone()),
        ledger.executes_ahead(),
        config.consensus.timers(),
    );
    settings.transactions = config.consensus.transactions();
    V3Engine::new(settings, restored)
}

/// The engine of dBFT 2.0.
pub(super) fn neo_engine(
    config: &NodeConfig,
    key: &VotingKey,
    restored: Restored<v2::Record>,
) -> V2Engine {
    let ignored = ignored_keys(&config.consensus);
    if !ignored.is_empty() {
        tracing::warn!(
            keys = ignored.join(", "),
            "these keys mean nothing to dBFT 2.0"
        );
    }
    let max_block_time = match config.consensus.max_block_time_ms {
        0 => None,
        millis => Some(Duration::from_millis(millis)),
    };
    let settings = v2::EngineSettings {
        own: Some(key.public_key().clone()),
        max_block_time,
    };
    V2Engine::new(settings, restored)
}

/// Keys of `consensus` that are set and that dBFT 2.0 has no use for: it takes its times from the network's block time.
fn ignored_keys(consensus: &ConsensusConfig) -> Vec<&'static str> {
    let usual = ConsensusConfig::default();
    let set = [
        (
            "consensus.base_timeout_ms",
            consensus.base_timeout_ms != usual.base_timeout_ms,
        ),
        (
            "consensus.backoff_multiplier",
            consensus.backoff_multiplier != usual.backoff_multiplier,
        ),
        (
            "consensus.max_timeout_ms",
            consensus.max_timeout_ms != usual.max_timeout_ms,
        ),
        (
            "consensus.resend_interval_ms",
            consensus.resend_interval_ms != usual.resend_interval_ms,
        ),
        (
            "consensus.min_timeout_ms",
            consensus.min_timeout_ms != usual.min_timeout_ms,
        ),
        (
            "consensus.max_retries",
            consensus.max_retries != usual.max_retries,
        ),
        (
            "consensus.emergency_after_ms",
            consensus.emergency_after_ms != usual.emergency_after_ms,
        ),
        ("consensus.adaptive", consensus.adaptive != usual.adaptive),
        (
            "consensus.min_block_transactions",
            consensus.min_block_transactions != usual.min_block_transactions,
        ),
        (
            "consensus.max_block_transactions",
            consensus.max_block_transactions != usual.max_block_transactions,
        ),
    ];
    let ignored = set.into_iter().filter(|(_, is_set)| *is_set);
    ignored.map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_standby_validator_goes_first_and_an_only_one_may_be_elected() {
        let key = PrivateKey::generate;
        let (standby, elected, other) = (key(), key(), key());
        let validators = [standby.public_key().clone()];
        let of = |keys: &[&PrivateKey], elects| {
            let keys = keys.iter().map(|key| (*key).clone()).collect();
            chosen(keys, &validators, elects).map(|key| key.public_key().clone())
        };
        let all = [&elected, &standby];
        for elects in [false, true] {
            assert_eq!(of(&all, elects).as_ref(), Ok(standby.public_key()));
        }
        assert_eq!(of(&[&elected], true).as_ref(), Ok(elected.public_key()));
        assert_eq!(of(&[&elected], false).map_err(|keys| keys.len()), Err(1));
        let accounts = of(&[&elected, &elected], true);
        assert_eq!(accounts.as_ref(), Ok(elected.public_key()));
        let several = of(&[&elected, &other], true);
        assert_eq!(several.map_err(|keys| keys.len()), Err(2));
    }

    #[test]
    fn keys_without_a_meaning_are_named() {
        let mut consensus = ConsensusConfig::default();
        assert!(ignored_keys(&consensus).is_empty());
        consensus.max_block_time_ms = 7_000;
        assert!(
            ignored_keys(&consensus).is_empty(),
            "it means MaxTimePerBlock"
        );
        consensus.adaptive = false;
        consensus.base_timeout_ms = 500;
        assert_eq!(
            ignored_keys(&consensus),
            ["consensus.base_timeout_ms", "consensus.adaptive"]
        );
    }
}

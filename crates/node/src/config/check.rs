//! Limits of values, and what must hold between them.

use std::{collections::HashSet, fmt::Display, net::SocketAddr};

use super::sections::{DBFT_2, DBFT_3};
use super::{ConfigError, NodeConfig};

/// Greatest length of each script of a block witness that Neo N3 nodes read, in bytes.
const NEO_WITNESS_LIMIT: u32 = 1_024;

pub(super) fn within<T: PartialOrd + Display>(
    at: &str,
    value: T,
    least: T,
    most: T,
) -> Result<(), ConfigError> {
    if least <= value && value <= most {
        return Ok(());
    }
    Err(ConfigError::Range {
        at: at.to_owned(),
        value: value.to_string(),
        least: least.to_string(),
        most: most.to_string(),
    })
}

pub(super) fn conflict(at: impl Into<String>, problem: impl Into<String>) -> ConfigError {
    ConfigError::Conflict {
        at: at.into(),
        problem: problem.into(),
    }
}

/// Where a timer setting stands in the document: times are written in milliseconds.
fn timer_key(field: &str) -> String {
    match field {
        "backoff_multiplier" | "max_retries" => format!("consensus.{field}"),
        time => format!("consensus.{time}_ms"),
    }
}

impl NodeConfig {
    /// Checks every limit and every rule between values.
    ///
    /// # Errors
    /// The first one that is broken, with its place.
    pub fn check(&self) -> Result<(), ConfigError> {
        let version = self.protocol.version;
        if ![DBFT_2, DBFT_3].contains(&version) {
            let problem = format!("version {version} is not known, this node runs 2 and 3");
            return Err(conflict("protocol.version", problem));
        }
        self.protocol
            .genesis
            .validate()
            .map_err(ConfigError::Genesis)?;
        if self.data_dir.as_os_str().is_empty() {
            return Err(conflict("data_dir", "the path is empty"));
        }
        self.ledger.check()?;
        let limit = self.protocol.genesis.witness_limit;
        if self.ledger.is_attached() && limit != NEO_WITNESS_LIMIT {
            let problem = format!("{limit}, an attached Neo node reads {NEO_WITNESS_LIMIT}");
            return Err(conflict("protocol.genesis.witness_limit", problem));
        }
        self.check_wallet()?;
        self.check_signer()?;
        self.check_consensus()?;
        self.check_network()?;
        self.check_p2p()?;
        self.check_rpc()?;
        self.check_security()?;
        self.check_checkpoints()?;
        self.check_listeners()
    }

    fn check_wallet(&self) -> Result<(), ConfigError> {
        let Some(wallet) = &self.wallet else {
            return Ok(());
        };
        if wallet.path.as_os_str().is_empty() {
            return Err(conflict("wallet.path", "the path is empty"));
        }
        if wallet.password_file.is_some() && wallet.password_env.is_some() {
            let problem = "password_file and password_env exclude each other";
            return Err(conflict("wallet", problem));
        }
        match &wallet.password_env {
            Some(name) if name.is_empty() || name.contains(['=', '\0']) => {
                let problem = format!("{name:?} is no name of an environment variable");
                Err(conflict("wallet.password_env", problem))
            }
            _ => Ok(()),
        }
    }

    fn check_signer(&self) -> Result<(), ConfigError> {
        let Some(signer) = &self.signer else {
            return Ok(());
        };
        if self.wallet.is_some() {
            let problem = "wallet and signer exclude each other: a key is in one place";
            return Err(conflict("signer", problem));
        }
        neo_signer::check_endpoint(&signer.endpoint)
            .map_err(|problem| conflict("signer.endpoint", problem.to_string()))?;
        within("signer.timeout_ms", signer.timeout_ms, 10, 60_000)
    }

    fn check_consensus(&self) -> Result<(), ConfigError> {
        let c = &self.consensus;
        within("consensus.base_timeout_ms", c.base_timeout_ms, 10, 600_000)?;
        within(
            "consensus.backoff_multiplier",
            c.backoff_multiplier,
            1.0,
            10.0,
        )?;
        let least = c.base_timeout_ms;
        within(
            "consensus.max_timeout_ms",
            c.max_timeout_ms,
            least,
            3_600_000,
        )?;
        within(
            "consensus.resend_interval_ms",
            c.resend_interval_ms,
            10,
            60_000,
        )?;
        within(
            "consensus.max_block_transactions",
            c.max_block_transactions,
            1,
            65_535,
        )?;
        within(
            "consensus.min_block_transactions",
            c.min_block_transactions,
            1,
            c.max_block_transactions,
        )?;
        let most = c.max_verification_threads;
        within("consensus.max_verification_threads", most, 1, 256)?;
        let least = c.min_verification_threads;
        within("consensus.min_verification_threads", least, 1, most)?;
        if self.protocol.is_dbft_2() {
            // Of the timers only this one is read.
            return within(
                "consensus.max_block_time_ms",
                c.max_block_time_ms,
                0,
                3_600_000,
            );
        }
        c.timers()
            .check(self.protocol.genesis.block_time())
            .map_err(|problem| conflict(timer_key(problem.field()), problem.to_string()))
    }

    fn check_network(&self) -> Result<(), ConfigError> {
        let n = &self.network;
        within("network.listen: number of addresses", n.listen.len(), 0, 1)?;
        within("network.peers: number of peers", n.peers.len(), 0, 1_024)?;
        within("network.max_strangers", n.max_strangers, 0, 10_000)?;
        within("network.heartbeat_ms", n.heartbeat_ms, 10, 10_000)?;
        within(
            "network.max_connections_per_address",
            n.max_connections_per_address,
            1,
            10_000,
        )?;
        within("network.max_dials", n.max_dials, 1, 1_024)?;
        within("network.ban_s", n.ban_s, 1, 86_400)?;
        within("network.ban_most_s", n.ban_most_s, n.ban_s, 604_800)?;
        within("network.max_fan_out", n.max_fan_out, 1, 1_024)?;
        within("network.min_fan_out", n.min_fan_out, 1, n.max_fan_out)?;
        let mut keys = HashSet::new();
        for (position, peer) in n.peers.iter().enumerate() {
            let count = peer.addresses.len();
            let at = format!("network.peers[{position}].addresses: number of addresses");
            within(&at, count, 1, 16)?;
            if let Some(key) = &peer.public_key
                && !keys.insert(key)
            {
                let at = format!("network.peers[{position}].public_key");
                return Err(conflict(at, format!("{key} is named twice")));
            }
        }
        Ok(())
    }

    /// dBFT 2.0 runs in Neo N3's P2P and nowhere else.
    fn check_p2p(&self) -> Result<(), ConfigError> {
        if self.protocol.is_dbft_2() {
            let of_the_mesh = "this key is of the mesh of dBFT 3.0, protocol.version 2 has `p2p`";
            if !self.network.listen.is_empty() {
                return Err(conflict("network.listen", of_the_mesh));
            }
            if !self.network.peers.is_empty() {
                return Err(conflict("network.peers", of_the_mesh));
            }
            if self.p2p.is_none() && self.consensus.enabled {
                let problem = "the section is missing: protocol.version 2 speaks Neo N3's P2P";
                return Err(conflict("p2p", problem));
            }
        }
        self.p2p.as_ref().map_or(Ok(()), |p2p| p2p.check())
    }

    fn check_rpc(&self) -> Result<(), ConfigError> {
        let Some(rpc) = &self.rpc else { return Ok(()) };
        within("rpc.max_body_bytes", rpc.max_body_bytes, 1_024, 128 << 20)?;
        within("rpc.max_batch", rpc.max_batch, 1, 10_000)?;
        within("rpc.max_connections", rpc.max_connections, 1, 65_536)?;
        within(
            "rpc.request_timeout_ms",
            rpc.request_timeout_ms,
            100,
            600_000,
        )?;
        within("rpc.admission_queue", rpc.admission_queue, 1, 1_000_000)
    }

    fn check_security(&self) -> Result<(), ConfigError> {
        let s = &self.security;
        if s.audit_dir
            .as_ref()
            .is_some_and(|dir| dir.as_os_str().is_empty())
        {
            return Err(conflict("security.audit_dir", "the path is empty"));
        }
        let (least, most) = (64 << 10, 1 << 30);
        within(
            "security.audit_segment_bytes",
            s.audit_segment_bytes,
            least,
            most,
        )?;
        within("security.audit_segments", s.audit_segments, 2, 10_000)?;
        let per_validator = s.evidence_per_validator;
        within("security.evidence_per_validator", per_validator, 1, 1_024)?;
        // One validator's share never exceeds what is kept in all.
        within(
            "security.evidence_total",
            s.evidence_total,
            per_validator,
            65_536,
        )?;
        within("security.evidence_bytes", s.evidence_bytes, least, most)
    }

    fn check_checkpoints(&self) -> Result<(), ConfigError> {
        within("checkpoints.keep", self.checkpoints.keep, 1, 1_000)?;
        match &self.checkpoints.folder {
            Some(folder) if folder.as_os_str().is_empty() => {
                Err(conflict("checkpoints.folder", "the path is empty"))
            }
            _ => Ok(()),
        }
    }

    /// No two TCP listeners at one address. Port 0 lets the system choose, so it never collides.
    fn check_listeners(&self) -> Result<(), ConfigError> {
        let network = self.network.listen.iter().map(|at| ("network.listen", *at));
        let p2p = self.p2p.iter().flat_map(|p2p| &p2p.listen);
        let p2p = p2p.map(|at| ("p2p.listen", *at));
        let rpc = self.rpc.iter().map(|rpc| ("rpc.listen", rpc.listen));
        let metrics = self.metrics.iter().map(|m| ("metrics.listen", m.listen));
        let mut taken: Vec<(&str, SocketAddr)> = Vec::new();
        for (at, address) in network.chain(p2p).chain(rpc).chain(metrics) {
            let same = |(_, other): &&(&str, SocketAddr)| address.port() != 0 && *other == address;
            if let Some((other, _)) = taken.iter().find(same) {
                return Err(conflict(at, format!("{address} is taken by {other}")));
            }
            taken.push((at, address));
        }
        Ok(())
    }
}

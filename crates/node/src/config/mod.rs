//! The configuration of a node: one JSON file, read strictly.
//!
//! Unknown keys and values outside their limits are refused with the place in the document, for instance
//! `network.peers[2].public_key`. Relative paths are relative to the folder of the file.

mod check;
mod error;
mod ledger;
mod p2p;
mod password;
mod schema;
mod sections;
mod security;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod impossible;

pub use self::{
    error::ConfigError,
    ledger::{AttachedNode, LedgerKind, LedgerSection, TrustedBlock},
    p2p::P2pSection,
    password::{PasswordError, read_password},
    sections::{
        CheckpointConfig, ConsensusConfig, LogConfig, LogFormat, LogLevel, MetricsConfig,
        NetworkSection, PeerConfig, ProtocolConfig, RpcConfig, SignerSection, WalletConfig,
    },
    security::SecurityConfig,
};

/// Longest configuration file that is read, in bytes. 255 validators and as many peers take a tenth of it.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Name of the folder of checkpoints inside a node's data directory.
const CHECKPOINT_FOLDER: &str = "checkpoints";

/// Everything a node is told before it starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Where the JSON schema of this file is; for editors, not read by the node.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// What this file is for; not read by the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The network that the node belongs to; the same in all its nodes.
    pub protocol: ProtocolConfig,
    /// Who keeps the chain; left out, this process does.
    #[serde(default, skip_serializing_if = "LedgerSection::is_default")]
    pub ledger: LedgerSection,
    /// Folder of the node's data: block store, vote log, network identity, lock.
    pub data_dir: PathBuf,
    /// The validator's key. Without it the node is an observer: it follows the chain and votes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet: Option<WalletConfig>,
    /// A remote signer in place of the wallet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<SignerSection>,
    /// Timers of consensus.
    #[serde(default)]
    pub consensus: ConsensusConfig,
    /// Listeners and peers of the mesh in which dBFT 3.0 runs; dBFT 2.0 has none.
    #[serde(default)]
    pub network: NetworkSection,
    /// Neo N3's own P2P protocol; left out, it is not spoken. dBFT 2.0 runs in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p2p: Option<P2pSection>,
    /// The JSON-RPC server; left out, there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpc: Option<RpcConfig>,
    /// The metrics server; left out, there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<MetricsConfig>,
    /// Checkpoints of the chain.
    #[serde(default)]
    pub checkpoints: CheckpointConfig,
    /// What is logged.
    #[serde(default)]
    pub log: LogConfig,
    /// Audit log and evidence.
    #[serde(default)]
    pub security: SecurityConfig,
}

impl NodeConfig {
    /// Reads, checks and resolves a configuration file: all paths in the result are absolute or relative to
    /// the working directory.
    ///
    /// # Errors
    /// When the file cannot be read, or something in it is not as it must be.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::File {
            path: path.to_owned(),
            source,
        };
        let length = std::fs::metadata(path).map_err(unreadable)?.len();
        if length > MAX_FILE_BYTES {
            return Err(ConfigError::TooLong {
                path: path.to_owned(),
                length,
                limit: MAX_FILE_BYTES,
            });
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let mut config = Self::parse(&text)?;
        config.resolve(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Reads and checks a configuration document; paths stay as they are.
    ///
    /// # Errors
    /// When the text is not JSON, has an unknown key, or a value is not allowed; the error names the place.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut document = serde_json::Deserializer::from_str(text);
        let config: Self =
            serde_path_to_error::deserialize(&mut document).map_err(|error| ConfigError::Json {
                at: error::place(error.path()),
                problem: error.inner().to_string(),
            })?;
        document.end().map_err(|error| ConfigError::Json {
            at: String::new(),
            problem: error.to_string(),
        })?;
        config.check()?;
        Ok(config)
    }

    /// Makes relative paths relative to `folder`.
    pub fn resolve(&mut self, folder: &Path) {
        self.data_dir = folder.join(&self.data_dir);
        if let Some(checkpoints) = &mut self.checkpoints.folder {
            *checkpoints = folder.join(&*checkpoints);
        }
        if let Some(wallet) = &mut self.wallet {
            wallet.path = folder.join(&wallet.path);
            if let Some(file) = &mut wallet.password_file {
                *file = folder.join(&*file);
            }
        }
        if let Some(audit) = &mut self.security.audit_dir {
            *audit = folder.join(&*audit);
        }
    }

    /// Folder of the audit log.
    #[must_use]
    pub fn audit_dir(&self) -> PathBuf {
        let configured = self.security.audit_dir.clone();
        configured.unwrap_or_else(|| self.data_dir.join(neo_audit::FOLDER))
    }

    /// The file that the process locks while it has the chain: blocks and state of the embedded ledger, headers of an
    /// attached one.
    #[must_use]
    pub fn store_file(&self) -> PathBuf {
        self.data_dir.join(match self.ledger.is_attached() {
            true => crate::attached::HEADERS_FILE,
            false => neo_ledger::STORE_FILE,
        })
    }

    /// Folder of the node's checkpoints.
    #[must_use]
    pub fn checkpoint_folder(&self) -> PathBuf {
        match &self.checkpoints.folder {
            Some(folder) => folder.clone(),
            None => self.data_dir.join(CHECKPOINT_FOLDER),
        }
    }

    /// The document of this configuration, indented, with a newline at its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every field is plain data with text keys, so there is nothing that cannot be written.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The JSON schema of configuration documents.
    #[must_use]
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }
}

#[cfg(test)]
mod tests;

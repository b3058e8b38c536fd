//! The keys of opened wallets.

use std::collections::BTreeMap;

use anyhow::Context as _;
use neo_node::config::{WalletConfig, read_password};
use neo_primitives::wallet::Nep6Wallet;
use neo_primitives::{
    PrivateKey, PublicKey, UInt160, parse_multisig_script, parse_signature_script,
};

use super::SigningAccount;
use crate::exit::{Exit, OrExit as _};
use crate::network_files::NetworkFolder;

/// Keys and accounts of one or several wallets.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    keys: BTreeMap<PublicKey, PrivateKey>,
    scripts: BTreeMap<UInt160, Vec<u8>>,
    default: Option<UInt160>,
}

impl Keys {
    /// Opens a wallet and takes its keys and accounts. The first wallet's default account becomes the default.
    ///
    /// # Errors
    /// With [`Exit::Refused`] if the wallet or its password is refused.
    pub(crate) fn open(&mut self, source: &WalletConfig) -> anyhow::Result<()> {
        let wallet = Nep6Wallet::load(&source.path).or_exit(Exit::Refused)?;
        let password = read_password(source).or_exit(Exit::Refused)?;
        let place = || format!("wallet {}", source.path.display());
        let accounts = wallet
            .open(&password)
            .or_exit(Exit::Refused)
            .with_context(place)?;
        if accounts.is_empty() {
            return Err(Exit::Refused.error("no account has a private key")).with_context(place);
        }
        let default = wallet.default_account().map(|account| account.address);
        self.default = self.default.or(default);
        for account in accounts {
            self.scripts.insert(account.address, account.script);
            self.keys
                .insert(account.key.public_key().clone(), account.key);
        }
        Ok(())
    }

    /// Opens as many validators' wallets of a network as its consensus account needs, which becomes the default.
    ///
    /// # Errors
    /// With [`Exit::Refused`] if a wallet or password is refused.
    pub(crate) fn of_validators(network: &NetworkFolder) -> anyhow::Result<Self> {
        let mut keys = Self {
            default: Some(network.genesis().next_consensus()),
            ..Self::default()
        };
        let quorum = neo_primitives::bft_quorum(network.nodes().len());
        for node in network.nodes().iter().take(quorum) {
            let wallet = node.config().wallet.as_ref();
            let file = node.config_file();
            let wallet = wallet.ok_or_else(|| {
                Exit::Refused.error(format!("{}: there is no `wallet` section", file.display()))
            })?;
            keys.open(wallet)?;
        }
        Ok(keys)
    }

    /// The account to pay from: the named one, or the default.
    ///
    /// # Errors
    /// With [`Exit::Refused`] if it is in no wallet, or if keys are missing for its witness.
    pub(crate) fn account(&self, named: Option<&UInt160>) -> anyhow::Result<SigningAccount> {
        let address = named
            .or(self.default.as_ref())
            .ok_or_else(|| Exit::Refused.error("the wallet has no account"))?;
        let text = address.to_address();
        let script = self.scripts.get(address).ok_or_else(|| {
            Exit::Refused.error(format!(
                "account {text} has no private key in the opened wallets"
            ))
        })?;
        if let Some(key) = parse_signature_script(script) {
            let key = self.private(&key);
            let key =
                key.ok_or_else(|| Exit::Refused.error(format!("the key of {text} is missing")))?;
            return Ok(SigningAccount::Single(key.clone()));
        }
        let (m, keys) = parse_multisig_script(script).ok_or_else(|| {
            Exit::Refused.error(format!(
                "{text} is neither a single-signature nor an m-of-n account"
            ))
        })?;
        let here: Vec<_> = keys
            .iter()
            .filter_map(|key| self.private(key))
            .take(m)
            .cloned()
            .collect();
        if here.len() < m {
            return Err(Exit::Refused.error(format!(
                "{text} needs {m} signatures, the opened wallets have {} of its {} keys: name more wallets",
                here.len(),
                keys.len()
            )));
        }
        Ok(SigningAccount::Multi {
            keys: here,
            n: keys.len(),
            script: script.clone(),
        })
    }

    fn private(&self, key: &[u8; 33]) -> Option<&PrivateKey> {
        self.keys.get(&PublicKey::from_bytes(key).ok()?)
    }
}

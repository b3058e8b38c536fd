//! Accounts that can pay, among them the genesis account, which takes the signatures of M validators.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use neo_node::config::{NodeConfig, read_password};
use neo_primitives::wallet::Nep6Wallet;
use neo_primitives::{
    Attribute, Datoshi, Encode, Height, Magic, PrivateKey, PublicKey, Signer, Token, Transaction,
    UInt160, UInt256, UnsignedTransaction, Witness, WitnessScope, bft_quorum, multisig_script,
    multisig_witness, sign_data, signature_script, transfer_script,
};

use super::Network;

/// An account whose keys are at hand.
#[derive(Clone)]
pub struct Account {
    magic: Magic,
    keys: Vec<PrivateKey>,
    script: Vec<u8>,
}

impl Account {
    /// A new account of one key.
    pub fn single(magic: Magic) -> Self {
        Self::of_key(magic, PrivateKey::generate())
    }

    /// The account of this key alone.
    pub fn of_key(magic: Magic, key: PrivateKey) -> Self {
        let script = signature_script(key.public_key());
        Self {
            magic,
            keys: vec![key],
            script,
        }
    }

    /// A new m-of-n account.
    pub fn multisig(magic: Magic, m: usize, n: usize) -> Self {
        let keys: Vec<_> = (0..n).map(|_| PrivateKey::generate()).collect();
        Self::of_keys(magic, m, keys)
    }

    /// The m-of-n account of these keys.
    pub fn of_keys(magic: Magic, m: usize, keys: Vec<PrivateKey>) -> Self {
        let public: Vec<_> = keys.iter().map(|key| key.public_key().clone()).collect();
        let script = multisig_script(m, &public).unwrap();
        Self {
            magic,
            keys: first_in_order(keys, m),
            script,
        }
    }

    pub fn address(&self) -> UInt160 {
        neo_primitives::hash160(&self.script)
    }

    /// Its witness over the hash of a block.
    pub fn witness(&self, hash: &UInt256) -> Witness {
        let data = sign_data(self.magic, hash);
        let signatures: Vec<_> = self.keys.iter().map(|key| key.sign(&data)).collect();
        multisig_witness(&signatures, self.script.clone())
    }

    /// A signed transaction with a fresh nonce.
    pub fn transaction(
        &self,
        script: Vec<u8>,
        system_fee: i64,
        network_fee: i64,
        height: u32,
        attributes: Vec<Attribute>,
    ) -> Transaction {
        static NONCE: AtomicU32 = AtomicU32::new(1);
        let unsigned = UnsignedTransaction {
            nonce: NONCE.fetch_add(1, Relaxed),
            system_fee: Datoshi(system_fee),
            network_fee: Datoshi(network_fee),
            valid_until: Height(height + 1000),
            signers: vec![Signer::new(self.address(), WitnessScope::CALLED_BY_ENTRY)],
            attributes,
            script,
        };
        let data = unsigned.sign_data(self.magic);
        let signatures: Vec<_> = self.keys.iter().map(|key| key.sign(&data)).collect();
        let witness = multisig_witness(&signatures, self.script.clone());
        unsigned.into_signed(vec![witness]).unwrap()
    }
}

/// The first m keys in the order of a multisig script.
fn first_in_order(mut keys: Vec<PrivateKey>, m: usize) -> Vec<PrivateKey> {
    keys.sort_by(|a, b| a.public_key().cmp(b.public_key()));
    keys.truncate(m);
    keys
}

/// The account that the genesis block funds.
pub struct Treasury(Account);

impl Treasury {
    /// Opens the wallets of M validators.
    pub fn open(network: &Network) -> Self {
        let configs: Vec<_> = network
            .nodes
            .iter()
            .map(|node| NodeConfig::load(&node.folder.join("config.json")).unwrap())
            .collect();
        let genesis = &configs[0].protocol.genesis;
        let validators: Vec<PublicKey> = genesis.validators();
        let quorum = bft_quorum(validators.len());
        let keys: Vec<PrivateKey> = configs
            .iter()
            .take(quorum)
            .map(|config| {
                let wallet = config.wallet.as_ref().unwrap();
                let password = read_password(wallet).unwrap();
                let accounts = Nep6Wallet::load(&wallet.path)
                    .unwrap()
                    .open(&password)
                    .unwrap();
                accounts.into_iter().next().unwrap().key
            })
            .collect();
        let script = multisig_script(quorum, &validators).unwrap();
        let keys = first_in_order(keys, quorum);
        Self(Account {
            magic: genesis.magic,
            keys,
            script,
        })
    }

    /// The account itself.
    pub fn account(&self) -> Account {
        self.0.clone()
    }

    /// A signed transfer of one datoshi.
    pub fn transfer(&self, height: u32) -> Transaction {
        let to = UInt160::from_wire([7; 20]);
        let script = transfer_script(Token::Gas, &self.0.address(), &to, 1, true);
        self.0
            .transaction(script, 9_977_780, 10_000_000, height, Vec::new())
    }
}

/// As `sendrawtransaction` takes it.
pub fn base64(transaction: &Transaction) -> String {
    BASE64_STANDARD.encode(transaction.to_bytes())
}

//! The network of the fake nodes: its keys, and blocks signed by them.

use std::{collections::HashMap, sync::Arc};

use neo_ledger::GenesisConfig;
use neo_primitives::{
    Attribute, Block, BlockBody, Datoshi, Header, Height, Magic, PrivateKey, PublicKey, Signer,
    Transaction, UnsignedTransaction, ValidatorIndex, Witness, WitnessScope, bft_quorum,
    consensus_address, merkle_root, multisig_script, multisig_witness, sign_data,
    single_signature_witness,
};

use super::{Inside, Mood};

pub(crate) const MAGIC: Magic = Magic(4_242);

/// A private key that never changes.
pub(crate) fn key(number: u8) -> PrivateKey {
    PrivateKey::from_bytes(&[number; 32]).unwrap()
}

/// A network whose standby committee has the keys 1 to 7, of which the first four validate.
pub(crate) struct Network {
    pub(crate) config: GenesisConfig,
}

impl Network {
    pub(crate) fn new() -> Self {
        let public = |number| key(number).public_key().clone();
        let mut config = GenesisConfig::new(MAGIC, (1..5).map(public).collect());
        config.committee = (1..8).map(public).collect();
        Self { config }
    }

    /// What a node of the network holds that has only the genesis block.
    pub(crate) fn inside(&self) -> Inside {
        let config = &self.config;
        Inside {
            magic: config.magic,
            block_time_ms: 1_000,
            max_transactions: 512,
            validators: config.standby_validators.len(),
            standby: config.committee().to_vec(),
            useragent: "/NEO-GO:0.120.0/",
            blocks: vec![config.genesis_block()],
            committee: config.committee().to_vec(),
            voters: 0,
            candidates: Vec::new(),
            blocked: Vec::new(),
            gas: HashMap::new(),
            pool: Vec::new(),
            unverified: Vec::new(),
            refuses: HashMap::new(),
            arriving: None,
            takes_blocks: true,
            mood: Mood::Honest,
            bends: HashMap::new(),
            calls: Vec::new(),
        }
    }

    /// A block on `parent` with these transactions that names the standby validators, unsigned.
    pub(crate) fn body(&self, parent: &Header, transactions: Vec<Arc<Transaction>>) -> BlockBody {
        let hashes: Vec<_> = transactions.iter().map(|one| one.hash()).collect();
        BlockBody {
            header: Header {
                version: 0,
                prev_hash: parent.hash(),
                merkle_root: merkle_root(&hashes),
                timestamp: parent.timestamp + 1_000,
                nonce: 7,
                index: parent.index.next(),
                primary_index: ValidatorIndex(0),
                next_consensus: consensus_address(&self.config.standby_validators),
            },
            transactions,
        }
    }

    /// Signs a block by validators with these keys.
    pub(crate) fn sign_by(&self, body: &BlockBody, validators: &[u8]) -> Block {
        let mut keys: Vec<PrivateKey> = validators.iter().map(|number| key(*number)).collect();
        keys.sort_by(|a, b| a.public_key().cmp(b.public_key()));
        let public: Vec<PublicKey> = keys.iter().map(|key| key.public_key().clone()).collect();
        let m = bft_quorum(keys.len());
        let message = sign_data(self.config.magic, &body.hash());
        let signatures: Vec<_> = keys.iter().take(m).map(|key| key.sign(&message)).collect();
        let script = multisig_script(m, &public).unwrap();
        Block::from_body(body, multisig_witness(&signatures, script))
    }

    /// Signs a block by the standby validators.
    pub(crate) fn sign(&self, body: &BlockBody) -> Block {
        self.sign_by(body, &[1, 2, 3, 4])
    }

    /// Signed blocks above `parent`, without transactions.
    pub(crate) fn blocks(&self, parent: &Header, count: usize) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        for _ in 0..count {
            let parent = blocks.last().map_or(*parent, |block| block.header);
            blocks.push(self.sign(&self.body(&parent, Vec::new())));
        }
        blocks
    }

    pub(crate) fn genesis(&self) -> Header {
        self.config.genesis_block().header
    }
}

/// A transaction of the account of a key, with these fees.
pub(crate) struct Draft {
    pub(crate) sender: u8,
    pub(crate) nonce: u32,
    pub(crate) system_fee: i64,
    pub(crate) network_fee: i64,
    pub(crate) attributes: Vec<Attribute>,
}

impl Draft {
    pub(crate) fn new(sender: u8, nonce: u32) -> Self {
        Self {
            sender,
            nonce,
            system_fee: 10,
            network_fee: 90,
            attributes: Vec::new(),
        }
    }

    pub(crate) fn signed(self) -> Arc<Transaction> {
        let key = key(self.sender);
        let unsigned = UnsignedTransaction {
            nonce: self.nonce,
            system_fee: Datoshi(self.system_fee),
            network_fee: Datoshi(self.network_fee),
            valid_until: Height(1_000),
            signers: vec![Signer::new(
                key.public_key().script_hash(),
                WitnessScope::CALLED_BY_ENTRY,
            )],
            attributes: self.attributes,
            // Any script: the node executes.
            script: vec![0x11, 0x40],
        };
        let signature = key.sign(&unsigned.sign_data(MAGIC));
        let witness = single_signature_witness(signature, key.public_key());
        Arc::new(unsigned.into_signed(vec![witness]).unwrap())
    }
}

/// The same transaction with other witnesses.
pub(crate) fn with_witness(transaction: &Transaction, witness: Witness) -> Arc<Transaction> {
    Arc::new(
        transaction
            .unsigned()
            .clone()
            .into_signed(vec![witness])
            .unwrap(),
    )
}

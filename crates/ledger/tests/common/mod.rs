//! A small network for tests: keys, transactions, signed blocks.

// Each test uses a part of this, and an unexpected result shall end it.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod scenario;

use std::sync::{Arc, Mutex};

use neo_ledger::{
    ChainReader, EmbeddedLedger, GenesisConfig, Ledger, LedgerAnswer, LedgerRequest, Rejected,
    store::{ChainStore, MemoryStore},
};
use neo_primitives::{
    Attribute, Block, BlockBody, Datoshi, Height, Magic, PrivateKey, PublicKey, Signature, Signer,
    Transaction, UInt160, UInt256, UnsignedTransaction, ValidatorIndex, Witness, WitnessScope,
    bft_quorum, hash160, multisig_script, multisig_witness, sign_data, signature_script,
};

/// Magic of the standard private network.
pub const MAGIC: Magic = Magic(56_753);

/// Private keys of the standard private network, in the order of its configuration.
pub const STANDBY_KEYS: [&str; 4] = [
    "347bc2bd9eb7b9f41a217a26dc5a3d2a3c25ece1c8bff1d5a146aaf4156e3436",
    "66b8bcf4202da680101bbb53aecb077afcdd4cf98af5d716ddf4a629c0a7d30a",
    "a66eba251d3a28c57b0656d4d2efc9e262c87a810b3c7afdd31636ccfed4afa1",
    "674bc2e87a734640fbeab686b5e17e85047a199148d3dfdd49bf52bfe7474ec2",
];

/// The private key of a hexadecimal number.
pub fn private_key(text: &str) -> PrivateKey {
    let bytes: [u8; 32] = hex::decode(text).unwrap().try_into().unwrap();
    PrivateKey::from_bytes(&bytes).unwrap()
}

/// The `number`-th key of a series that never changes.
pub fn user_key(number: u32) -> PrivateKey {
    let mut seed = b"ledger test key ".to_vec();
    seed.extend_from_slice(&number.to_le_bytes());
    PrivateKey::from_bytes(&neo_primitives::sha256(&seed)).unwrap()
}

/// An account with the keys to sign for it.
#[derive(Clone)]
pub struct Wallet {
    keys: Vec<PrivateKey>,
    script: Vec<u8>,
    single: bool,
}

impl Wallet {
    /// The account of one key.
    pub fn single(key: PrivateKey) -> Self {
        let script = signature_script(key.public_key());
        Self {
            keys: vec![key],
            script,
            single: true,
        }
    }

    /// The `m`-of-`n` account of `keys`.
    pub fn multi(m: usize, keys: &[PrivateKey]) -> Self {
        let public: Vec<PublicKey> = keys.iter().map(|key| key.public_key().clone()).collect();
        let script = multisig_script(m, &public).unwrap();
        let mut keys = keys.to_vec();
        keys.sort_by(|a, b| a.public_key().cmp(b.public_key()));
        keys.truncate(m);
        Self {
            keys,
            script,
            single: false,
        }
    }

    pub fn account(&self) -> UInt160 {
        hash160(&self.script)
    }

    /// Signs the hash of a transaction or header.
    pub fn witness(&self, magic: Magic, hash: &UInt256) -> Witness {
        let message = sign_data(magic, hash);
        let signatures: Vec<Signature> = self
            .keys
            .iter()
            .map(|key| key.sign_deterministic(&message))
            .collect();
        multisig_witness(&signatures, self.script.clone())
    }

    /// A witness that is right but for its signatures, which are missing.
    pub fn unsigned_witness(&self) -> Witness {
        Witness {
            invocation: Vec::new(),
            verification: self.script.clone(),
        }
    }
}

/// A transaction to be signed and sent.
#[derive(Clone)]
pub struct Draft {
    pub script: Vec<u8>,
    pub system_fee: i64,
    /// Added to the network fee that is needed.
    pub tip: i64,
    pub nonce: u32,
    pub valid_until: u32,
    pub signers: Vec<(Wallet, Signer)>,
    pub attributes: Vec<Attribute>,
}

impl Draft {
    /// A transaction of `sender` with scope `CalledByEntry`.
    pub fn new(sender: &Wallet, script: Vec<u8>, system_fee: i64) -> Self {
        let signer = Signer::new(sender.account(), WitnessScope::CALLED_BY_ENTRY);
        Self {
            script,
            system_fee,
            tip: 0,
            nonce: 1,
            valid_until: 1_000,
            signers: vec![(sender.clone(), signer)],
            attributes: Vec::new(),
        }
    }

    pub fn nonce(mut self, nonce: u32) -> Self {
        self.nonce = nonce;
        self
    }

    pub fn tip(mut self, tip: i64) -> Self {
        self.tip = tip;
        self
    }

    pub fn valid_until(mut self, height: u32) -> Self {
        self.valid_until = height;
        self
    }

    pub fn attribute(mut self, attribute: Attribute) -> Self {
        self.attributes.push(attribute);
        self
    }

    pub fn signer(mut self, wallet: &Wallet, scopes: WitnessScope) -> Self {
        self.signers
            .push((wallet.clone(), Signer::new(wallet.account(), scopes)));
        self
    }

    fn unsigned(&self, network_fee: i64) -> UnsignedTransaction {
        UnsignedTransaction {
            nonce: self.nonce,
            system_fee: Datoshi(self.system_fee),
            network_fee: Datoshi(network_fee),
            valid_until: Height(self.valid_until),
            signers: self
                .signers
                .iter()
                .map(|(_, signer)| signer.clone())
                .collect(),
            attributes: self.attributes.clone(),
            script: self.script.clone(),
        }
    }

    /// Without signatures and network fee, to be priced.
    pub fn unsigned_transaction(&self) -> Transaction {
        self.unsigned(0)
            .into_signed(
                self.signers
                    .iter()
                    .map(|(w, _)| w.unsigned_witness())
                    .collect(),
            )
            .unwrap()
    }

    /// Signed, with the network fee that the ledger asks for plus the tip.
    pub fn sign(&self, ledger: &dyn ChainReader) -> Transaction {
        let priced = self
            .unsigned(0)
            .into_signed(
                self.signers
                    .iter()
                    .map(|(w, _)| w.unsigned_witness())
                    .collect(),
            )
            .unwrap();
        let fee = ledger.network_fee(&priced).unwrap().0 + self.tip;
        let unsigned = self.unsigned(fee);
        let hash = unsigned.hash();
        let magic = ledger.config().magic;
        let witnesses = self
            .signers
            .iter()
            .map(|(w, _)| w.witness(magic, &hash))
            .collect();
        unsigned.into_signed(witnesses).unwrap()
    }
}

/// Asks a ledger that answers at once.
pub fn ask(ledger: &dyn Ledger, request: LedgerRequest) -> LedgerAnswer {
    let slot = Arc::new(Mutex::new(None));
    let answer = Arc::clone(&slot);
    ledger.request(
        request,
        Box::new(move |it| *answer.lock().unwrap() = Some(it)),
    );
    slot.lock().unwrap().take().expect("one answer, at once")
}

/// Submits to a ledger that answers at once.
pub fn submit(
    ledger: &dyn Ledger,
    transactions: Vec<Transaction>,
) -> Vec<Result<UInt256, Rejected>> {
    let slot = Arc::new(Mutex::new(None));
    let answer = Arc::clone(&slot);
    ledger.submit(
        transactions,
        Box::new(move |it| *answer.lock().unwrap() = Some(it)),
    );
    slot.lock().unwrap().take().expect("one answer, at once")
}

/// A network whose validators all sit here.
pub struct Network {
    pub config: GenesisConfig,
    /// Validators in the order of the configuration.
    pub keys: Vec<PrivateKey>,
    pub ledger: EmbeddedLedger,
}

impl Network {
    /// The standard private network in memory.
    pub fn in_memory() -> Self {
        Self::with_store(Box::new(MemoryStore::new()), |_| {})
    }

    /// The standard private network on a store.
    pub fn with_store(store: Box<dyn ChainStore>, change: impl FnOnce(&mut GenesisConfig)) -> Self {
        let keys: Vec<PrivateKey> = STANDBY_KEYS.iter().map(|key| private_key(key)).collect();
        let mut config = standard_config();
        change(&mut config);
        let ledger = EmbeddedLedger::with_store(store, config.clone()).unwrap();
        Self {
            config,
            keys,
            ledger,
        }
    }

    /// The account that holds everything at first: M of n.
    pub fn treasury(&self) -> Wallet {
        Wallet::multi(bft_quorum(self.keys.len()), &self.keys)
    }

    /// Submits and expects admission.
    pub fn admit(&self, transactions: Vec<Transaction>) {
        for result in submit(&self.ledger, transactions) {
            result.unwrap();
        }
    }

    /// Builds the next block from the pool. Primaries take turns; the clock is the height.
    pub fn build(&self, parent: UInt256, height: u32) -> Arc<BlockBody> {
        let primary = ValidatorIndex((height % 4) as u8);
        let request = LedgerRequest::Build {
            parent,
            primary,
            timestamp: 1_700_000_000_000 + u64::from(height) * 1_000,
            nonce: u64::from(height) * 7_919,
            max_transactions: u32::MAX,
        };
        match ask(&self.ledger, request) {
            LedgerAnswer::Built(body) => body,
            other => panic!("build: {other:?}"),
        }
    }

    /// Gives a body its witness.
    pub fn witness(&self, body: &BlockBody) -> Arc<Block> {
        let witness = self.treasury().witness(self.config.magic, &body.hash());
        Arc::new(Block::from_body(body, witness))
    }

    pub fn check(&self, body: &Arc<BlockBody>) {
        match ask(
            &self.ledger,
            LedgerRequest::Check {
                body: Arc::clone(body),
                fresh: true,
            },
        ) {
            LedgerAnswer::Checked { result, .. } => result.unwrap(),
            other => panic!("check: {other:?}"),
        }
    }

    pub fn promote(&self, hash: UInt256) {
        let answer = ask(&self.ledger, LedgerRequest::Promote { hash });
        assert!(
            matches!(answer, LedgerAnswer::Promoted { .. }),
            "{answer:?}"
        );
    }

    pub fn store(&self, block: &Arc<Block>) {
        let answer = ask(
            &self.ledger,
            LedgerRequest::Store {
                block: Arc::clone(block),
            },
        );
        assert!(matches!(answer, LedgerAnswer::Stored { .. }), "{answer:?}");
    }

    /// One block of what the pool holds: built, checked, decided, stored.
    pub fn next_block(&self) -> Arc<Block> {
        let height = self.ledger.height().next().0;
        let body = self.build(self.ledger.tip_hash(), height);
        self.check(&body);
        self.promote(body.hash());
        let block = self.witness(&body);
        self.store(&block);
        block
    }
}

/// Configuration of the standard private network, as the neo-go of the tests runs it.
pub fn standard_config() -> GenesisConfig {
    let keys = STANDBY_KEYS
        .iter()
        .map(|key| private_key(key).public_key().clone())
        .collect();
    GenesisConfig::new(MAGIC, keys)
}

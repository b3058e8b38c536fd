//! A network whose validators all sit here, and an attached ledger to ask.

use std::sync::Arc;

use neo_attached::AttachedLedger;
use neo_ledger::{
    ChainReader as _, GenesisConfig, HeightInfo, InvalidBlock, Ledger as _, LedgerAnswer,
    LedgerError, LedgerRequest, Rejected,
};
use neo_primitives::{
    Attribute, Block, BlockBody, Datoshi, Header, Height, Magic, PrivateKey, PublicKey, Signer,
    Transaction, UInt160, UInt256, UnsignedTransaction, ValidatorIndex, Witness, WitnessScope,
    bft_quorum, consensus_address, merkle_root, multisig_script, multisig_witness,
    parse_multisig_script, sign_data, single_signature_witness,
};
use serde_json::json;
use tokio::sync::oneshot;

use crate::neo_go::NeoGo;

const MAGIC: Magic = Magic(707_070);

/// A private key that never changes.
pub(crate) fn key(number: u8) -> PrivateKey {
    PrivateKey::from_bytes(&[number; 32]).unwrap()
}

/// Four validators, who are the committee too.
pub(crate) struct Network {
    pub(crate) config: GenesisConfig,
}

impl Network {
    pub(crate) fn new() -> Self {
        let keys = (1..5)
            .map(|number| key(number).public_key().clone())
            .collect();
        let mut config = GenesisConfig::new(MAGIC, keys);
        // Several registrations of 1,000 GAS fit into one block.
        config.max_block_system_fee = Datoshi(9_000 * 100_000_000);
        Self { config }
    }

    /// The account that holds everything at first.
    pub(crate) fn treasury(&self) -> UInt160 {
        consensus_address(&self.config.standby_validators)
    }

    /// The witness of the account of these validators, of whom every test knows the keys.
    fn multi_witness(&self, hash: &UInt256, validators: &[PublicKey]) -> Witness {
        let m = bft_quorum(validators.len());
        let script = multisig_script(m, validators).unwrap();
        let (_, sorted) = parse_multisig_script(&script).unwrap();
        let message = sign_data(MAGIC, hash);
        let all: Vec<PrivateKey> = (1..60).map(key).collect();
        let own = |bytes: &[u8; 33]| all.iter().find(|own| own.public_key().as_bytes() == bytes);
        let signatures: Vec<_> = sorted
            .iter()
            .take(m)
            .map(|bytes| own(bytes).unwrap().sign(&message))
            .collect();
        multisig_witness(&signatures, script)
    }

    fn unsigned(
        &self,
        sender: UInt160,
        script: Vec<u8>,
        nonce: u32,
        system_fee: i64,
        attributes: Vec<Attribute>,
    ) -> UnsignedTransaction {
        UnsignedTransaction {
            nonce,
            system_fee: Datoshi(system_fee),
            network_fee: Datoshi(10_000_000),
            valid_until: Height(1_000),
            signers: vec![Signer::new(sender, WitnessScope::CALLED_BY_ENTRY)],
            attributes,
            script,
        }
    }

    pub(crate) fn by_treasury(&self, script: Vec<u8>, nonce: u32, fee: i64) -> Arc<Transaction> {
        self.by_treasury_with(script, nonce, fee, Vec::new())
    }

    pub(crate) fn by_treasury_with(
        &self,
        script: Vec<u8>,
        nonce: u32,
        fee: i64,
        attributes: Vec<Attribute>,
    ) -> Arc<Transaction> {
        let unsigned = self.unsigned(self.treasury(), script, nonce, fee, attributes);
        let witness = self.multi_witness(&unsigned.hash(), &self.config.standby_validators);
        Arc::new(unsigned.into_signed(vec![witness]).unwrap())
    }

    pub(crate) fn by_key(
        &self,
        number: u8,
        script: Vec<u8>,
        nonce: u32,
        fee: i64,
    ) -> Arc<Transaction> {
        let key = key(number);
        let sender = key.public_key().script_hash();
        let unsigned = self.unsigned(sender, script, nonce, fee, Vec::new());
        let signature = key.sign(&unsigned.sign_data(MAGIC));
        let witness = single_signature_witness(signature, key.public_key());
        Arc::new(unsigned.into_signed(vec![witness]).unwrap())
    }

    /// The same transaction of the treasury with signatures over something else.
    pub(crate) fn forged(&self, transaction: &Transaction) -> Arc<Transaction> {
        let witness = self.multi_witness(&UInt256::ZERO, &self.config.standby_validators);
        let unsigned = transaction.unsigned().clone();
        Arc::new(unsigned.into_signed(vec![witness]).unwrap())
    }

    /// A block of these transactions on `parent` that names the standby validators.
    pub(crate) fn body(&self, parent: &Header, transactions: Vec<Arc<Transaction>>) -> BlockBody {
        let hashes: Vec<UInt256> = transactions.iter().map(|one| one.hash()).collect();
        BlockBody {
            header: Header {
                version: 0,
                prev_hash: parent.hash(),
                merkle_root: merkle_root(&hashes),
                timestamp: parent.timestamp + 1_000,
                nonce: 5,
                index: parent.index.next(),
                primary_index: ValidatorIndex(0),
                next_consensus: self.treasury(),
            },
            transactions,
        }
    }

    /// Signed by the standby validators.
    pub(crate) fn sign(&self, body: &BlockBody) -> Block {
        self.sign_by(body, &self.config.standby_validators)
    }

    fn sign_by(&self, body: &BlockBody, validators: &[PublicKey]) -> Block {
        Block::from_body(body, self.multi_witness(&body.hash(), validators))
    }
}

async fn ask(ledger: &AttachedLedger, request: LedgerRequest) -> LedgerAnswer {
    let (sender, receiver) = oneshot::channel();
    let reply = move |answer| sender.send(answer).unwrap();
    ledger.request(request, Box::new(reply));
    receiver.await.unwrap()
}

/// Opens the height above the tip, which moves as long as the ledger has not caught up with its node.
pub(crate) async fn open(ledger: &AttachedLedger) -> HeightInfo {
    loop {
        let parent = ledger.tip_hash();
        match ask(ledger, LedgerRequest::Open { parent }).await {
            LedgerAnswer::Opened(info) => return info,
            LedgerAnswer::Failed {
                error: LedgerError::UnknownParent(_),
                ..
            } => assert_ne!(ledger.tip_hash(), parent),
            other => panic!("open: {other:?}"),
        }
    }
}

pub(crate) async fn build(ledger: &AttachedLedger, height: u32) -> Arc<BlockBody> {
    let request = LedgerRequest::Build {
        parent: ledger.tip_hash(),
        primary: ValidatorIndex((height % 4) as u8),
        timestamp: 1_700_000_000_000 + u64::from(height) * 1_000,
        nonce: 1,
        max_transactions: u32::MAX,
    };
    match ask(ledger, request).await {
        LedgerAnswer::Built(body) => body,
        other => panic!("build: {other:?}"),
    }
}

pub(crate) async fn check(ledger: &AttachedLedger, body: &BlockBody) -> Result<(), InvalidBlock> {
    let body = Arc::new(body.clone());
    match ask(ledger, LedgerRequest::Check { body, fresh: true }).await {
        LedgerAnswer::Checked { result, .. } => result,
        other => panic!("check: {other:?}"),
    }
}

async fn stored(ledger: &AttachedLedger, request: LedgerRequest, block: &Block) {
    let answer = ask(ledger, request).await;
    let LedgerAnswer::Stored { height, hash } = answer else {
        panic!("store: {answer:?}");
    };
    assert_eq!((height, hash), (block.header.index, block.hash()));
}

pub(crate) async fn store(ledger: &AttachedLedger, block: &Block) {
    let block_ = Arc::new(block.clone());
    stored(ledger, LedgerRequest::Store { block: block_ }, block).await;
}

pub(crate) async fn import(ledger: &AttachedLedger, block: &Block) {
    let block_ = Arc::new(block.clone());
    stored(ledger, LedgerRequest::Import { block: block_ }, block).await;
}

pub(crate) async fn submit(
    ledger: &AttachedLedger,
    transactions: &[&Arc<Transaction>],
) -> Vec<Result<UInt256, Rejected>> {
    let (sender, receiver) = oneshot::channel();
    let transactions = transactions
        .iter()
        .map(|one| one.as_ref().clone())
        .collect();
    ledger.submit(
        transactions,
        Box::new(move |results| sender.send(results).unwrap()),
    );
    receiver.await.unwrap()
}

/// A chain that grows by an attached ledger, signed by whoever is in office.
pub(crate) struct Chain<'a> {
    network: &'a Network,
    ledger: &'a AttachedLedger,
    node: &'a NeoGo,
}

impl<'a> Chain<'a> {
    pub(crate) fn new(network: &'a Network, ledger: &'a AttachedLedger, node: &'a NeoGo) -> Self {
        Self {
            network,
            ledger,
            node,
        }
    }

    /// The validators of the next block, as the ledger opens it.
    pub(crate) async fn open(&self) -> Vec<PublicKey> {
        open(self.ledger).await.validators
    }

    /// Adds a block with exactly these transactions, all of which must succeed. Returns whom it names.
    pub(crate) async fn grow(&mut self, transactions: Vec<Arc<Transaction>>) -> UInt160 {
        for result in submit(self.ledger, &transactions.iter().collect::<Vec<_>>()).await {
            result.unwrap();
        }
        let info = open(self.ledger).await;
        let body = build(self.ledger, info.height.0).await;
        assert_eq!(body.transactions.len(), transactions.len());
        check(self.ledger, &body).await.unwrap();
        let block = self.network.sign_by(&body, &info.validators);
        store(self.ledger, &block).await;
        // Opening waits for the node to have it.
        open(self.ledger).await;
        for transaction in &transactions {
            let hash = transaction.hash();
            let log = self.node.call("getapplicationlog", json!([hash]));
            assert_eq!(log["executions"][0]["vmstate"], json!("HALT"), "{log}");
        }
        body.header.next_consensus
    }
}

//! A short chain to be synchronised.

use std::sync::{Arc, Mutex};

use neo_ledger::store::MemoryStore;
use neo_ledger::{ChainReader, EmbeddedLedger, GenesisConfig, Ledger, LedgerAnswer, LedgerRequest};
use neo_primitives::{
    Block, Magic, PrivateKey, ValidatorIndex, multisig_script, multisig_witness, sign_data,
};

/// One validator's network.
pub(crate) struct Chain {
    key: PrivateKey,
    pub(crate) config: GenesisConfig,
    pub(crate) ledger: Arc<EmbeddedLedger>,
}

pub(crate) fn ask(ledger: &dyn Ledger, request: LedgerRequest) -> LedgerAnswer {
    let slot = Arc::new(Mutex::new(None));
    let answer = Arc::clone(&slot);
    let reply = Box::new(move |it| *answer.lock().unwrap() = Some(it));
    ledger.request(request, reply);
    slot.lock().unwrap().take().unwrap()
}

impl Chain {
    /// A chain of empty blocks up to a height.
    pub(crate) fn of(height: u32) -> Self {
        let key = PrivateKey::generate();
        let config = GenesisConfig::new(Magic(7), vec![key.public_key().clone()]);
        let ledger = Arc::new(Self::empty_ledger(&config));
        let chain = Self {
            key,
            config,
            ledger,
        };
        for _ in 0..height {
            chain.grow();
        }
        chain
    }

    fn empty_ledger(config: &GenesisConfig) -> EmbeddedLedger {
        EmbeddedLedger::with_store(Box::new(MemoryStore::new()), config.clone()).unwrap()
    }

    /// A node of the network that has the genesis block only.
    pub(crate) fn newcomer(&self) -> Arc<EmbeddedLedger> {
        Arc::new(Self::empty_ledger(&self.config))
    }

    fn grow(&self) {
        let tip = self.ledger.tip().header;
        let built = ask(
            self.ledger.as_ref(),
            LedgerRequest::Build {
                parent: self.ledger.tip_hash(),
                primary: ValidatorIndex(0),
                timestamp: tip.timestamp + 1,
                nonce: 1,
                max_transactions: 1,
            },
        );
        let LedgerAnswer::Built(body) = built else {
            panic!("{built:?}");
        };
        let message = sign_data(self.config.magic, &body.hash());
        let script = multisig_script(1, std::slice::from_ref(self.key.public_key())).unwrap();
        let witness = multisig_witness(&[self.key.sign(&message)], script);
        let block = Arc::new(Block::from_body(&body, witness));
        let stored = ask(self.ledger.as_ref(), LedgerRequest::Import { block });
        assert!(matches!(stored, LedgerAnswer::Stored { .. }), "{stored:?}");
    }
}

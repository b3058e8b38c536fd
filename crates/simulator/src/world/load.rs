//! Transactions: transfers of GAS out of the account of the validators, made by the world.

use std::sync::atomic::Ordering;

use neo_consensus::engine::{Event, LedgerEvent};
use neo_consensus::v3::Signer as _;
use neo_invariants::ideal::IdealSigner;
use neo_ledger::{ChainReader, EmbeddedLedger, Ledger};
use neo_primitives::{
    Datoshi, Height, Magic, PublicKey, Signature, Signer, Token, Transaction, UInt160,
    UnsignedTransaction, Witness, WitnessScope, bft_quorum, hash160, multisig_script,
    multisig_witness, sign_data, transfer_script,
};

use super::World;
use super::protocol::Simulated;
use super::queue::Item;
use crate::random::Random;
use crate::trace::Happening;

/// GAS that a transfer may burn: the price of one to a new account, in datoshi, and a little more.
const SYSTEM_FEE: Datoshi = Datoshi(9_977_780);
/// Blocks after which a transaction expires.
const VALIDITY: u32 = 1_000;
/// Gossip reaches the others within this time, in nanoseconds.
const GOSSIP: u64 = 30_000_000;
const NS_PER_S: u64 = 1_000_000_000;

/// The account that pays.
pub(super) struct Wallet {
    signers: Vec<IdealSigner>,
    script: Vec<u8>,
    magic: Magic,
    made: u32,
    network_fee: Option<Datoshi>,
    random: Random,
}

impl Wallet {
    /// The account of the validators, which genesis gives all GAS.
    pub(super) fn new(keys: &[PublicKey], magic: Magic, random: Random) -> Option<Self> {
        let quorum = bft_quorum(keys.len());
        Some(Self {
            signers: keys
                .iter()
                .take(quorum)
                .cloned()
                .map(IdealSigner::new)
                .collect(),
            script: multisig_script(quorum, keys).ok()?,
            magic,
            made: 0,
            network_fee: None,
            random,
        })
    }

    /// The next transfer.
    fn make(&mut self, ledger: &EmbeddedLedger, height: Height) -> Option<Transaction> {
        self.made = self.made.wrapping_add(1);
        let from = hash160(&self.script);
        let mut to = [0; 20];
        for (place, byte) in to.iter_mut().zip(self.random.below(64).to_le_bytes()) {
            *place = byte;
        }
        let script = transfer_script(
            Token::Gas,
            &from,
            &UInt160::from_wire(to),
            i64::from(self.made % 1_000) + 1,
            true,
        );
        let mut unsigned = UnsignedTransaction {
            nonce: self.made,
            system_fee: SYSTEM_FEE,
            network_fee: Datoshi(0),
            valid_until: Height(height.0.saturating_add(VALIDITY)),
            signers: vec![Signer::new(from, WitnessScope::CALLED_BY_ENTRY)],
            attributes: Vec::new(),
            script,
        };
        let fee = match self.network_fee {
            Some(fee) => fee,
            None => {
                let unsigned_witness = Witness {
                    invocation: Vec::new(),
                    verification: self.script.clone(),
                };
                let priced = unsigned.clone().into_signed(vec![unsigned_witness]).ok()?;
                // Lengths of numbers inside differ by a few bytes from one transfer to the next.
                let fee = Datoshi(ledger.network_fee(&priced).ok()?.0.saturating_add(100_000));
                *self.network_fee.insert(fee)
            }
        };
        unsigned.network_fee = fee;
        let message = sign_data(self.magic, &unsigned.hash());
        let signatures: Vec<Signature> = self
            .signers
            .iter()
            .map(|signer| signer.sign(&message))
            .collect();
        let witness = multisig_witness(&signatures, self.script.clone());
        unsigned.into_signed(vec![witness]).ok()
    }
}

impl<P: Simulated> World<'_, P> {
    /// Makes a transaction; one node that runs learns it at once, others by gossip.
    pub(super) fn load(&mut self) {
        let interval = NS_PER_S / u64::from(self.plan.load_per_s.max(1));
        self.queue.push(self.now + interval.max(1), Item::Load);
        let up: Vec<usize> = self.up().into_iter().collect();
        let Some(wallet) = self.wallet.as_mut() else {
            return;
        };
        let Some(first) = wallet.random.pick(&up).copied() else {
            return;
        };
        let Some(running) = self.nodes[first].running.as_ref() else {
            return;
        };
        let Some(transaction) = wallet.make(&running.ledger, running.ledger.height()) else {
            return;
        };
        let mut learn = Vec::new();
        for node in up {
            let wait = if node == first {
                Some(0)
            } else if wallet.random.percent(self.plan.gossip_percent) {
                Some(wallet.random.below(GOSSIP))
            } else {
                None
            };
            learn.extend(wait.map(|wait| (node, wait)));
        }
        for (node, wait) in learn {
            let transaction = Box::new(transaction.clone());
            self.queue
                .push(self.now + wait, Item::Submit { node, transaction });
        }
    }

    /// A transaction reaches the pool of a node, if it runs.
    pub(super) fn submit(&mut self, node: usize, transaction: Transaction) {
        if let Some(running) = self.nodes[node].running.as_ref() {
            // A refusal concerns this transaction only: its block may have been stored already.
            running.ledger.submit(vec![transaction], Box::new(|_| {}));
        }
        self.tell_pool(node);
    }

    /// The engine learns of transactions that came to an empty pool.
    fn tell_pool(&mut self, node: usize) {
        let Some(running) = self.nodes[node].running.as_ref() else {
            return;
        };
        let transactions = running.pooled.swap(0, Ordering::Relaxed);
        if transactions > 0 {
            self.book.coverage.pooled += u64::from(self.nodes[node].honest);
            self.emit(Some(node), Happening::Pooled { transactions });
            let pool = LedgerEvent::Pool { transactions };
            self.within(node, Event::Ledger(pool), false);
        }
    }
}

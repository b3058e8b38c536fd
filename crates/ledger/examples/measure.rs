//! Measures the embedded ledger on this machine: `cargo run --release -p neo-ledger --example measure`.
//!
//! Blocks of 2,000 transfers of 200 senders on a store on disk, and synchronisation of empty blocks.

#[path = "../tests/common/mod.rs"]
mod common;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use neo_ledger::{
    ChainReader, EmbeddedLedger, LedgerAnswer, LedgerRequest, TransactionIds, short_id,
    store::{ChainStore, RedbStore},
};
use neo_primitives::{Block, Datoshi, Token, Transaction, transfer_script};

use common::{Draft, Network, Wallet, ask, scenario::FEE, standard_config, submit, user_key};

const SENDERS: u32 = 200;
const BLOCK: usize = 2_000;
const BLOCKS: usize = 40;
const POOL: usize = 50_000;
const EMPTY_BLOCKS: usize = 5_000;

/// Durations of one kind of work.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn measure<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let result = work();
        self.0.push(begin.elapsed());
        result
    }

    fn report(mut self, name: &str) {
        self.0.sort();
        let at = |percent: usize| {
            let position = (self.0.len() * percent / 100).min(self.0.len() - 1);
            self.0[position].as_secs_f64() * 1_000.0
        };
        println!(
            "{name:<44} p50 {:>8.2} ms  p99 {:>8.2} ms  n {}",
            at(50),
            at(99),
            self.0.len()
        );
    }
}

fn network(directory: &Path) -> Network {
    let store: Box<dyn ChainStore> =
        Box::new(RedbStore::open(&directory.join("chain.redb")).expect("store"));
    Network::with_store(store, |config| {
        config.max_transactions_per_block = BLOCK as u32;
        config.max_block_system_fee = Datoshi(i64::MAX / 2);
        config.max_block_size = 8 << 20;
    })
}

fn fund(network: &Network, senders: &[Wallet]) {
    let treasury = network.treasury();
    let from = treasury.account();
    for (index, chunk) in senders.chunks(20).enumerate() {
        let script: Vec<u8> = chunk
            .iter()
            .flat_map(|to| {
                transfer_script(
                    Token::Gas,
                    &from,
                    &to.account(),
                    20_000_000_000_000i64,
                    true,
                )
            })
            .collect();
        let draft = Draft::new(&treasury, script, 20 * FEE).nonce(index as u32);
        network.admit(vec![draft.sign(&network.ledger)]);
    }
    network.next_block();
}

fn transfers(network: &Network, senders: &[Wallet], count: usize, first: u32) -> Vec<Transaction> {
    (0..count)
        .map(|index| {
            let from = &senders[index % senders.len()];
            let to = &senders[(index * 7 + 1) % senders.len()];
            let script = transfer_script(Token::Gas, &from.account(), &to.account(), 1_000, true);
            Draft::new(from, script, FEE)
                .nonce(first + index as u32)
                .valid_until(5_000)
                .sign(&network.ledger)
        })
        .collect()
}

fn main() {
    let directory = tempfile::tempdir().expect("directory");
    let chain = network(directory.path());
    let senders: Vec<Wallet> = (0..SENDERS)
        .map(|number| Wallet::single(user_key(number)))
        .collect();
    fund(&chain, &senders);
    blocks(&chain, &senders);
    let other = tempfile::tempdir().expect("directory");
    let observer = network(other.path());
    import_full(&chain, &observer);
    full_pool(&chain, &senders);
    import_empty();
}

fn blocks(chain: &Network, senders: &[Wallet]) {
    let mut admit = Times::default();
    let (mut build, mut lookup, mut check) = (Times::default(), Times::default(), Times::default());
    let (mut promote, mut store) = (Times::default(), Times::default());
    for number in 0..BLOCKS {
        let batch = transfers(chain, senders, BLOCK, (number * BLOCK) as u32);
        let results = admit.measure(|| submit(&chain.ledger, batch));
        assert!(results.iter().all(Result::is_ok), "{:?}", results[0]);
        let height = chain.ledger.height().next().0;
        let body = build.measure(|| chain.build(chain.ledger.tip_hash(), height));
        assert_eq!(body.transactions.len(), BLOCK);
        let hash = body.hash();
        let ids: Vec<_> = body
            .transaction_hashes()
            .iter()
            .map(|it| short_id(&hash, it))
            .collect();
        let ids = TransactionIds::Short(ids);
        lookup.measure(|| ask(&chain.ledger, LedgerRequest::Lookup { hash, ids }));
        check.measure(|| chain.check(&body));
        promote.measure(|| chain.promote(hash));
        let block = chain.witness(&body);
        store.measure(|| chain.store(&block));
    }
    println!("blocks of {BLOCK} GAS transfers of {SENDERS} senders:");
    admit.report("  submit (verify and admit all)");
    build.report("  build");
    lookup.report("  lookup by short ids");
    check.report("  check fresh, all pooled (with execution)");
    promote.report("  promote");
    store.report("  store (durable)");
}

fn import_full(chain: &Network, observer: &Network) {
    let mut import = Times::default();
    for height in 1..=chain.ledger.height().0 {
        let block = chain
            .ledger
            .block(neo_primitives::Height(height))
            .expect("read");
        let request = LedgerRequest::Import {
            block: block.expect("block"),
        };
        let answer = import.measure(|| ask(&observer.ledger, request));
        assert!(matches!(answer, LedgerAnswer::Stored { .. }), "{answer:?}");
    }
    assert_eq!(observer.ledger.tip_hash(), chain.ledger.tip_hash());
    import.report("  import from another node (all signatures)");
}

fn full_pool(chain: &Network, senders: &[Wallet]) {
    let batch = transfers(chain, senders, POOL, 10_000_000);
    let mut admit = Times::default();
    admit.measure(|| submit(&chain.ledger, batch));
    assert_eq!(chain.ledger.pool_len(), POOL);
    let (mut build, mut lookup) = (Times::default(), Times::default());
    let (mut check, mut promote) = (Times::default(), Times::default());
    for _ in 0..10 {
        let height = chain.ledger.height().next().0;
        let body = build.measure(|| chain.build(chain.ledger.tip_hash(), height));
        let hash = body.hash();
        let ids: Vec<_> = body
            .transaction_hashes()
            .iter()
            .map(|it| short_id(&hash, it))
            .collect();
        let ids = TransactionIds::Short(ids);
        lookup.measure(|| ask(&chain.ledger, LedgerRequest::Lookup { hash, ids }));
        check.measure(|| chain.check(&body));
        promote.measure(|| chain.promote(hash));
        chain.store(&chain.witness(&body));
    }
    println!("with a pool of {POOL}:");
    admit.report("  submit all");
    build.report("  build");
    lookup.report("  lookup by short ids");
    check.report("  check");
    promote.report("  promote");
}

fn import_empty() {
    let source = Network::in_memory();
    let blocks: Vec<Arc<Block>> = (0..EMPTY_BLOCKS).map(|_| source.next_block()).collect();
    println!("import of {EMPTY_BLOCKS} empty blocks, each durable as a run:");
    for run in [1, 100, 1_000] {
        let directory = tempfile::tempdir().expect("directory");
        let ledger = EmbeddedLedger::open(directory.path(), standard_config()).expect("ledger");
        let begin = Instant::now();
        for blocks in blocks.chunks(run) {
            let answer = ask(
                &ledger,
                LedgerRequest::ImportMany {
                    blocks: blocks.to_vec(),
                },
            );
            assert!(matches!(answer, LedgerAnswer::Stored { .. }), "{answer:?}");
        }
        let rate = EMPTY_BLOCKS as f64 / begin.elapsed().as_secs_f64();
        println!("  runs of {run:>5}: {rate:>8.0} blocks/s");
    }
}

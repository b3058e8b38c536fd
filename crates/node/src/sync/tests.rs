use std::collections::BTreeMap;
use std::sync::Mutex;

use neo_ledger::ChainReader;

use super::testing::Chain;
use super::*;

/// How a peer behaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    Honest,
    /// Never answers.
    Mute,
    /// Refuses at once.
    Refuses,
    /// Changes a signature of the last block.
    Forges,
    /// Sends bytes that are no blocks.
    Garbage,
    /// Sends blocks of other heights.
    Shifts,
    /// Has nothing below this height.
    From(u32),
    /// Sends more blocks than it was asked for.
    Overfills,
    /// Has nothing above this height, whatever it says.
    Until(u32),
}

#[derive(Clone)]
struct Crowd {
    chain: Arc<Chain>,
    manners: Arc<BTreeMap<PeerId, (Manner, Height)>>,
    reports: Arc<Mutex<Vec<PeerId>>>,
}

impl Peers for Crowd {
    fn connected(&self) -> Vec<(PeerId, Height)> {
        let peers = self.manners.iter();
        peers.map(|(peer, (_, height))| (*peer, *height)).collect()
    }

    fn of_validator(&self, _: &PublicKey) -> Option<PeerId> {
        None
    }

    async fn ask(&self, peer: PeerId, start: Height, count: u16) -> Result<Vec<Bytes>, String> {
        let (manner, _) = self.manners[&peer];
        let block = |height: u32| {
            let bytes = self.chain.ledger.block_bytes(Height(height)).unwrap();
            bytes.map(Bytes::from)
        };
        let true_answer = |from: u32| -> Vec<Bytes> {
            (from..from + u32::from(count)).map_while(block).collect()
        };
        match manner {
            Manner::Honest => Ok(true_answer(start.0)),
            Manner::Mute => std::future::pending().await,
            Manner::Refuses => Err("refused".to_owned()),
            Manner::Forges => {
                let mut blocks = true_answer(start.0);
                if let Some(last) = blocks.last_mut() {
                    let mut bytes = last.to_vec();
                    // Inside the invocation script: header 108, witness count 1, length 1, opcode and length 2.
                    bytes[130] ^= 1;
                    *last = bytes.into();
                }
                Ok(blocks)
            }
            Manner::Garbage => Ok(vec![Bytes::from_static(b"no block")]),
            Manner::Shifts => Ok(true_answer(start.0 + 1)),
            Manner::From(least) if start.0 < least => Ok(Vec::new()),
            Manner::From(_) => Ok(true_answer(start.0)),
            Manner::Overfills => {
                let mut blocks = true_answer(start.0);
                blocks.extend(block(start.0 + u32::from(count)));
                Ok(blocks)
            }
            Manner::Until(most) => Ok((start.0..=most.min(start.0 + u32::from(count) - 1))
                .map_while(block)
                .collect()),
        }
    }

    fn report(&self, peer: PeerId, _: Offence) {
        self.reports.lock().unwrap().push(peer);
    }
}

/// Lets a newcomer synchronise with these peers, and gives its height, and the manners of those it reported.
async fn synchronise(chain: &Arc<Chain>, manners: &[(Manner, u32)]) -> (Height, Vec<Manner>) {
    let manners: BTreeMap<_, _> = manners
        .iter()
        .map(|(manner, height)| (PeerId::random(), (*manner, Height(*height))))
        .collect();
    let crowd = Crowd {
        chain: Arc::clone(chain),
        manners: Arc::new(manners),
        reports: Arc::default(),
    };
    let newcomer = chain.newcomer();
    let ledger: Arc<dyn Ledger> = newcomer.clone();
    let (worker, thread) = LedgerWorker::start(Arc::clone(&ledger), None, |_| {}).unwrap();
    let (inside, mut reported) = mpsc::unbounded_channel();
    let syncer = Syncer {
        peers: crowd.clone(),
        ledger,
        worker,
        inside,
        metrics: Arc::new(Metrics::new()),
        shown: None,
        pool: verification_pool().unwrap(),
        witness_limit: 1_024,
        votes: false,
    };
    let (triggers, wanted) = mpsc::channel(4);
    let any = *crowd.manners.keys().next().unwrap();
    triggers.send(SyncTrigger::Peer(any)).await.unwrap();
    drop(triggers);
    syncer.run(wanted).await;
    thread.join().unwrap();
    let mut heights = Vec::new();
    while let Ok(Inside::Imported { blocks, .. }) = reported.try_recv() {
        heights.extend(blocks.into_iter().map(|(height, _, _)| height.0));
    }
    let all: Vec<_> = (1..=newcomer.height().0).collect();
    assert_eq!(heights, all, "each block is reported once, in order");
    let reports = crowd.reports.lock().unwrap();
    let guilty = reports.iter().map(|peer| crowd.manners[peer].0).collect();
    (newcomer.height(), guilty)
}

#[tokio::test]
async fn blocks_come_from_honest_peers_whatever_the_others_do() {
    let chain = Arc::new(Chain::of(1_300));
    let (height, guilty) = synchronise(
        &chain,
        &[
            (Manner::Honest, 1_300),
            (Manner::Mute, 1_300),
            (Manner::Refuses, 1_300),
            (Manner::Forges, 1_300),
            (Manner::Garbage, 1_300),
            (Manner::Shifts, 1_300),
            (Manner::From(600), 1_300),
        ],
    )
    .await;
    assert_eq!(height, Height(1_300));
    let liars = [Manner::Forges, Manner::Garbage, Manner::Shifts];
    assert!(
        guilty.iter().all(|manner| liars.contains(manner)),
        "{guilty:?}"
    );
}

#[tokio::test]
async fn liars_are_reported_and_bring_nothing() {
    let chain = Arc::new(Chain::of(300));
    for manner in [Manner::Forges, Manner::Garbage, Manner::Shifts] {
        let (height, guilty) = synchronise(&chain, &[(manner, 300)]).await;
        assert_eq!(height, Height(0), "{manner:?}");
        assert!(!guilty.is_empty() && guilty.iter().all(|it| *it == manner));
    }
}

#[tokio::test]
async fn nobody_is_reported_for_having_nothing() {
    let chain = Arc::new(Chain::of(20));
    let boasts = [
        (Manner::Honest, 20),
        (Manner::From(10), 20),
        (Manner::Refuses, 30),
    ];
    let (height, guilty) = synchronise(&chain, &boasts).await;
    assert_eq!(height, Height(20));
    assert!(guilty.is_empty(), "{guilty:?}");
}

#[tokio::test]
async fn who_claims_a_height_that_it_has_not_is_reported_and_no_other() {
    let chain = Arc::new(Chain::of(40));
    let boasts = [(Manner::Until(20), 1_000_000), (Manner::From(30), 40)];
    let (height, guilty) = synchronise(&chain, &boasts).await;
    assert!(height >= Height(20), "{height}");
    assert_eq!(guilty, [Manner::Until(20)]);
}

#[tokio::test]
async fn more_blocks_than_asked_for_do_not_hold_anything_up() {
    let chain = Arc::new(Chain::of(600));
    let (height, guilty) = synchronise(&chain, &[(Manner::Overfills, 600)]).await;
    assert_eq!(height, Height(0));
    assert!(guilty.iter().all(|it| *it == Manner::Overfills) && !guilty.is_empty());
}

#[tokio::test]
async fn two_that_have_one_half_each_bring_all() {
    let chain = Arc::new(Chain::of(700));
    let halves = [(Manner::Honest, 350), (Manner::From(301), 700)];
    let (height, _) = synchronise(&chain, &halves).await;
    assert!(height >= Height(350), "{height}");
}

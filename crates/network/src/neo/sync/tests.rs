//! Sessions without a network.

use std::time::Duration;

use neo_primitives::{Block, Encode, Height, Magic, UInt160, UInt256, Witness};

use super::{
    super::{
        event::NeoPeerId,
        refusal::NeoRefusal,
        tests::nodes::{MAGIC, blocks},
    },
    *,
};

const A: NeoPeerId = NeoPeerId(1);
const B: NeoPeerId = NeoPeerId(2);
const SECOND: Duration = Duration::from_secs(1);

const LIMITS: SyncLimits = SyncLimits {
    block_window: 20,
    block_bytes: 1 << 20,
    header_window: 6000,
    per_request: 5,
    timeout: Duration::from_secs(10),
    store_timeout: Duration::from_secs(60),
};

fn session(chain: &[Block]) -> Session {
    Session::new(MAGIC, Link::of(&chain[0].header), LIMITS)
}

/// Answers all questions of a plan but those for `silent`, and hands on what is complete.
fn answer(session: &mut Session, chain: &[Block], planned: &Planned, silent: Option<NeoPeerId>) {
    for ask in &planned.asks {
        if Some(ask.peer) == silent {
            continue;
        }
        match ask.question {
            Question::Headers { from } => {
                let headers = chain[from.0 as usize..]
                    .iter()
                    .take(2000)
                    .map(Block::signed_header)
                    .collect();
                let (link, headers) = session.headers_came(ask.peer, headers).unwrap();
                let verified = follow_all(link, headers, MAGIC).unwrap();
                session.headers_verified(ask.peer, link, verified);
            }
            Question::Blocks { from, count } => {
                for height in from.0..from.0 + u32::from(count) {
                    let block = Box::new(chain[height as usize].clone());
                    session.block_came(ask.peer, block, SECOND).unwrap();
                }
            }
        }
    }
}

fn store_all(session: &mut Session, heights: &mut Vec<u32>) {
    while let Some((_, block)) = session.deliver(SECOND) {
        heights.push(block.header.index.0);
        session.stored(Link::of(&block.header));
    }
}

#[test]
fn two_peers_share_the_work_and_blocks_come_in_order() {
    let chain = blocks(103);
    let mut session = session(&chain);
    session.peer_height(A, Height(103));
    session.peer_height(B, Height(103));
    let (mut heights, mut asked) = (Vec::new(), [0, 0]);
    for _ in 0..60 {
        let planned = session.plan(SECOND);
        assert!(planned.cut_off.is_empty());
        for ask in &planned.asks {
            asked[(ask.peer == B) as usize] += 1;
        }
        answer(&mut session, &chain, &planned, None);
        assert!(session.is_behind() || !heights.is_empty());
        store_all(&mut session, &mut heights);
    }
    assert_eq!(heights, (1..=103).collect::<Vec<_>>());
    assert!(asked[0] > 5 && asked[1] > 5, "{asked:?}");
    assert!(!session.is_behind());
    assert_eq!(
        session.plan(SECOND),
        Planned::default(),
        "nothing is left to ask"
    );
    assert!(session.waiting.is_empty() && session.waiting_bytes == 0 && session.headers.is_empty());
}

#[test]
fn no_more_is_asked_than_the_window() {
    let chain = blocks(103);
    let mut session = session(&chain);
    for peer in 1..20 {
        session.peer_height(NeoPeerId(peer), Height(103));
    }
    let planned = session.plan(SECOND);
    answer(&mut session, &chain, &planned, None);
    let planned = session.plan(SECOND);
    let blocks: u32 = planned
        .asks
        .iter()
        .map(|ask| match ask.question {
            Question::Blocks { from, count } => {
                assert!(from.0 + u32::from(count) <= 21);
                count.into()
            }
            Question::Headers { .. } => 0,
        })
        .sum();
    assert_eq!(blocks, 20);
}

#[test]
fn who_does_not_send_is_replaced_and_cut_off() {
    let chain = blocks(103);
    let mut session = session(&chain);
    session.peer_height(A, Height(103));
    session.peer_height(B, Height(103));
    let (mut heights, mut cut_off) = (Vec::new(), Vec::new());
    let mut now = SECOND;
    for _ in 0..60 {
        let planned = session.plan(now);
        answer(&mut session, &chain, &planned, Some(A));
        cut_off.extend(planned.cut_off);
        store_all(&mut session, &mut heights);
        now += LIMITS.timeout;
    }
    assert_eq!(heights.len(), 103);
    assert!(matches!(
        cut_off[..],
        [(A, NeoRefusal::NoBlocks { times: 3, .. })]
    ));
}

#[test]
fn a_pushed_block_at_the_end_is_taken_and_others_are_not() {
    let chain = blocks(3);
    let mut session = session(&chain);
    let push = |session: &mut Session, block: &Block| {
        session.block_came(A, Box::new(block.clone()), SECOND)
    };
    assert_eq!(push(&mut session, &chain[2]), Ok(false), "too far ahead");
    assert_eq!(push(&mut session, &chain[1]), Ok(true));
    assert_eq!(push(&mut session, &chain[1]), Ok(false), "a second copy");
    assert_eq!(push(&mut session, &chain[2]), Ok(true));
    let mut heights = Vec::new();
    store_all(&mut session, &mut heights);
    assert_eq!(heights, [1, 2]);
    assert_eq!(push(&mut session, &chain[1]), Ok(false), "stored");
}

#[test]
fn a_header_must_follow_in_every_field() {
    let chain = blocks(2);
    let link = Link::of(&chain[0].header);
    let good = chain[1].signed_header();
    assert!(link.follow(&good, MAGIC).is_ok());
    let refused = |change: &dyn Fn(&mut neo_primitives::SignedHeader), field: &str| {
        let mut header = good.clone();
        change(&mut header);
        let error = link.follow(&header, MAGIC).unwrap_err().to_string();
        assert!(error.contains(field), "{error} names {field}");
    };
    refused(&|h| h.header.version = 1, "version 1");
    refused(&|h| h.header.index = Height(2), "does not follow");
    refused(
        &|h| h.header.prev_hash = UInt256::from_wire([1; 32]),
        "previous hash",
    );
    refused(&|h| h.header.timestamp = 1, "timestamp 1");
    refused(&|h| h.header.nonce = 1, "witness");
    refused(&|h| h.witness = Witness::default(), "witness");
    assert!(
        link.follow(&good, Magic(43)).is_err(),
        "signed for another network"
    );
}

#[test]
fn another_block_in_the_place_of_a_signed_one_is_refused() {
    let chain = blocks(2);
    let mut session = session(&chain);
    session.peer_height(A, Height(2));
    let planned = session.plan(SECOND);
    answer(&mut session, &chain, &planned, None);
    let mut other = chain[1].clone();
    other.header.nonce = 9;
    let error = session.block_came(A, Box::new(other), SECOND).unwrap_err();
    assert!(matches!(
        error,
        NeoRefusal::WrongBlock {
            height: Height(1),
            ..
        }
    ));
    let mut stripped = chain[1].clone();
    stripped.witness = Witness::default();
    assert_eq!(session.block_came(A, Box::new(stripped), SECOND), Ok(true));
    let (_, block) = session.deliver(SECOND).unwrap();
    assert_eq!(
        block.witness, chain[1].witness,
        "the verified witness stands"
    );
}

#[test]
fn our_own_block_moves_the_session_on() {
    let chain = blocks(9);
    let mut session = session(&chain);
    session.peer_height(A, Height(9));
    let planned = session.plan(SECOND);
    answer(&mut session, &chain, &planned, None);
    session.stored(Link::of(&chain[4].header));
    assert_eq!(session.headers.front().unwrap().0.height, Height(5));
    let planned = session.plan(SECOND);
    assert_eq!(
        planned.asks[0].question,
        Question::Blocks {
            from: Height(5),
            count: 5
        }
    );
    let mut foreign = Link::of(&chain[5].header);
    foreign.hash = UInt256::from_wire([3; 32]);
    foreign.next_consensus = UInt160::from_wire([0; 20]);
    session.stored(foreign);
    assert!(
        session.headers.is_empty(),
        "headers of another chain are forgotten"
    );
}

#[test]
fn blocks_that_were_not_stored_are_fetched_again() {
    let chain = blocks(3);
    let mut session = session(&chain);
    session.peer_height(A, Height(3));
    for _ in 0..2 {
        let planned = session.plan(SECOND);
        answer(&mut session, &chain, &planned, None);
    }
    while session.deliver(SECOND).is_some() {}
    assert!(session.plan(SECOND * 30).asks.is_empty());
    assert_eq!(session.plan(SECOND * 61).asks.len(), 1);
}

#[test]
fn what_the_node_refuses_is_fetched_again_at_once() {
    let chain = blocks(3);
    let mut session = session(&chain);
    session.peer_height(A, Height(3));
    for _ in 0..2 {
        let planned = session.plan(SECOND);
        answer(&mut session, &chain, &planned, None);
    }
    while session.deliver(SECOND).is_some() {}
    session.stored(Link::of(&chain[1].header));
    session.not_stored();
    let planned = session.plan(SECOND);
    assert_eq!(
        planned.asks[0].question,
        Question::Blocks {
            from: Height(2),
            count: 2
        }
    );
    answer(&mut session, &chain, &planned, None);
    let mut heights = Vec::new();
    store_all(&mut session, &mut heights);
    assert_eq!(heights, [2, 3]);
    assert_eq!(session.with_node_bytes, 0);
}

#[test]
fn nothing_is_asked_while_the_node_has_its_hands_full() {
    let chain = blocks(20);
    let mut session = session(&chain);
    session.limits.block_bytes = 3 * chain[1].encoded_len();
    session.peer_height(A, Height(20));
    let planned = session.plan(SECOND);
    answer(&mut session, &chain, &planned, None);
    let planned = session.plan(SECOND);
    answer(&mut session, &chain, &planned, None);
    let mut with_node = Vec::new();
    while let Some((_, block)) = session.deliver(SECOND) {
        with_node.push(block);
    }
    assert!(with_node.len() >= 3, "{}", with_node.len());
    assert!(session.plan(SECOND).asks.is_empty());
    for block in &with_node {
        session.stored(Link::of(&block.header));
    }
    assert!(!session.plan(SECOND).asks.is_empty());
}

#[test]
fn memory_for_blocks_is_bounded() {
    let chain = blocks(20);
    let mut session = session(&chain);
    session.limits.block_bytes = 1000;
    session.peer_height(A, Height(20));
    let planned = session.plan(SECOND);
    answer(&mut session, &chain, &planned, None);
    for height in (2..20).rev() {
        let _ = session.block_came(A, Box::new(chain[height].clone()), SECOND);
        assert!(session.waiting_bytes <= 1000);
    }
    assert_eq!(
        session.block_came(A, Box::new(chain[1].clone()), SECOND),
        Ok(true),
        "the next one is always taken"
    );
}

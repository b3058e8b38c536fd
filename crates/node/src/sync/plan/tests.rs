use std::sync::Arc;

use neo_ledger::{ChainReader, Ledger};

use super::*;
use crate::sync::testing::Chain;

const NOW: Duration = Duration::from_secs(1);

struct World {
    chain: Chain,
    sources: Sources,
    plan: Plan,
}

fn world(claims: &[u32]) -> World {
    let mut peers: Vec<_> = claims.iter().map(|_| PeerId::random()).collect();
    peers.sort();
    let mut sources = Sources::default();
    let claims = claims.iter().copied().map(Height);
    sources.connected(peers.into_iter().zip(claims), NOW);
    World {
        chain: Chain::of(4),
        sources,
        plan: Plan::above(Height(0)),
    }
}

impl World {
    fn ask(&mut self, now: Duration) -> Vec<Question> {
        self.plan.questions(&mut self.sources, 1, now)
    }

    /// Some verified block, repeated: the plan does not look into blocks.
    fn come(&mut self, question: Question, count: u32, bytes: usize) {
        let block = self.chain.ledger.block(Height(1)).unwrap().unwrap();
        let verified = self.chain.ledger.verify(Arc::clone(&block)).unwrap();
        let blocks = vec![verified; count as usize];
        self.sources.answered(question.peer, Duration::ZERO);
        if self.plan.arrived(question.peer, question.start) {
            self.plan.came(question.peer, question.start, blocks, bytes);
        }
    }
}

fn starts(questions: &[Question]) -> Vec<u32> {
    questions.iter().map(|question| question.start.0).collect()
}

#[test]
fn several_peers_are_asked_at_once_and_what_comes_is_stored_in_order() {
    let mut world = world(&[1_000, 1_000, 1_000]);
    let questions = world.ask(NOW);
    assert_eq!(starts(&questions), [1, 251, 501, 751]);
    let asked: std::collections::BTreeSet<_> = questions.iter().map(|it| it.peer).collect();
    assert_eq!(asked.len(), 3);
    world.come(questions[1], 250, 10);
    assert!(
        world.plan.take_run().is_none(),
        "the first range is missing"
    );
    world.come(questions[0], 250, 10);
    let run = world.plan.take_run().unwrap();
    assert_eq!(run.blocks.len(), 500);
    let from = [
        (Height(1), questions[0].peer),
        (Height(251), questions[1].peer),
    ];
    assert_eq!(run.from, from);
    assert!(world.plan.is_waiting());
}

#[test]
fn a_short_answer_leaves_the_rest_wanted() {
    let mut world = world(&[300]);
    let questions = world.ask(NOW);
    assert_eq!(questions[0].count, 250);
    assert_eq!(questions[1].count, 50);
    world.come(questions[0], 100, 10);
    let again = world.ask(NOW);
    assert_eq!(starts(&again), [101]);
    assert_eq!(again[0].count, 150);
    assert_eq!(world.plan.take_run().unwrap().blocks.len(), 100);
}

#[test]
fn a_question_without_an_answer_goes_to_another_peer_soon_but_not_at_once() {
    let mut world = world(&[10, 10, 10, 10]);
    let mut asked = vec![world.ask(NOW)[0].peer];
    assert!(world.ask(NOW + SECOND_OPINION / 2).is_empty());
    for round in 1..=2 {
        let more = world.ask(NOW + SECOND_OPINION * round);
        assert_eq!(starts(&more), [1]);
        assert!(!asked.contains(&more[0].peer));
        asked.push(more[0].peer);
    }
    // There is an end to it.
    assert!(world.ask(NOW + SECOND_OPINION * 9).is_empty());
    // An answer that is being verified is waited for.
    assert!(world.plan.arrived(asked[1], Height(1)));
    world.plan.failed(asked[0], Height(1));
    world.plan.failed(asked[2], Height(1));
    assert!(world.ask(NOW + SECOND_OPINION * 20).is_empty());
    world.plan.failed(asked[1], Height(1));
    assert!(!world.plan.is_waiting());
    assert_eq!(starts(&world.ask(NOW)), [1]);
}

#[test]
fn the_window_is_bounded_in_blocks_questions_and_bytes() {
    let mut world = world(&[u32::MAX; 5]);
    let mut kept = 0;
    loop {
        let questions = world.ask(NOW);
        assert!(questions.len() <= UNDER_WAY);
        if questions.is_empty() {
            break;
        }
        for question in questions {
            // The first range never comes.
            if question.start.0 > 1 {
                kept += u32::from(question.count);
                world.come(question, question.count.into(), 1 << 10);
            }
        }
    }
    assert_eq!(kept, WINDOW - RANGE);
    let mut world = self::world(&[u32::MAX; 5]);
    let questions = world.ask(NOW);
    for question in &questions[1..] {
        world.come(*question, 250, 16 << 20);
    }
    world.sources.failed(questions[0].peer, NOW);
    world.plan.failed(questions[0].peer, Height(1));
    // Too much is kept already; what is needed to store it is still asked for.
    assert_eq!(starts(&world.ask(NOW)), [1]);
}

#[test]
fn consensus_may_store_blocks_meanwhile() {
    let mut world = world(&[600]);
    let questions = world.ask(NOW);
    world.plan.stored(Height(300));
    world.come(questions[0], 250, 1);
    world.come(questions[1], 250, 1);
    assert!(world.plan.take_run().is_none());
    let again = world.ask(NOW);
    assert_eq!(starts(&again), [301, 501]);
    world.come(again[0], 200, 1);
    let run = world.plan.take_run().unwrap();
    assert_eq!((run.blocks.len(), run.from[0].0), (200, Height(301)));
}

#[test]
fn a_validator_leaves_the_next_block_to_consensus() {
    let mut world = world(&[1]);
    assert!(world.plan.questions(&mut world.sources, 2, NOW).is_empty());
    assert_eq!(world.plan.questions(&mut world.sources, 1, NOW).len(), 1);
}

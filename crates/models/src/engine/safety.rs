//! What honest validators may have sent, judged by their messages alone (protocol section 5). Nothing here
//! asks the engine for anything but the block it takes for decided.

use std::collections::BTreeMap;

use neo_consensus::View;
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::{Message, Payload};
use neo_primitives::UInt256;

use super::locals::{Facts, Local, Locals, VIEWS};
use super::model::State;
use super::node::Node;

/// Honest members without which no quorum of four exists, `M − f`.
const HONEST_PART: usize = 2;

/// What a validator did against rules 1, 2, 6 and 7, as far as they bind it alone. `votes` are its votes in
/// the order in which they left.
pub(super) fn alone(node: &Node, votes: &[&Message]) -> Option<String> {
    let mut said: BTreeMap<(MessageKind, View), usize> = BTreeMap::new();
    let mut left = View::ZERO;
    let mut pre_committed: Option<View> = None;
    for message in votes {
        let view = message.view;
        for kind in kinds(message) {
            let times = said.entry((kind, view)).or_default();
            *times += 1;
            if *times > 1 {
                return Some(format!("a second {kind:?} of view {view} (rule 1)"));
            }
        }
        match &message.payload {
            Payload::Proposal(_) | Payload::Prepare { .. } | Payload::PreCommit { .. }
                if view < left =>
            {
                let kind = message.kind();
                return Some(format!(
                    "{kind:?} of view {view} after the ChangeView for {left} (rule 2)"
                ));
            }
            Payload::PreCommit { .. } => pre_committed = pre_committed.max(Some(view)),
            Payload::ChangeView(change) => {
                let claimed = change.claim.map(|claim| claim.view);
                if claimed < pre_committed {
                    return Some(format!(
                        "the ChangeView for {view} claims {claimed:?}, PreCommit was {pre_committed:?} (rule 7)"
                    ));
                }
                left = left.max(view);
            }
            Payload::Commit { hash } if node.decided != Some(*hash) => {
                return Some(format!("header signature of {hash} undecided (rule 6)"));
            }
            _ => {}
        }
    }
    node.accused
        .map(|who| format!("accuses the honest validator {who}"))
}

/// A Proposal contains a Prepare.
fn kinds(message: &Message) -> Vec<MessageKind> {
    match message.kind() {
        MessageKind::Proposal => vec![MessageKind::Proposal, MessageKind::Prepare],
        other => vec![other],
    }
}

/// What is wrong with a state.
pub(super) fn breach(locals: &Locals, state: &State) -> Option<String> {
    let [first, second, third] = state.map(|id| locals.local(id));
    together([first?, second?, third?])
}

/// In which views honest PreCommits can make a commit certificate.
pub(super) fn committed_views(locals: &Locals, state: &State) -> [bool; VIEWS] {
    let mut views = [false; VIEWS];
    for (view, slot) in views.iter_mut().enumerate() {
        let votes = state.iter().filter_map(|id| {
            let vote = locals
                .local(*id)?
                .facts
                .pre_commits
                .get(view)
                .copied()
                .flatten()?;
            Some(vote.hash)
        });
        let mut hashes: Vec<UInt256> = votes.collect();
        hashes.sort_unstable();
        *slot = hashes
            .windows(HONEST_PART)
            .any(|pair| pair.first() == pair.last());
    }
    views
}

/// What the honest validators of a state did together.
fn together(locals: [&Local; 3]) -> Option<String> {
    for local in locals {
        if let Some(breach) = &local.breach {
            return Some(format!("validator {}: {breach}", local.node.index()));
        }
    }
    let facts = locals.map(|local| &local.facts);
    disagreement(locals)
        .or_else(|| unfounded(facts))
        .or_else(|| displaced(facts))
}

/// Agreement: one block is decided, and one header signed, whoever and wherever.
fn disagreement(locals: [&Local; 3]) -> Option<String> {
    let decided = locals.iter().filter_map(|local| local.node.decided);
    let signed = locals.iter().filter_map(|local| local.facts.commit);
    let mut hashes: Vec<UInt256> = decided.chain(signed.map(|vote| vote.hash)).collect();
    hashes.sort_unstable();
    hashes.dedup();
    match hashes.as_slice() {
        [first, second, ..] => Some(format!("{first} and {second} are decided")),
        _ => None,
    }
}

fn supporters(facts: [&Facts; 3], fits: impl Fn(&Facts) -> bool) -> usize {
    facts.into_iter().filter(|facts| fits(facts)).count()
}

/// A PreCommit needs M Prepares of its view on its block, a header signature M PreCommits of one view; f of
/// them may be Byzantine.
fn unfounded(facts: [&Facts; 3]) -> Option<String> {
    let on = |vote: Option<super::locals::Vote>, hash: UInt256| {
        vote.is_some_and(|vote| vote.hash == hash)
    };
    for own in facts {
        for view in 0..VIEWS {
            let Some(vote) = own.pre_commits.get(view).copied().flatten() else {
                continue;
            };
            let prepared =
                |facts: &Facts| on(facts.prepares.get(view).copied().flatten(), vote.hash);
            if supporters(facts, prepared) < HONEST_PART {
                return Some(format!(
                    "PreCommit of view {view} without a prepared certificate"
                ));
            }
        }
        let Some(commit) = own.commit else { continue };
        let decided = (0..VIEWS).any(|view| {
            let fits =
                |facts: &Facts| on(facts.pre_commits.get(view).copied().flatten(), commit.hash);
            supporters(facts, fits) >= HONEST_PART
        });
        if !decided {
            return Some("a header signature without M PreCommits of one view (rule 6)".to_owned());
        }
    }
    None
}

/// The lemma of protocol section 6: once a commit certificate of view 0 can exist, no prepared certificate of
/// view 1 on another block can.
fn displaced(facts: [&Facts; 3]) -> Option<String> {
    for own in facts {
        let Some(first) = own.pre_commits.first().copied().flatten() else {
            continue;
        };
        let of = |vote: Option<super::locals::Vote>| vote.map(|vote| vote.hash);
        let committed =
            |facts: &Facts| of(facts.pre_commits.first().copied().flatten()) == Some(first.hash);
        if supporters(facts, committed) < HONEST_PART {
            continue;
        }
        let displacing = |facts: &Facts| {
            of(facts.prepares.get(1).copied().flatten()).is_some_and(|hash| hash != first.hash)
        };
        if supporters(facts, displacing) >= HONEST_PART {
            return Some(format!(
                "{} can be decided in view 0, and another block prepared in view 1",
                first.hash
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use neo_primitives::ValidatorIndex;

    use super::*;
    use crate::engine::Broken;
    use crate::engine::world::{STILL, World};

    /// What `alone` says of a validator that has sent these, in the view given.
    fn judge(said: impl Fn(&World) -> Vec<(u32, Payload)>) -> Option<String> {
        let world = World::new(4, ValidatorIndex(1)).expect("a set of four");
        let (node, _) = Node::start(&world, ValidatorIndex(2), STILL, Broken::default())
            .expect("a validator of the set");
        let votes = said(&world).into_iter().map(|(view, payload)| {
            world
                .say(View(view), payload)
                .expect("a validator of the set")
        });
        let votes: Vec<Message> = votes.collect();
        alone(&node, &votes.iter().collect::<Vec<_>>())
    }

    fn prepare(world: &World, variant: u8) -> Payload {
        Payload::Prepare {
            hash: world.block(ValidatorIndex(0), variant).hash(),
            justification: UInt256::ZERO,
        }
    }

    fn change_view(world: &World, to: u32) -> (u32, Payload) {
        let message = world.change_view(View(to), None, false);
        (to, message.expect("a validator of the set").payload)
    }

    #[test]
    fn an_orderly_height_is_no_breach() {
        let orderly = judge(|world| {
            let later = (1, prepare(world, 1));
            vec![
                (0, prepare(world, 0)),
                change_view(world, 1),
                later,
                change_view(world, 2),
            ]
        });
        assert_eq!(orderly, None);
    }

    #[test]
    fn each_rule_has_its_breach() {
        let hash = |world: &World| world.block(ValidatorIndex(0), 0).hash();
        let second = judge(|world| vec![(0, prepare(world, 0)), (0, prepare(world, 1))]);
        let left = judge(|world| vec![change_view(world, 1), (0, prepare(world, 0))]);
        let hidden = judge(|world| {
            let vote = Payload::PreCommit { hash: hash(world) };
            vec![(0, vote), change_view(world, 1)]
        });
        let early = judge(|world| vec![(0, Payload::Commit { hash: hash(world) })]);
        let breaches = [
            (second, "rule 1"),
            (left, "rule 2"),
            (hidden, "rule 7"),
            (early, "rule 6"),
        ];
        for (breach, rule) in breaches {
            let breach = breach.unwrap_or_default();
            assert!(breach.contains(rule), "{rule}: {breach}");
        }
    }
}

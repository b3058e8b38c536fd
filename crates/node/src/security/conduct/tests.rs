use neo_consensus::v3::message::RecoveryMessage;
use neo_primitives::{PrivateKey, Signature, UInt256};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// What the others do at a height; the defaults are honest.
#[derive(Clone)]
struct Behaviour {
    connected: bool,
    follows: bool,
    votes: bool,
    commit_after: Option<Duration>,
    /// Sent with every tenth of a second.
    extra: Vec<Message>,
    garbage: usize,
    forged: usize,
    fails_views: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            connected: true,
            follows: true,
            votes: true,
            commit_after: Some(Duration::from_millis(30)),
            extra: Vec::new(),
            garbage: 0,
            forged: 0,
            fails_views: false,
        }
    }
}

/// Validator 0 watches; time goes on in heights of a second.
struct World {
    keys: Vec<PublicKey>,
    conduct: Conduct,
    now: Duration,
    height: Height,
    changes: Vec<Change>,
}

fn message(height: Height, sender: usize, payload: Payload) -> Message {
    Message {
        height,
        view: View::ZERO,
        sender: ValidatorIndex(sender as u8),
        signature: Signature([0; 64]),
        payload,
    }
}

fn prepare(height: Height, sender: usize) -> Message {
    let payload = Payload::Prepare {
        hash: UInt256::ZERO,
        justification: UInt256::ZERO,
    };
    message(height, sender, payload)
}

fn commit(height: Height, sender: usize) -> Message {
    let hash = UInt256::ZERO;
    message(height, sender, Payload::Commit { hash })
}

impl World {
    fn new(validators: usize) -> Self {
        let mut keys: Vec<_> = (0..validators)
            .map(|_| PrivateKey::generate().public_key().clone())
            .collect();
        keys.sort();
        Self {
            conduct: Conduct::new(keys.clone(), keys.first()),
            keys,
            now: SECOND,
            height: Height(100),
            changes: Vec::new(),
        }
    }

    /// One height; `behaviours` are those of validators 1 and up, the last one for all further.
    fn height(&mut self, behaviours: &[Behaviour]) {
        let honest = Behaviour::default();
        let of = |at: usize| behaviours.get(at - 1).unwrap_or(&honest).clone();
        let all: Vec<_> = (1..self.keys.len()).map(|at| (at, of(at))).collect();
        let height = self.height;
        for (at, behaviour) in &all {
            let round_trip = behaviour.connected.then_some(Duration::from_millis(5));
            self.conduct
                .connected(self.now, &self.keys[*at], round_trip);
        }
        self.conduct.opened(self.now, height);
        let leader = height.0 as usize % self.keys.len();
        let index = |at: usize| ValidatorIndex((at % self.keys.len()) as u8);
        self.conduct.leads(height, View(0), index(leader));
        self.conduct.leads(height, View(1), index(leader + 1));
        let spoils = all.iter().any(|(at, of)| *at == leader && of.fails_views);
        if spoils {
            self.conduct.view_entered(height, View(1));
        }
        let mut late = Vec::new();
        for (at, behaviour) in &all {
            if behaviour.votes {
                let vote = prepare(height, *at);
                self.conduct
                    .received(self.now, &self.keys[*at], &vote, false);
            }
            if let Some(after) = behaviour.commit_after {
                late.push((after, *at));
            }
        }
        let decided = self.now;
        let view = View(u32::from(spoils));
        self.conduct.decided(decided, height, view);
        for step in 0..10 {
            let now = decided + step * TICK;
            self.now = now;
            for (after, at) in late.extract_if(.., |(after, _)| decided + *after <= now + TICK) {
                let vote = commit(height, at);
                self.conduct
                    .received(decided + after, &self.keys[at], &vote, false);
            }
            if step == 1 {
                self.conduct.stored(now, height);
                for (at, behaviour) in &all {
                    if behaviour.follows && behaviour.connected {
                        self.conduct.status(now, &self.keys[*at], height);
                    }
                }
            }
            for (at, behaviour) in &all {
                let key = &self.keys[*at];
                for extra in &behaviour.extra {
                    self.conduct.received(now, key, extra, false);
                }
                for _ in 0..behaviour.garbage {
                    self.conduct.undecodable(now, key, false);
                }
                self.conduct.refused(now, key, behaviour.forged, false);
            }
        }
        self.now = decided + SECOND;
        self.height = height.next();
        self.changes.extend(self.conduct.tick(self.now));
    }

    fn heights(&mut self, count: u32, behaviours: &[Behaviour]) {
        (0..count).for_each(|_| self.height(behaviours));
    }

    fn findings(&self) -> Vec<(u8, Fault)> {
        let findings = self.conduct.findings().into_iter();
        findings.map(|(index, fault)| (index.0, fault)).collect()
    }
}

/// Twenty seconds of one validator's behaviour name it, and it alone; a minute of good behaviour ends it.
fn names(behaviour: Behaviour, fault: Fault) {
    names_within(20, behaviour, fault);
}

fn names_within(heights: u32, behaviour: Behaviour, fault: Fault) {
    for validators in [4, 7] {
        let mut world = World::new(validators);
        world.heights(heights, std::slice::from_ref(&behaviour));
        assert_eq!(world.findings(), [(1, fault)], "of {validators}");
        let change = &world.changes[0];
        assert_eq!(
            (change.validator, change.fault, change.active),
            (ValidatorIndex(1), fault, true)
        );
        assert_eq!(change.key, world.keys[1]);
        assert!(!change.detail.is_empty());
        world.heights(60, &[]);
        assert_eq!(world.findings(), []);
        assert_eq!(world.changes.len(), 2, "{:?}", world.changes);
        assert!(!world.changes[1].active);
    }
}

fn with(change: impl FnOnce(&mut Behaviour)) -> Behaviour {
    let mut behaviour = Behaviour::default();
    change(&mut behaviour);
    behaviour
}

#[test]
fn honest_validators_are_never_named() {
    for validators in [1, 4, 7, 21] {
        let mut world = World::new(validators);
        world.heights(100, &[]);
        assert_eq!(world.changes, []);
        for standing in world.conduct.standings() {
            assert_eq!((standing.score, standing.totals.missing), (100, 0));
            assert!(standing.totals.in_time >= 95, "{standing:?}");
        }
    }
}

#[test]
fn a_crashed_validator_is_unresponsive_and_nothing_else() {
    names(
        with(|it| {
            it.connected = false;
            it.follows = false;
            it.votes = false;
            it.commit_after = None;
            it.fails_views = true;
        }),
        Fault::Unresponsive,
    );
}

#[test]
fn one_that_catches_up_is_behind_and_nothing_else() {
    names(
        with(|it| {
            it.follows = false;
            it.votes = false;
            it.commit_after = None;
        }),
        Fault::FallsBehind,
    );
}

#[test]
fn withheld_votes_and_withheld_header_signatures_are_told_apart() {
    names(
        with(|it| {
            it.votes = false;
            it.commit_after = None;
        }),
        Fault::WithholdsVotes,
    );
    names(with(|it| it.commit_after = None), Fault::WithholdsCommits);
}

#[test]
fn late_votes_are_found_by_their_distance_from_the_others() {
    let late = with(|it| it.commit_after = Some(Duration::from_millis(850)));
    names(late.clone(), Fault::VotesLate);
    // Where all are late, the network or this node is.
    let mut world = World::new(4);
    world.heights(40, &[late.clone(), late.clone(), late]);
    assert_eq!(world.changes, []);
}

#[test]
fn a_leader_whose_views_fail_is_named_and_not_those_of_single_bad_views() {
    names_within(40, with(|it| it.fails_views = true), Fault::FailsToLead);
    let mut world = World::new(4);
    let spoils = with(|it| it.fails_views = true);
    for round in 0..10 {
        let behaviours: Vec<_> = (1..4)
            .map(|at| match round % 5 == at {
                true => spoils.clone(),
                false => Behaviour::default(),
            })
            .collect();
        world.heights(4, &behaviours);
    }
    assert_eq!(world.changes, []);
}

#[test]
fn garbage_and_invalid_signatures_name_their_sender() {
    names(with(|it| it.garbage = 1), Fault::SendsGarbage);
    names(with(|it| it.forged = 1), Fault::SendsInvalidSignatures);
}

#[test]
fn what_is_relayed_is_not_held_against_the_relaying_validator() {
    let mut world = World::new(4);
    let key = world.keys[2].clone();
    for _ in 0..1_000 {
        world.conduct.undecodable(world.now, &key, true);
        world.conduct.refused(world.now, &key, 3, true);
        let far = commit(Height(9_999), 2);
        world.conduct.received(world.now, &key, &far, true);
    }
    world.heights(5, &[]);
    assert_eq!(world.changes, []);
}

#[test]
fn messages_of_heights_that_do_not_exist_are_a_flood_unless_this_node_is_behind() {
    names(
        with(|it| it.extra = vec![commit(Height(5_000), 1); 2]),
        Fault::FloodsFuture,
    );
    // All others are at height 5,000 and say so.
    let mut world = World::new(4);
    let ahead: Vec<_> = (1..4)
        .map(|at| with(|it| it.extra = vec![commit(Height(5_000), at); 2]))
        .collect();
    for at in 1..4 {
        let key = world.keys[at].clone();
        world.conduct.status(world.now, &key, Height(4_999));
    }
    world.heights(20, &ahead);
    assert_eq!(world.changes, []);
}

#[test]
fn old_messages_of_an_up_to_date_validator_are_replays_and_those_of_a_laggard_are_not() {
    let replays = with(|it| it.extra = vec![prepare(Height(96), 3)]);
    names(replays.clone(), Fault::Replays);
    // It says itself that it is behind.
    let mut world = World::new(4);
    let lags = with(|it| {
        it.follows = false;
        it.extra = vec![prepare(Height(96), 1)];
    });
    world.heights(20, &[lags]);
    assert_eq!(world.findings(), []);
    // Old messages of all are a backlog of this node.
    let mut world = World::new(4);
    world.heights(20, &[replays.clone(), replays.clone(), replays]);
    assert_eq!(world.changes, []);
}

#[test]
fn answers_speak_of_the_height_of_who_asked() {
    let answer = RecoveryMessage {
        nonce: 0,
        stored: Height(100),
        view_change: None,
        prepared: None,
        decision: None,
        messages: vec![commit(Height(96), 2)],
    };
    let answer = Payload::RecoveryMessage(std::sync::Arc::new(answer));
    let mut world = World::new(4);
    let behaviour = with(|it| it.extra = vec![message(Height(96), 1, answer); 3]);
    world.heights(20, &[behaviour]);
    assert_eq!(world.changes, []);
}

#[test]
fn a_header_signature_that_another_forwards_counts() {
    let mut world = World::new(4);
    for _ in 0..20 {
        let forwarded = RecoveryMessage {
            nonce: 0,
            stored: world.height,
            view_change: None,
            prepared: None,
            decision: None,
            messages: vec![commit(world.height, 1)],
        };
        let payload = Payload::RecoveryMessage(std::sync::Arc::new(forwarded));
        let forwarded = message(world.height, 2, payload);
        let silent = with(|it| {
            it.votes = false;
            it.commit_after = None;
        });
        let forwards = with(|it| it.extra = vec![forwarded]);
        world.height(&[silent, forwards]);
    }
    assert_eq!(world.changes, []);
}

#[test]
fn many_times_the_messages_of_the_others_are_a_flood() {
    let mut world = World::new(4);
    let noisy = with(|it| it.extra = vec![prepare(Height(1), 1); 100]);
    // Heights below what is watched, of a validator whose status is not known: only their number counts.
    world.heights(20, &[with(|it| it.follows = false), noisy]);
    let found: Vec<_> = world.findings();
    assert!(found.contains(&(2, Fault::Floods)), "{found:?}");
    assert!(!found.iter().any(|(at, _)| *at == 3), "{found:?}");
}

#[test]
fn a_proof_is_a_finding_at_once_and_for_long() {
    let mut world = World::new(4);
    world.conduct.convicted(world.now, &world.keys[3]);
    let nobody = PrivateKey::generate().public_key().clone();
    world.conduct.convicted(world.now, &nobody);
    world.heights(120, &[]);
    assert_eq!(world.findings(), [(3, Fault::Equivocates)]);
    let standings = world.conduct.standings();
    assert_eq!(standings[2].score, 75);
    world.now += 3_600 * SECOND;
    world.heights(1, &[]);
    assert_eq!(world.findings(), []);
}

#[test]
fn refused_blocks_name_who_led() {
    let mut world = World::new(4);
    for _ in 0..12 {
        let leader = world.height.0 % 4;
        world.height(&[]);
        if leader == 2 {
            world.conduct.opened(world.now, world.height);
            world
                .conduct
                .leads(world.height, View(0), ValidatorIndex(2));
            world.conduct.block_refused(world.now, world.height);
        }
    }
    world.heights(1, &[]);
    assert_eq!(world.findings(), [(2, Fault::ProposesInvalidBlocks)]);
}

#[test]
fn what_synchronisation_brings_accuses_nobody_and_memory_is_bounded() {
    let mut world = World::new(4);
    for height in 0..10_000 {
        world.conduct.opened(world.now, Height(height));
        for view in 0..100 {
            world
                .conduct
                .leads(Height(height), View(view), ValidatorIndex(1));
        }
    }
    assert_eq!(world.conduct.heights.len(), MAX_HEIGHTS);
    world.conduct.stored(world.now, Height(10_000));
    world.now += 10 * SECOND;
    assert_eq!(world.conduct.tick(world.now), []);
    assert!(world.conduct.heights.is_empty());
    assert_eq!(world.conduct.standings()[0].totals.missing, 0);
}

#[test]
fn after_an_election_everybody_answers_for_itself() {
    let mut world = World::new(6);
    let all = world.keys.clone();
    // The places of those in office among all six.
    let elect = |world: &mut World, places: [usize; 4]| {
        world.keys = places.map(|place| all[place].clone()).to_vec();
        let (height, keys) = (world.height, world.keys.clone());
        world.conduct.elected(height, keys)
    };
    assert_eq!(elect(&mut world, [0, 1, 2, 3]), []);
    let (good, silent) = (
        Behaviour::default(),
        with(|it| {
            it.votes = false;
            it.commit_after = None;
        }),
    );
    world.heights(20, &[good.clone(), silent.clone()]);
    assert_eq!(world.findings(), [(2, Fault::WithholdsVotes)]);
    let judged = world.conduct.standings()[2].totals.in_time;
    assert!(judged > 10, "{judged}");
    // Who is accused gets another index, and stays accused; who stays keeps what is known of it.
    world.changes.clear();
    let before = world.height;
    assert_eq!(elect(&mut world, [0, 2, 3, 4]), []);
    assert_eq!(world.findings(), [(1, Fault::WithholdsVotes)]);
    let standings = world.conduct.standings();
    assert_eq!(standings[1].publickey, all[3]);
    assert_eq!(standings[1].totals.in_time, judged);
    assert_eq!(standings[2].totals.in_time, 0, "it is new");
    let index = |height, key| world.conduct.index_at(height, key);
    assert_eq!(index(before, &all[4]), Some(ValidatorIndex(3)));
    assert_eq!(index(before, &all[1]), None, "it has left");
    let earlier = before.previous().unwrap();
    assert_eq!(index(earlier, &all[2]), None, "it had another index");
    // What the new one does is laid at no other door.
    world.heights(70, &[good.clone(), good.clone(), silent]);
    assert_eq!(world.findings(), [(3, Fault::WithholdsVotes)]);
    assert_eq!(world.changes.last().map(|it| &it.key), Some(&all[2]));
    // The finding ends with its office.
    let ended = elect(&mut world, [0, 1, 2, 3]);
    assert_eq!(ended.len(), 1);
    assert_eq!((&ended[0].key, ended[0].active), (&all[4], false));
    assert_eq!(world.findings(), []);
    world.heights(20, &[]);
    assert_eq!(world.findings(), []);
    // A node that leaves office itself watches all of them.
    elect(&mut world, [1, 2, 3, 4]);
    assert_eq!(world.conduct.standings().len(), 4);
}

//! The committee is refreshed and the validators with it: twice with everybody there, and once more while one of those
//! who stay is down.

use std::collections::BTreeSet;

use neo_primitives::{PrivateKey, PublicKey, consensus_address};
use serde_json::{Value, json};

use crate::chain::{self, Poll, Seen};
use crate::common::rpc::Client;
use crate::common::{Node, eventually};
use crate::deeds::Deeds;
use crate::election::Election;
use crate::network::{MAGIC, Network, Plan, Software};

/// NEO of each account: seven have no more than there is, four of them more than a fifth of it.
const STAKE: u64 = 14_000_000;
const VALIDATORS: usize = 4;

/// Keys in Neo's order, so that the places of those who stay shift with those who come and go.
struct Cast {
    keys: Vec<PrivateKey>,
}

impl Cast {
    fn new(people: usize) -> Self {
        let mut keys: Vec<_> = (0..people).map(|_| PrivateKey::generate()).collect();
        keys.sort_by(|one, other| one.public_key().cmp(other.public_key()));
        Self { keys }
    }

    /// The places of a, b, c, d, e and f; who is behind them is a candidate without a node.
    const PLACES: [usize; 6] = [1, 3, 4, 5, 0, 2];

    fn named(&self, names: &str) -> Vec<PrivateKey> {
        let place = |name: u8| Self::PLACES[usize::from(name - b'a')];
        let key = |name| self.keys[place(name)].clone();
        names.bytes().map(key).collect()
    }

    fn public(&self, names: &str) -> Vec<PublicKey> {
        let keys = self.named(names);
        keys.iter().map(|key| key.public_key().clone()).collect()
    }

    fn others(&self) -> &[PrivateKey] {
        &self.keys[Self::PLACES.len()..]
    }
}

#[test]
fn refreshed_validators_of_dbft_2_are_ours_and_neo_go() {
    use Software::{NeoGo, Ours};
    // One of neo-go makes room for one of neo-go, one of ours for one of ours.
    validators_change_twice(2, 4, [Ours, NeoGo, Ours, NeoGo, NeoGo, Ours]);
}

#[test]
fn refreshed_validators_of_dbft_3_are_all_ours() {
    validators_change_twice(3, 7, [Software::Ours; 6]);
}

/// {a,b,c,d}, {a,b,c,e}, {a,b,e,f}, and, with f down, {c,d,e,f}: half of them change, those who had left come back.
fn validators_change_twice(protocol: u32, committee: usize, software: [Software; 6]) {
    let cast = Cast::new(committee.max(6));
    let mut standby = cast.public("abcdef");
    standby.extend(cast.others().iter().map(|key| key.public_key().clone()));
    standby.truncate(committee);
    let members: Vec<_> = cast.named("abcdef").into_iter().zip(software).collect();
    let mut network = Network::start(&Plan {
        protocol,
        committee: standby.clone(),
        validators: VALIDATORS,
        members: &members,
    });
    let neo_rpc = network.members[0].neo_rpc;
    let poll = Poll::start(neo_rpc);
    let mut deeds = Deeds::new(MAGIC, cast.named("abcd"));
    eventually("blocks", || (network.height()? >= 2).then_some(()));
    deeds.fund(&network, &cast.keys, STAKE);
    deeds.register(&network, &cast.keys);
    let vote = |network: &Network, deeds: &mut Deeds, voters: &str, candidates: &str| {
        let voters = cast.named(voters);
        let candidates = cast.public(candidates);
        let votes: Vec<_> = voters.iter().zip(&candidates).collect();
        deeds.vote(network, &votes);
    };
    vote(&network, &mut deeds, "abce", "abce");
    let first = in_office(&network, &cast.public("abce"));
    vote(&network, &mut deeds, "c", "f");
    let second = in_office(&network, &cast.public("abef"));
    ours(&mut network, F).kill();
    vote(&network, &mut deeds, "ab", "cd");
    // Three of four go on: one who stays and the two who come back.
    let changed = consensus_address(&cast.public("cdef")).to_address();
    let tip = eventually("the validators change", || {
        let header = neo_rpc.call("getblockcount", &json!([])).ok()?.as_u64()? - 1;
        let block = neo_rpc
            .call("getblockheader", &json!([header, true]))
            .ok()?;
        (block["nextconsensus"] == json!(changed)).then_some(header)
    });
    eventually("blocks of the new validators", || {
        let count = neo_rpc.call("getblockcount", &json!([])).ok()?.as_u64()?;
        (count > tip + 2).then_some(())
    });
    ours(&mut network, F).start();
    ours(&mut network, F).wait_until_up();
    in_office(&network, &cast.public("cdef"));
    let all = cast.public("abcdef");
    let ours = network.members.iter().zip(&all);
    for (node, key) in ours.filter_map(|(member, key)| Some((member.ours.as_ref()?, key))) {
        eventually("it has the committee of neo-go", || {
            let committee = |client: Client| client.call("getcommittee", &json!([])).ok();
            (committee(node.rpc)? == committee(neo_rpc)?).then_some(())
        });
        let mut office = cast.public("cdef");
        office.sort();
        knows_who_is_in_office(protocol, node, key, &office);
    }

    let tip = network.height().unwrap();
    let blocks: Vec<Seen> = (1..=tip)
        .map(|height| chain::block(neo_rpc, MAGIC, height))
        .collect();
    let refreshes = judge(&blocks, &deeds, &poll, Election::new(&standby, VALIDATORS));
    for node in network.all() {
        for block in &blocks {
            let hash = node.call("getblockhash", &json!([block.height])).unwrap();
            assert_eq!(hash, json!(block.hash), "height {}", block.height);
        }
    }
    // Votes that do not all come before one refresh may elect others in between.
    let mut later = refreshes.iter();
    let named = ["abce", "abef", "cdef"].map(|names| {
        let mut keys = cast.public(names);
        keys.sort();
        let (height, _) = later.find(|(_, set)| *set == keys).unwrap();
        *height
    });
    for (named, complete) in named.into_iter().zip([first, second]) {
        tell_gap(protocol, &blocks, named, complete);
    }
}

/// The place of f among the members.
const F: usize = 5;

/// The node of ours of a member that has one.
fn ours(network: &mut Network, member: usize) -> &mut Node {
    network.members[member].ours.as_mut().unwrap()
}

/// Waits until these are the validators and each of them has led and signed. Gives the height at which the last one had.
fn in_office(network: &Network, validators: &[PublicKey]) -> u32 {
    let node = network.members[0].neo_rpc;
    let wanted: BTreeSet<_> = validators.iter().cloned().collect();
    let (mut led, mut signed) = (BTreeSet::new(), BTreeSet::new());
    let mut next = network.height().unwrap();
    eventually("all who were elected have led and signed", || {
        if network.height()? >= next {
            let block = chain::block(node, MAGIC, next);
            next += 1;
            if block.validators.iter().cloned().collect::<BTreeSet<_>>() == wanted {
                led.insert(block.validators[block.primary].clone());
                signed.extend(block.signers);
            }
        }
        (led == wanted && signed == wanted).then_some(next - 1)
    })
}

/// The node of this key says who is in office and which of them it is itself, and holds nothing against anybody, but
/// that one was down.
fn knows_who_is_in_office(protocol: u32, node: &Node, own: &PublicKey, office: &[PublicKey]) {
    let keys = |list: &Value| -> Vec<Value> {
        let list = list.as_array().into_iter().flatten();
        list.map(|one| one["publickey"].clone()).collect()
    };
    let place = office.iter().position(|key| key == own);
    // Between two heights none is open.
    let state = eventually("a height is open", || {
        node.state().filter(|state| !state["validators"].is_null())
    });
    let all: Vec<Value> = office.iter().map(|key| json!(key)).collect();
    assert_eq!(keys(&state["validators"]), all, "{state}");
    assert_eq!(state["ownindex"], json!(place), "{state}");
    assert_eq!(state["reputation"], json!([]), "{state}");
    if protocol == 3 {
        let others: Vec<Value> = all.into_iter().filter(|key| *key != json!(own)).collect();
        assert_eq!(keys(&state["standings"]), others, "{state}");
        for one in state["standings"].as_array().unwrap() {
            let findings = one["findings"].as_array().unwrap().iter();
            let mut others = findings.filter(|fault| **fault != json!("unresponsive"));
            assert_eq!(others.next(), None, "{state}");
        }
    }
}

/// Each block names and is signed by whom the election gives; what neo-go says of it agrees. Gives the heights at which
/// the validators changed, with whom they changed to.
fn judge(
    blocks: &[Seen],
    deeds: &Deeds,
    poll: &Poll,
    mut election: Election,
) -> Vec<(u32, Vec<PublicKey>)> {
    let told = poll.seen();
    let mut refreshes = Vec::new();
    // Since the last change; its term has blocks enough for that.
    let mut asked = false;
    for block in blocks {
        let height = block.height;
        let before = election.validators();
        if election.is_due(height) {
            election.elect();
        }
        let after = election.validators();
        assert_eq!(block.validators, before, "who signed block {height}");
        assert_eq!(block.signers.len(), 3, "block {height}");
        let named = consensus_address(&after);
        assert_eq!(block.next_consensus, named, "NextConsensus of {height}");
        if before != after {
            assert!(asked, "neo-go was asked in the term before {height}");
            asked = false;
            refreshes.push((height, after.clone()));
        }
        if let Some(told) = told.get(&height) {
            asked = true;
            assert_eq!(told.validators, after, "neo-go at {height}");
            assert_eq!(told.committee, election.committee(), "neo-go at {height}");
        }
        for transaction in &block.transactions {
            let done = deeds.of(transaction).iter();
            done.for_each(|deed| election.apply(deed));
        }
    }
    assert!(asked, "neo-go was asked in the last term");
    refreshes
}

/// Prints the longest time between two blocks, from their timestamps: from the block that names new validators until
/// each of them has led and signed. `DBFT_LONGEST_GAP_MS` makes it an error if one is longer.
fn tell_gap(protocol: u32, blocks: &[Seen], named: u32, complete: u32) {
    let around = blocks.windows(2).filter_map(|pair| match pair {
        [below, block] if (named..=complete).contains(&block.height) => {
            Some((block.time - below.time, block.height))
        }
        _ => None,
    });
    let (gap, at) = around.max().unwrap();
    println!(
        "dBFT {protocol}: block {named} names new validators, by block {complete} all have led and signed; longest gap {gap} ms, before block {at}"
    );
    if let Ok(limit) = std::env::var("DBFT_LONGEST_GAP_MS") {
        let limit: u64 = limit.parse().unwrap();
        assert!(
            gap <= limit,
            "{gap} ms before block {at}, allowed are {limit}"
        );
    }
}

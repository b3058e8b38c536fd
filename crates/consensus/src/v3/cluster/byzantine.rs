//! Validators that lie. Their messages are made here; no engine would.

use std::sync::Arc;

use neo_primitives::{BlockBody, Height, UInt256, ValidatorIndex};

use super::ledger::MAGIC;
use super::toys::ToySigner;
use super::{Cluster, Config, ms};
use crate::engine::{LedgerAction, LedgerEvent, Notice, Recipient};
use crate::v3::certificate::{PreparedClaim, Signatures, ViewChangeCertificate};
use crate::v3::context::{HeightContext, MessageKind};
use crate::v3::message::{
    ChangeView, ChangeViewReason, Draft, Message, Payload, Proposal, RecoveryMessage, short_id,
};
use crate::validators::View;

impl Cluster {
    pub(super) fn context(&self, height: u32) -> Arc<HeightContext> {
        let before = self
            .up()
            .into_iter()
            .find(|node| self.stored(*node) + 1 >= height);
        Arc::new(HeightContext {
            magic: MAGIC,
            height: Height(height),
            prev_hash: self.block(before.expect("the height before is stored"), height - 1),
            validators: self.oracle.validators(Height(height)),
        })
    }

    /// A message with a valid signature of a node.
    pub(super) fn forge(&self, node: usize, height: u32, view: u32, payload: Payload) -> Message {
        let context = self.context(height);
        let key = self.nodes[node].key.clone();
        let index = context.validators.index_of(&key).expect("a validator");
        Draft::new(&context, index, View(view), payload).sign(&ToySigner(key))
    }

    pub(super) fn forge_change_view(&self, node: usize, height: u32, view: u32) -> Message {
        let change = ChangeView {
            claim: None,
            prepared: None,
            reason: ChangeViewReason::Timeout,
        };
        self.forge(node, height, view, Payload::ChangeView(Arc::new(change)))
    }

    /// A block that the ledger of a node accepts, if one has its parent.
    pub(super) fn try_candidate(
        &mut self,
        node: usize,
        height: u32,
        nonce: u64,
    ) -> Option<Arc<BlockBody>> {
        let parent = self.context(height).prev_hash;
        let timestamp = 1_700_000_002_000 + u64::from(height) * 1000;
        let primary = ValidatorIndex(u8::try_from(node).unwrap());
        let build = LedgerAction::Build {
            max_transactions: u32::MAX,
            parent,
            primary,
            timestamp,
            nonce,
        };
        for node in self.up() {
            if let Some(LedgerEvent::Built(body)) = self.nodes[node].ledger.request(build.clone()) {
                return Some(body);
            }
        }
        None
    }

    fn candidate(&mut self, node: usize, height: u32, nonce: u64) -> Arc<BlockBody> {
        self.try_candidate(node, height, nonce).expect("a block")
    }

    pub(super) fn forge_proposal(
        &self,
        node: usize,
        view: u32,
        body: &BlockBody,
        justification: Option<ViewChangeCertificate>,
    ) -> Message {
        let hash = body.hash();
        let proposal = Proposal {
            header: body.header,
            transactions: body
                .transactions
                .iter()
                .map(|tx| short_id(&hash, &tx.hash()))
                .collect(),
            justification,
            parent: None,
            prepare: neo_primitives::Signature([0; 64]),
        };
        self.forge(
            node,
            body.header.index.0,
            view,
            Payload::Proposal(Arc::new(proposal)),
        )
    }

    /// TC of a view, of the ChangeViews that were sent.
    fn certificate(&self, height: u32, view: u32) -> Option<ViewChangeCertificate> {
        self.sent
            .iter()
            .find_map(|sent| match &sent.message.payload {
                Payload::RecoveryMessage(recovery) if sent.message.height.0 == height => recovery
                    .view_change
                    .clone()
                    .filter(|held| held.view.0 == view),
                _ => None,
            })
    }

    pub(super) fn asked_because(&self, why: &str) -> usize {
        self.noticed(|n| matches!(n, Notice::ViewChangeAsked { reason, .. } if *reason == why))
    }
}

/// Node 1 leads view 0 of height 1 and is ours.
fn with_puppet(validators: usize, puppet: usize, seed: u64) -> Cluster {
    let mut cluster = Cluster::asleep(Config::of(validators), seed);
    cluster.oracle.byzantine.insert(puppet);
    (0..validators)
        .filter(|node| *node != puppet)
        .for_each(|node| cluster.boot(node));
    cluster.run(ms(150));
    cluster
}

fn to(cluster: &Cluster, node: usize) -> Recipient {
    Recipient::One(cluster.nodes[node].key.clone())
}

#[test]
fn an_equivocating_leader_is_convicted_and_left_at_once() {
    let mut cluster = with_puppet(4, 1, 1);
    let first = cluster.candidate(1, 1, 1);
    let second = cluster.candidate(1, 1, 2);
    for body in [&first, &second] {
        let proposal = cluster.forge_proposal(1, 0, body, None);
        cluster.send(1, Recipient::All, proposal, false);
    }
    cluster.until_all_stored(1, ms(1100));
    assert!(cluster.asked_because("the leader equivocated") > 0);
    let proof = &cluster.evidence.first().expect("evidence").1;
    assert_eq!(
        (proof.culprit(), proof.kind()),
        (ValidatorIndex(1), MessageKind::Proposal)
    );
}

#[test]
fn different_proposals_to_different_validators_do_not_fork() {
    let mut cluster = with_puppet(4, 1, 2);
    let first = cluster.candidate(1, 1, 1);
    let second = cluster.candidate(1, 1, 2);
    for (node, body) in [(0, &first), (2, &first), (3, &second)] {
        let proposal = cluster.forge_proposal(1, 0, body, None);
        let to = to(&cluster, node);
        cluster.send(1, to, proposal, false);
    }
    // Both halves get the leader's votes as well.
    for (node, body) in [(0, &first), (2, &first), (3, &second)] {
        let payload = Payload::PreCommit { hash: body.hash() };
        let vote = cluster.forge(1, 1, 0, payload);
        let to = to(&cluster, node);
        cluster.send(1, to, vote, false);
    }
    cluster.until_all_stored(3, ms(8000));
}

#[test]
fn others_join_a_minority_after_half_of_their_timer() {
    // Nodes 0, 2 and 3 see two proposals; nodes 4, 5 and 6 see none and would wait for two seconds.
    let mut cluster = with_puppet(7, 1, 11);
    let bodies = [cluster.candidate(1, 1, 1), cluster.candidate(1, 1, 2)];
    for node in [0, 2, 3] {
        for body in &bodies {
            let proposal = cluster.forge_proposal(1, 0, body, None);
            let to = to(&cluster, node);
            cluster.send(1, to, proposal, false);
        }
    }
    cluster.filter = Some(Box::new(|_, _, message| {
        // Nobody shows the others what it saw.
        !(message.view.0 == 0 && message.kind() == MessageKind::RecoveryMessage)
    }));
    cluster.run(ms(800));
    assert_eq!(cluster.asked_because("joined others"), 0);
    cluster.until_all_stored(1, ms(500));
    assert_eq!(cluster.asked_because("timeout"), 0);
    assert!(cluster.asked_because("joined others") > 0);
}

#[test]
fn a_proposal_without_its_certificate_is_refused_at_once() {
    // Node 2 leads view 1 of height 1.
    let mut cluster = Cluster::asleep(Config::of(4), 3);
    cluster.oracle.byzantine.insert(2);
    [0, 1, 3].into_iter().for_each(|node| cluster.boot(node));
    cluster.filter = Some(Box::new(|_, _, message| {
        message.view.0 > 0
            || !matches!(
                message.kind(),
                MessageKind::Proposal | MessageKind::RecoveryMessage
            )
    }));
    cluster.run(ms(100));
    let vote = cluster.forge_change_view(2, 1, 1);
    cluster.send(2, Recipient::All, vote, false);
    cluster.until(ms(2250), "view 1", |cluster| cluster.view(0, 1) == Some(1));
    let body = cluster.candidate(2, 1, 9);
    let proposal = cluster.forge_proposal(2, 1, &body, None);
    cluster.send(2, Recipient::All, proposal, false);
    let began = cluster.now;
    cluster.until_all_stored(1, ms(400));
    assert!(cluster.now - began < ms(400));
    assert!(cluster.asked_because("invalid proposal") > 0);
}

#[test]
fn a_proposal_that_ignores_the_greatest_claim_is_refused_at_once() {
    // All hold PC(0, H), nobody decides: view 1 must propose H again.
    let mut cluster = Cluster::start(Config::of(4), 4);
    cluster.filter = Some(Box::new(|from, _, message| {
        let recovers = matches!(message.kind(), MessageKind::RecoveryMessage);
        message.kind() != MessageKind::PreCommit
            && !(recovers && message.view.0 == 0)
            && !(from == 2
                && message.view.0 == 1
                && message.kind() == MessageKind::Proposal
                && message.signature.0[0] == 0)
    }));
    cluster.until(ms(1500), "prepared", |cluster| {
        cluster
            .sent
            .iter()
            .filter(|s| s.message.kind() == MessageKind::PreCommit)
            .count()
            == 4
    });
    let prepared = cluster
        .sent
        .iter()
        .find_map(|sent| sent.message.block())
        .unwrap();
    cluster.crash(2);
    cluster.oracle.byzantine.insert(2);
    cluster.until(ms(3000), "a TC of view 1", |cluster| {
        cluster.certificate(1, 1).is_some()
    });
    cluster.filter = None;
    let certificate = cluster.certificate(1, 1);
    let body = cluster.candidate(2, 1, 77);
    let proposal = cluster.forge_proposal(2, 1, &body, certificate);
    cluster.send(2, Recipient::All, proposal, false);
    cluster.until_all_stored(1, ms(500));
    assert!(cluster.asked_because("invalid proposal") > 0);
    assert_eq!(cluster.block(0, 1), prepared);
}

#[test]
fn a_header_that_names_another_leader_is_refused_at_once() {
    let mut cluster = with_puppet(4, 1, 5);
    let body = cluster.candidate(3, 1, 1);
    let proposal = cluster.forge_proposal(1, 0, &body, None);
    cluster.send(1, Recipient::All, proposal, false);
    cluster.until_all_stored(1, ms(1100));
    assert_eq!(cluster.asked_because("timeout"), 0);
}

#[test]
fn a_relayed_proposal_with_other_transaction_ids_harms_nobody() {
    // The ids are not signed: whoever relays a proposal can change them.
    for ids in [0_usize, 1, 3, 5000] {
        let mut cluster = Cluster::start(Config::of(4), 6);
        cluster.oracle.byzantine.insert(3);
        cluster.filter = Some(Box::new(|from, to, message| {
            !(from == 1 && to == 0 && message.kind() == MessageKind::Proposal)
        }));
        cluster.until(ms(1500), "the proposal", |cluster| {
            cluster
                .sent
                .iter()
                .any(|sent| sent.message.kind() == MessageKind::Proposal)
        });
        cluster.crash(3);
        let sent = cluster
            .sent
            .iter()
            .find(|s| s.message.kind() == MessageKind::Proposal)
            .unwrap();
        let mut proposal = sent.message.clone();
        if let Payload::Proposal(inner) = &mut proposal.payload {
            Arc::make_mut(inner).transactions = vec![[7; 6]; ids];
        }
        let recovery = RecoveryMessage {
            nonce: 0,
            stored: Height(0),
            view_change: None,
            prepared: None,
            decision: None,
            messages: vec![proposal],
        };
        let relay = cluster.forge(3, 1, 0, Payload::RecoveryMessage(Arc::new(recovery)));
        let to = to(&cluster, 0);
        cluster.send(3, to, relay, false);
        // Node 0 is needed for the quorum.
        cluster.until_stored(&[0, 1, 2], 1, ms(950));
        assert_eq!(cluster.view_changes(), 0, "{ids} ids");
    }
}

#[test]
fn a_leader_whose_ids_do_not_fit_its_header_stops_nobody() {
    for ids in [0_usize, 3] {
        let mut cluster = with_puppet(4, 1, 7);
        (0..3).for_each(|_| cluster.submit());
        let body = cluster.candidate(1, 1, 1);
        assert!(!body.transactions.is_empty());
        let mut proposal = cluster.forge_proposal(1, 0, &body, None);
        if let Payload::Proposal(inner) = &mut proposal.payload {
            Arc::make_mut(inner).transactions = vec![[7; 6]; ids];
        }
        cluster.send(1, Recipient::All, proposal, false);
        let requests: usize = cluster.sequence() as usize;
        cluster.until_all_stored(1, ms(3000));
        assert!(
            cluster.sequence() as usize - requests < 3000,
            "no busy loop"
        );
    }
}

#[test]
fn conflicting_votes_are_evidence_and_counted_once() {
    let mut cluster = with_puppet(7, 3, 8);
    for block in [1, 2, 3, 3, 2] {
        let hash = UInt256::from_wire([block; 32]);
        for payload in [
            Payload::Prepare {
                hash,
                justification: UInt256::ZERO,
            },
            Payload::PreCommit { hash },
        ] {
            let vote = cluster.forge(3, 1, 0, payload);
            cluster.send(3, Recipient::All, vote, false);
        }
    }
    cluster.until_all_stored(2, ms(4000));
    let of_node_0: Vec<_> = cluster
        .evidence
        .iter()
        .filter(|(node, _)| *node == 0)
        .collect();
    let kinds: Vec<_> = of_node_0.iter().map(|(_, proof)| proof.kind()).collect();
    for kind in [MessageKind::Prepare, MessageKind::PreCommit] {
        let count = kinds.iter().filter(|k| **k == kind).count();
        assert_eq!(count, 1, "{kind:?} is reported once: {kinds:?}");
    }
}

#[test]
fn who_contradicts_itself_without_end_is_reported_a_bounded_number_of_times() {
    let mut cluster = with_puppet(7, 3, 8);
    let claimed = PreparedClaim {
        view: View(0),
        hash: UInt256::from_wire([5; 32]),
    };
    for view in 1..=100 {
        for claim in [None, Some(claimed)] {
            let change = ChangeView {
                claim,
                prepared: None,
                reason: ChangeViewReason::Timeout,
            };
            let vote = cluster.forge(3, 1, view, Payload::ChangeView(Arc::new(change)));
            cluster.send(3, Recipient::All, vote, false);
        }
    }
    cluster.until_all_stored(1, ms(4000));
    let proofs = cluster.evidence.iter().filter(|(node, _)| *node == 0);
    assert_eq!(proofs.count(), 32, "of 100 contradictions");
}

#[test]
fn a_minority_asking_for_far_views_moves_nobody() {
    let mut cluster = with_puppet(7, 3, 9);
    for view in [5, 1000, u32::MAX, 7] {
        let vote = cluster.forge_change_view(3, 1, view);
        cluster.send(3, Recipient::All, vote, false);
    }
    cluster.until_all_stored(2, ms(4000));
    assert_eq!(cluster.view_changes(), 0);
}

#[test]
fn forged_certificates_are_dropped() {
    let mut cluster = with_puppet(4, 3, 10);
    let hash = UInt256::from_wire([5; 32]);
    let signature = neo_primitives::Signature([1; 64]);
    let signatures = Signatures::new((0..3).map(|i| (ValidatorIndex(i), signature)).collect());
    let decision = crate::v3::certificate::Decision::HeaderSignatures {
        hash,
        signatures: Signatures::new((0..2).map(|i| (ValidatorIndex(i), signature)).collect()),
    };
    let prepared = crate::v3::certificate::PreparedCertificate {
        view: View(4),
        hash,
        justification: hash,
        signatures,
    };
    let recovery = RecoveryMessage {
        nonce: 0,
        stored: Height(0),
        view_change: None,
        prepared: Some(prepared),
        decision: Some(decision),
        messages: vec![],
    };
    let forged = cluster.forge(3, 1, 0, Payload::RecoveryMessage(Arc::new(recovery)));
    cluster.send(3, Recipient::All, forged, false);
    cluster.until_all_stored(1, ms(1500));
    assert_eq!(cluster.view_changes(), 0);
}

/// The first proposal of view 1 of height 1, and all that follows from it within `time`, while somebody
/// relays what `spoil` makes of it.
fn relay_spoiled(spoil: impl Fn(&mut ViewChangeCertificate), seed: u64) -> Cluster {
    let mut cluster = Cluster::start(Config::of(4), seed);
    // View 0 ends with a prepared block that nobody decides.
    cluster.filter = Some(Box::new(|_, _, message| {
        message.view.0 > 0
            || !matches!(
                message.kind(),
                MessageKind::PreCommit | MessageKind::RecoveryMessage
            )
    }));
    let proposal = |cluster: &Cluster| {
        let of_view_1 = |sent: &&super::Sent| {
            sent.message.kind() == MessageKind::Proposal && sent.message.view == View(1)
        };
        let sent = cluster.sent.iter().find(of_view_1);
        sent.map(|sent| sent.message.clone())
    };
    cluster.until(ms(4_000), "a proposal of view 1", |cluster| {
        proposal(cluster).is_some()
    });
    let mut message = proposal(&cluster).expect("it was sent");
    if let Payload::Proposal(inner) = &mut message.payload {
        spoil(
            Arc::make_mut(inner)
                .justification
                .as_mut()
                .expect("view 1 is justified"),
        );
    }
    let recovery = RecoveryMessage {
        nonce: 0,
        stored: Height(0),
        view_change: None,
        prepared: None,
        decision: None,
        messages: vec![message],
    };
    cluster.crash(3);
    cluster.oracle.byzantine.insert(3);
    let relay = cluster.forge(3, 1, 1, Payload::RecoveryMessage(Arc::new(recovery)));
    for _ in 0..3 {
        cluster.send(3, Recipient::All, relay.clone(), false);
    }
    cluster
}

#[test]
fn relaying_a_proposal_with_a_spoiled_justification_accuses_nobody() {
    // The signed hash J covers neither the certificate's view nor the justification inside its prepared
    // certificate: whoever relays a proposal can change both.
    let spoils: [fn(&mut ViewChangeCertificate); 2] = [
        |certificate| certificate.view = View(2),
        |certificate| {
            let prepared = certificate.prepared.as_mut().expect("view 0 is prepared");
            prepared.justification = UInt256::from_wire([3; 32]);
        },
    ];
    for (seed, spoil) in spoils.into_iter().enumerate() {
        let mut cluster = relay_spoiled(spoil, 20 + seed as u64);
        cluster.until_stored(&[0, 1, 2], 1, ms(2_000));
        assert_eq!(cluster.asked_because("invalid proposal"), 0);
        assert!(cluster.evidence.is_empty(), "{:?}", cluster.evidence);
    }
}

//! The votes of one height: at most one of a kind per validator and view, and a bounded number of views.

use std::collections::BTreeMap;

use neo_primitives::{UInt256, ValidatorIndex};

use super::certificate::{
    Claim, CommitCertificate, PreparedCertificate, Signatures, ViewChangeCertificate,
    ViewChangeEntry,
};
use super::context::MessageKind;
use super::evidence::conflict;
use super::message::{Message, Payload};
use crate::index_set::IndexSet;
use crate::validators::View;

/// Views below the current one whose votes are kept: a certificate may still come out of them.
pub(super) const KEPT_VIEWS: u32 = 8;
/// ChangeViews kept of one validator, those for the highest views.
const KEPT_CHANGE_VIEWS: usize = 4;

type ByValidator = BTreeMap<ValidatorIndex, Message>;

/// What became of a vote.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Added {
    /// It counts.
    New,
    /// It was there already, or is outside the window.
    Ignored,
    /// It contradicts an earlier one of the same validator.
    Conflict,
}

/// The votes of one height.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Votes {
    prepares: BTreeMap<View, ByValidator>,
    pre_commits: BTreeMap<View, ByValidator>,
    change_views: BTreeMap<ValidatorIndex, BTreeMap<View, Message>>,
    suspects: BTreeMap<View, ByValidator>,
    commits: BTreeMap<ValidatorIndex, Message>,
}

impl Votes {
    /// Adds a verified vote. `view` and `asked` are the own current and highest asked view: votes are
    /// kept up to the view after both (protocol section 11).
    pub(super) fn add(&mut self, message: Message, view: View, asked: View) -> Added {
        let highest = view.max(asked).next();
        let lowest = View(view.0.saturating_sub(KEPT_VIEWS));
        let within = (lowest..=highest).contains(&message.view);
        let slot = match message.kind() {
            MessageKind::Prepare if within => self.prepares.entry(message.view).or_default(),
            MessageKind::PreCommit if within => self.pre_commits.entry(message.view).or_default(),
            MessageKind::Suspect if within => self.suspects.entry(message.view).or_default(),
            MessageKind::Commit => &mut self.commits,
            MessageKind::ChangeView => return self.add_change_view(message),
            _ => return Added::Ignored,
        };
        match slot.get(&message.sender) {
            None => {
                slot.insert(message.sender, message);
                Added::New
            }
            Some(held) if conflict(held, &message) => Added::Conflict,
            Some(_) => Added::Ignored,
        }
    }

    /// Number of votes kept.
    pub(super) fn len(&self) -> usize {
        let of_views = [&self.prepares, &self.pre_commits, &self.suspects];
        let views = of_views
            .into_iter()
            .flat_map(BTreeMap::values)
            .map(BTreeMap::len);
        let change_views = self.change_views.values().map(BTreeMap::len);
        views.chain(change_views).sum::<usize>() + self.commits.len()
    }

    fn add_change_view(&mut self, message: Message) -> Added {
        let held = self.change_views.entry(message.sender).or_default();
        if let Some(other) = held.get_mut(&message.view) {
            if conflict(other, &message) {
                return Added::Conflict;
            }
            // The certificate that backs the claim travels unsigned and may come later.
            if certificate_of(other).is_none() && certificate_of(&message).is_some() {
                *other = message;
                return Added::New;
            }
            return Added::Ignored;
        }
        held.insert(message.view, message);
        if held.len() > KEPT_CHANGE_VIEWS {
            held.pop_first();
        }
        Added::New
    }

    /// Forgets what the current view has left too far behind.
    pub(super) fn forget_below(&mut self, view: View) {
        let lowest = View(view.0.saturating_sub(KEPT_VIEWS));
        for votes in [
            &mut self.prepares,
            &mut self.pre_commits,
            &mut self.suspects,
        ] {
            *votes = votes.split_off(&lowest);
        }
        for held in self.change_views.values_mut() {
            *held = held.split_off(&lowest);
        }
    }

    fn of_kind(&self, kind: MessageKind, view: View) -> Option<&ByValidator> {
        match kind {
            MessageKind::Prepare => self.prepares.get(&view),
            MessageKind::PreCommit => self.pre_commits.get(&view),
            MessageKind::Suspect => self.suspects.get(&view),
            MessageKind::Commit => Some(&self.commits),
            _ => None,
        }
    }

    /// The vote of a validator, if held.
    pub(super) fn held(
        &self,
        kind: MessageKind,
        view: View,
        sender: ValidatorIndex,
    ) -> Option<&Message> {
        if kind == MessageKind::ChangeView {
            return self.change_views.get(&sender)?.get(&view);
        }
        self.of_kind(kind, view)?.get(&sender)
    }

    /// All votes held of a validator that bind it.
    pub(super) fn of(&self, sender: ValidatorIndex) -> impl Iterator<Item = &Message> {
        let by_view = self.prepares.values().chain(self.pre_commits.values());
        let votes = by_view.filter_map(move |votes| votes.get(&sender));
        let changes = self.change_views.get(&sender).into_iter().flatten();
        let changes = changes.map(|(_, message)| message);
        votes.chain(changes).chain(self.commits.get(&sender))
    }

    /// Who voted.
    pub(super) fn voters(&self, kind: MessageKind, view: View) -> IndexSet {
        self.of_kind(kind, view)
            .into_iter()
            .flat_map(BTreeMap::keys)
            .copied()
            .collect()
    }

    /// Votes of a kind and view that are not in `known`.
    pub(super) fn lacking<'a>(
        &'a self,
        kind: MessageKind,
        view: View,
        known: &'a IndexSet,
    ) -> impl Iterator<Item = &'a Message> {
        self.of_kind(kind, view)
            .into_iter()
            .flat_map(BTreeMap::values)
            .filter(|message| !known.contains(message.sender))
    }

    /// The highest ChangeView of each validator above a view.
    pub(super) fn change_views_above(&self, view: View) -> impl Iterator<Item = &Message> {
        self.change_views
            .values()
            .filter_map(|held| held.last_key_value().map(|(_, message)| message))
            .filter(move |message| message.view > view)
    }

    /// The highest view that at least `count` validators asked for, or for one above it.
    pub(super) fn asked_by(&self, count: usize) -> Option<View> {
        let mut views: Vec<_> = self
            .change_views
            .values()
            .filter_map(|held| held.keys().next_back())
            .collect();
        views.sort_unstable_by(|a, b| b.cmp(a));
        count
            .checked_sub(1)
            .and_then(|last| views.get(last).copied().copied())
    }

    /// Number of suspicions against the leader of a view.
    pub(super) fn suspicions(&self, view: View) -> usize {
        self.suspects.get(&view).map_or(0, BTreeMap::len)
    }

    /// PC of the highest view above `above` that M Prepares make.
    pub(super) fn prepared_above(
        &self,
        above: Option<View>,
        quorum: usize,
    ) -> Option<PreparedCertificate> {
        let views = self
            .prepares
            .iter()
            .rev()
            .take_while(|(view, _)| Some(**view) > above);
        views.into_iter().find_map(|(view, votes)| {
            let (key, signatures) = quorum_on(votes, quorum, |message| match &message.payload {
                Payload::Prepare {
                    hash,
                    justification,
                } => Some((*hash, *justification)),
                _ => None,
            })?;
            Some(PreparedCertificate {
                view: *view,
                hash: key.0,
                justification: key.1,
                signatures,
            })
        })
    }

    /// CC that M PreCommits of one view make, without its prepared certificate.
    pub(super) fn commit_certificate(&self, quorum: usize) -> Option<CommitCertificate> {
        self.pre_commits.iter().rev().find_map(|(view, votes)| {
            let (hash, signatures) = quorum_on(votes, quorum, Message::block)?;
            Some(CommitCertificate {
                view: *view,
                hash,
                signatures,
                prepared: None,
            })
        })
    }

    /// PC of exactly this view and block, if M Prepares make it.
    pub(super) fn prepared_of(
        &self,
        view: View,
        hash: &UInt256,
        quorum: usize,
    ) -> Option<PreparedCertificate> {
        let above = view.0.checked_sub(1).map(View);
        self.prepared_above(above, quorum)
            .filter(|certificate| certificate.view == view && certificate.hash == *hash)
    }

    /// At least `count` header signatures on one block.
    pub(super) fn header_signatures(&self, count: usize) -> Option<(UInt256, Signatures)> {
        quorum_on(&self.commits, count, Message::block)
    }

    /// TC of the highest view above `above` that M backed ChangeViews make. `held` are prepared
    /// certificates known besides those that came with ChangeViews.
    pub(super) fn view_change_above(
        &self,
        above: View,
        quorum: usize,
        held: Option<&PreparedCertificate>,
    ) -> Option<ViewChangeCertificate> {
        let mut views: Vec<View> = self
            .change_views
            .values()
            .flat_map(|held| held.keys().copied())
            .collect();
        views.sort_unstable();
        views.dedup();
        views
            .into_iter()
            .rev()
            .take_while(|view| *view > above)
            .find_map(|view| self.view_change_of(view, quorum, held))
    }

    fn view_change_of(
        &self,
        view: View,
        quorum: usize,
        held: Option<&PreparedCertificate>,
    ) -> Option<ViewChangeCertificate> {
        let asking: Vec<_> = self
            .change_views
            .values()
            .filter_map(|all| all.get(&view))
            .collect();
        if asking.len() < quorum {
            return None;
        }
        // Its greatest claim is one whose certificate is at hand, or none.
        let backing: BTreeMap<Claim, &PreparedCertificate> = asking
            .iter()
            .filter_map(|message| certificate_of(message))
            .chain(held)
            .map(|certificate| (Some(certificate.claim()), certificate))
            .collect();
        let mut tops: Vec<Claim> = asking.iter().map(|message| claim_of(message)).collect();
        tops.push(None);
        tops.sort_unstable();
        tops.dedup();
        tops.retain(|top| top.is_none() || backing.contains_key(top));
        let view_of = |claim: Claim| claim.map(|claim| claim.view);
        tops.into_iter().rev().find_map(|top| {
            // Claims below it need no certificate. Of its own view no other block may be claimed: more
            // than f Byzantine validators can make two certificates of one view.
            let fits = |message: &&&Message| {
                let claim = claim_of(message);
                claim == top || view_of(claim) < view_of(top)
            };
            let mut chosen: Vec<&Message> = asking.iter().filter(fits).copied().collect();
            if chosen.len() < quorum {
                return None;
            }
            chosen.sort_by_key(|message| (std::cmp::Reverse(claim_of(message)), message.sender));
            chosen.truncate(quorum);
            Some(certificate_over(view, &chosen, backing.get(&top).copied()))
        })
    }
}

fn certificate_over(
    view: View,
    chosen: &[&Message],
    prepared: Option<&PreparedCertificate>,
) -> ViewChangeCertificate {
    let entry = |message: &&Message| {
        let entry = ViewChangeEntry {
            claim: claim_of(message),
            signature: message.signature,
        };
        (message.sender, entry)
    };
    ViewChangeCertificate {
        view,
        entries: chosen.iter().map(entry).collect(),
        prepared: prepared.cloned(),
    }
}

fn claim_of(message: &Message) -> Claim {
    match &message.payload {
        Payload::ChangeView(change) => change.claim,
        _ => None,
    }
}

fn certificate_of(message: &Message) -> Option<&PreparedCertificate> {
    match &message.payload {
        Payload::ChangeView(change) => change.prepared.as_ref(),
        _ => None,
    }
}

/// The first `quorum` signatures, in index order, of votes that agree in `key`.
fn quorum_on<K: Ord + Copy>(
    votes: &ByValidator,
    quorum: usize,
    key: impl Fn(&Message) -> Option<K>,
) -> Option<(K, Signatures)> {
    if votes.len() < quorum {
        return None;
    }
    let mut counts: BTreeMap<K, usize> = BTreeMap::new();
    for message in votes.values() {
        if let Some(key) = key(message) {
            *counts.entry(key).or_default() += 1;
        }
    }
    let winner = counts.into_iter().find(|(_, count)| *count >= quorum)?.0;
    let agreeing = votes
        .values()
        .filter(|message| key(message) == Some(winner));
    let signatures = agreeing.map(|message| (message.sender, message.signature));
    Some((winner, Signatures::quorum_of(signatures, quorum)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v3::certificate::PreparedClaim;
    use crate::v3::message::{ChangeView, ChangeViewReason};
    use crate::v3::testing::{context, hash, signature};
    use neo_primitives::Height;
    use std::sync::Arc;

    fn vote(sender: u8, view: u32, payload: Payload) -> Message {
        Message {
            height: Height(9),
            view: View(view),
            sender: ValidatorIndex(sender),
            signature: signature(sender),
            payload,
        }
    }

    fn pre_commit(sender: u8, view: u32, block: u8) -> Message {
        vote(sender, view, Payload::PreCommit { hash: hash(block) })
    }

    fn prepared(view: u32, block: u8) -> PreparedCertificate {
        PreparedCertificate {
            view: View(view),
            hash: hash(block),
            justification: UInt256::ZERO,
            signatures: Signatures::new(
                (0..3).map(|i| (ValidatorIndex(i), signature(i))).collect(),
            ),
        }
    }

    fn change_view(sender: u8, view: u32, claim: Option<(u32, u8)>, with: bool) -> Message {
        let certificate = claim.map(|(view, block)| prepared(view, block));
        let change = ChangeView {
            claim: claim.map(|(view, block)| PreparedClaim {
                view: View(view),
                hash: hash(block),
            }),
            prepared: certificate.filter(|_| with),
            reason: ChangeViewReason::Timeout,
        };
        vote(sender, view, Payload::ChangeView(Arc::new(change)))
    }

    fn votes(messages: impl IntoIterator<Item = Message>) -> Votes {
        let mut votes = Votes::default();
        for message in messages {
            votes.add(message, View(0), View(9));
        }
        votes
    }

    #[test]
    fn quorums_count_agreeing_votes_of_one_view() {
        let mut all = votes([
            pre_commit(0, 0, 1),
            pre_commit(1, 1, 1),
            pre_commit(2, 0, 1),
        ]);
        assert!(all.commit_certificate(3).is_none());
        all.add(pre_commit(3, 0, 2), View(0), View(0));
        assert!(all.commit_certificate(3).is_none());
        all.add(pre_commit(1, 0, 1), View(0), View(0));
        let certificate = all.commit_certificate(3).unwrap();
        assert_eq!((certificate.view, certificate.hash), (View(0), hash(1)));
        assert_eq!(certificate.signatures.len(), 3);
    }

    #[test]
    fn a_second_different_vote_is_evidence_and_does_not_count() {
        let mut all = votes([pre_commit(0, 0, 1)]);
        assert_eq!(
            all.add(pre_commit(0, 0, 1), View(0), View(0)),
            Added::Ignored
        );
        assert!(matches!(
            all.add(pre_commit(0, 0, 2), View(0), View(0)),
            Added::Conflict
        ));
        assert_eq!(
            all.held(MessageKind::PreCommit, View(0), ValidatorIndex(0)),
            Some(&pre_commit(0, 0, 1))
        );
    }

    #[test]
    fn votes_above_the_own_target_are_not_kept() {
        let mut all = Votes::default();
        assert_eq!(
            all.add(pre_commit(0, 2, 1), View(0), View(0)),
            Added::Ignored
        );
        assert_eq!(all.add(pre_commit(0, 2, 1), View(0), View(1)), Added::New);
        for view in 0..1000 {
            all.add(change_view(1, view, None, false), View(0), View(0));
        }
        assert_eq!(
            all.change_views[&ValidatorIndex(1)].len(),
            KEPT_CHANGE_VIEWS
        );
    }

    #[test]
    fn joining_follows_the_highest_view_that_enough_asked_for() {
        let all = votes([
            change_view(0, 5, None, false),
            change_view(1, 3, None, false),
            change_view(2, 1, None, false),
        ]);
        assert_eq!(all.asked_by(1), Some(View(5)));
        assert_eq!(all.asked_by(2), Some(View(3)));
        assert_eq!(all.asked_by(4), None);
    }

    #[test]
    fn a_view_change_certificate_is_well_formed_for_every_mix_of_claims() {
        let claims = [None, Some((0, 1)), Some((1, 2))];
        for a in claims {
            for b in claims {
                for c in claims {
                    for d in claims {
                        let all = votes([
                            change_view(0, 2, a, true),
                            change_view(1, 2, b, true),
                            change_view(2, 2, c, true),
                            change_view(3, 2, d, true),
                        ]);
                        let certificate = all.view_change_above(View(0), 3, None).unwrap();
                        let mut out = Vec::new();
                        context(4)
                            .view_change_obligations(&certificate, &mut out)
                            .unwrap();
                    }
                }
            }
        }
    }

    #[test]
    fn two_prepared_certificates_of_one_view_make_no_malformed_certificate() {
        let all = |d| {
            votes([
                change_view(0, 2, Some((1, 1)), true),
                change_view(1, 2, Some((1, 2)), true),
                change_view(2, 2, Some((0, 1)), true),
                change_view(3, 2, d, true),
            ])
        };
        for d in [None, Some((1, 1)), Some((1, 2)), Some((0, 1))] {
            let certificate = all(d).view_change_above(View(0), 3, None).unwrap();
            let mut out = Vec::new();
            context(4)
                .view_change_obligations(&certificate, &mut out)
                .unwrap();
            assert_eq!(
                certificate.greatest_claim().map(|top| top.view),
                Some(View(1))
            );
        }
        // Three blocks of one view: no three entries fit together.
        assert!(
            all(Some((1, 3)))
                .view_change_above(View(0), 3, None)
                .is_none()
        );
    }

    #[test]
    fn an_unbacked_claim_waits_for_its_certificate() {
        let mut all = votes([
            change_view(0, 2, Some((1, 2)), false),
            change_view(1, 2, None, false),
            change_view(2, 2, None, false),
        ]);
        assert!(all.view_change_above(View(0), 3, None).is_none());
        assert!(
            all.view_change_above(View(0), 3, Some(&prepared(1, 2)))
                .is_some()
        );
        assert_eq!(
            all.add(change_view(0, 2, Some((1, 2)), true), View(0), View(2)),
            Added::New
        );
        let certificate = all.view_change_above(View(0), 3, None).unwrap();
        assert_eq!(certificate.prepared, Some(prepared(1, 2)));
    }

    #[test]
    fn f_plus_one_header_signatures_are_found() {
        let commit = |sender, block| vote(sender, 0, Payload::Commit { hash: hash(block) });
        let all = votes([commit(0, 1), commit(1, 2)]);
        assert!(all.header_signatures(2).is_none());
        let all = votes([commit(0, 1), commit(1, 2), commit(3, 1)]);
        assert_eq!(all.header_signatures(2).unwrap().0, hash(1));
    }
}

//! What a restart brings back.

use std::collections::BTreeMap;
use std::sync::Arc;

use neo_primitives::{BlockBody, UInt256};

use super::proposal::Proposal;
use super::{HeightState, Held, V2Actions};
use crate::engine::{LedgerAction, Notice, Now, Recipient, TransactionIds};
use crate::v2::content::{Body, Kind};
use crate::v2::message::Message;
use crate::v2::record::Record;
use crate::validators::View;

impl HeightState {
    /// Takes the records of this height, oldest first, before anything else happens at it.
    pub(in crate::v2) fn restore(
        &mut self,
        now: Now,
        records: Vec<Record>,
        actions: &mut V2Actions,
    ) {
        let mut bodies: BTreeMap<UInt256, Arc<BlockBody>> = BTreeMap::new();
        let mut messages: Vec<Message> = Vec::new();
        let mut view = 0;
        for record in records {
            match record {
                Record::Own(message) => {
                    view = view.max(message.view());
                    messages.push(message);
                }
                Record::Body(body) => {
                    bodies.insert(body.hash(), body);
                }
                Record::Context {
                    view: of,
                    messages: held,
                    ..
                } => {
                    view = view.max(of);
                    messages.extend(held);
                }
                Record::Silenced | Record::Resumed { .. } | Record::Forgotten { .. } => {}
            }
        }
        let own = self.own();
        let committed = messages
            .iter()
            .find(|message| message.kind() == Kind::Commit && Some(message.validator()) == own)
            .cloned();
        if let Some(commit) = &committed {
            view = commit.view();
        }
        self.restore_view(now, view, &messages, actions);
        self.restore_proposal(&messages, &bodies, actions);
        for message in messages {
            self.restore_message(message);
        }
        if let Some(commit) = committed {
            actions.resend.push((Recipient::All, commit));
            self.set_timer(now, self.unit, actions);
        }
        self.check_commits(actions);
        self.check(actions);
        if let Some(proposal) = self.proposal.as_ref().filter(|held| held.is_missing()) {
            let (hash, hashes) = (proposal.hash, proposal.hashes.clone());
            let ids = TransactionIds::Full(hashes);
            actions.ledger.push(LedgerAction::Lookup { hash, ids });
        }
    }

    fn restore_view(&mut self, now: Now, view: u8, messages: &[Message], actions: &mut V2Actions) {
        for message in messages {
            if message.kind() == Kind::ChangeView {
                let held = self.change_views.get(&message.validator());
                if held.is_none_or(|held| held.view() <= message.view()) {
                    let validator = message.validator();
                    self.change_views.insert(validator, message.clone());
                }
                if Some(message.validator()) == self.own() {
                    let asked = message.content().new_view().unwrap_or_default();
                    self.cast.change_view = self.cast.change_view.max(asked);
                }
            }
        }
        if view > self.view {
            self.view = view;
            let asks = |message: &Message| message.content().new_view() >= Some(view);
            let all = self.change_views.iter();
            let all = all.filter(|(_, message)| asks(message));
            let all = all.map(|(index, message)| (*index, message.clone()));
            self.justifying = all.collect();
            actions.notices.push(Notice::ViewEntered {
                height: self.height(),
                view: View(u32::from(view)),
            });
            self.begin_timer(now, true, actions);
        }
    }

    /// The PrepareRequest of the view, if it was this node's or is part of what it committed to.
    fn restore_proposal(
        &mut self,
        messages: &[Message],
        bodies: &BTreeMap<UInt256, Arc<BlockBody>>,
        actions: &mut V2Actions,
    ) {
        let (view, primary) = (self.view, self.primary());
        let request = messages.iter().find_map(|message| {
            let fits = message.view() == view && message.validator() == primary;
            match &message.content().body {
                Body::PrepareRequest(request) if fits => Some((message, request)),
                _ => None,
            }
        });
        let Some((message, request)) = request else {
            return;
        };
        let header = self.header_of(request);
        let mut proposal = Proposal::new(message.clone(), header, request.hashes.clone());
        if let Some(body) = bodies.get(&proposal.hash) {
            proposal = proposal.with_body(Arc::clone(body));
            proposal.durable = true;
        }
        actions.notices.push(Notice::Proposed {
            height: self.height(),
            view: View(u32::from(view)),
            hash: proposal.hash,
        });
        self.prepared_at = None;
        self.proposal = Some(proposal);
    }

    fn restore_message(&mut self, message: Message) {
        let (validator, own) = (message.validator(), self.own());
        match message.kind() {
            Kind::PrepareRequest | Kind::PrepareResponse if message.view() == self.view => {
                self.cast.preparation |= Some(validator) == own;
                self.preparations.entry(validator).or_insert(message);
            }
            Kind::Commit => {
                let mine = Some(validator) == own;
                self.cast.commit |= mine;
                let current = self.block().filter(|_| message.view() == self.view);
                let signs = current.filter(|_| mine);
                let held = Held { message, signs };
                self.commits.entry(validator).or_insert(held);
            }
            _ => {}
        }
    }
}

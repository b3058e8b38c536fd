//! Who is there, and who leads next (protocol section 8).

use std::collections::BTreeMap;

use neo_primitives::{PublicKey, ValidatorIndex};

use super::{V3Actions, V3Engine};
use crate::engine::Now;
use crate::validators::ValidatorSet;

impl V3Engine {
    /// The validators that are not there. One that never was connected counts only when this node has
    /// run for a while: connections need their time after a start.
    pub(super) fn absent(
        &self,
        now: Now,
        set: &ValidatorSet,
    ) -> BTreeMap<ValidatorIndex, &'static str> {
        let settled = self.began.is_some_and(|began| {
            now.monotonic > began.saturating_add(self.settings.timers.base_timeout)
        });
        let connected = self.peers.values().any(|peer| peer.up);
        let cause = |key: &PublicKey| match self.peers.get(key) {
            Some(peer) if peer.quiet => Some("nothing is heard of it"),
            Some(peer) if peer.up => None,
            Some(peer) if peer.was_up => Some("its connection is down"),
            // Whoever is connected to nobody cannot tell.
            _ if settled && connected => Some("it was never connected"),
            _ => None,
        };
        let others = set
            .indexes()
            .filter_map(|index| Some((index, set.key(index)?)))
            .filter(|(_, key)| self.settings.own.as_ref() != Some(key));
        others
            .filter_map(|(index, key)| Some((index, cause(key)?)))
            .collect()
    }

    /// A connection changed: the leader of the undecided height may be concerned.
    pub(super) fn heed_presence(&mut self, now: Now, actions: &mut V3Actions) {
        let voted = self.open.iter().position(|state| state.decision.is_none());
        let Some(position) = voted else { return };
        let absent = self
            .open
            .get(position)
            .map(|state| self.absent(now, &state.info.validators));
        if let (Some(absent), Some(state)) = (absent, self.open.get_mut(position)) {
            state.set_absent(absent);
            state.advance(now, actions);
        }
    }

    /// A message came over a connection that was thought silent.
    pub(super) fn heard(&mut self, now: Now, from: &PublicKey, actions: &mut V3Actions) {
        if let Some(peer) = self.peers.get_mut(from)
            && peer.quiet
        {
            peer.quiet = false;
            self.heed_presence(now, actions);
        }
    }

    /// Says who leads the next two turns when that has changed.
    pub(super) fn watch_leaders(&mut self, actions: &mut V3Actions) {
        let Some(own) = &self.settings.own else {
            return;
        };
        let Some(state) = self.open.back() else {
            return;
        };
        let mut leaders: Vec<PublicKey> = Vec::new();
        for index in state.coming_leaders() {
            if let Some(key) = state.info.validators.key(index)
                && key != own
                && !leaders.contains(key)
            {
                leaders.push(key.clone());
            }
        }
        if leaders != self.watched {
            self.watched.clone_from(&leaders);
            actions.watch = Some(leaders);
        }
    }
}

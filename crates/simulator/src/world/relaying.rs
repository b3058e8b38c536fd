//! The second channel: a message for a validator without a connection goes through two that have one
//! (protocol section 9), one hop and no further.

use super::World;
use super::links::Travel;
use super::mail::Parcel;
use super::protocol::Simulated;
use super::queue::{Item, Ns};
use crate::trace::Happening;

/// Validators that are asked for each message.
const COPIES: usize = 2;
/// Messages that came through others and are known again.
const REMEMBERED: usize = 1_024;
/// Of a hundred messages that an attacker is asked to pass on, it passes on so many.
const PASSED_BY_ATTACKERS: u32 = 50;

impl<P: Simulated> World<'_, P> {
    /// Whether a message has to go around: its sender knows that there is no connection.
    pub(super) fn goes_around(&self, parcel: &Parcel<P>) -> bool {
        !P::FLOODS
            && parcel.via.is_none()
            && parcel.wire.kind.is_consensus()
            && !self.nodes[parcel.from].hears[parcel.to]
            && !self.can_hear(parcel.to, parcel.from)
    }

    /// Those who are connected with both.
    fn ways(&self, from: usize, to: usize) -> Vec<usize> {
        let ends = [self.nodes[from].validator, self.nodes[to].validator];
        (0..self.nodes.len())
            .filter(|way| !ends.contains(&self.nodes[*way].validator))
            .filter(|way| self.is_mutual(from, *way) && self.is_mutual(*way, to))
            .collect()
    }

    /// Gives a message to those that may pass it on. False when there is nobody.
    pub(super) fn send_around(&mut self, parcel: &Parcel<P>, at: Ns) -> bool {
        let ways = self.ways(parcel.from, parcel.to);
        if ways.is_empty() {
            return false;
        }
        let copies = COPIES.min(ways.len());
        let one = &mut self.nodes[parcel.from];
        let turn = one.relay_turn % ways.len();
        one.relay_turn = one.relay_turn.wrapping_add(copies);
        let chosen: Vec<usize> = ways
            .iter()
            .cycle()
            .skip(turn)
            .take(copies)
            .copied()
            .collect();
        for way in chosen {
            let travel = self.links.travel(parcel.from, way, parcel.wire.bytes, at);
            if let Travel::Arrives(first, _) = travel
                && self.can_hear(way, parcel.from)
            {
                let item = Item::Relay {
                    node: way,
                    life: self.nodes[way].life,
                    parcel: parcel.clone(),
                };
                self.queue.push(first, item);
            }
        }
        true
    }

    /// A node passes a message on, if it is connected with whom it is for.
    pub(super) fn pass_on(&mut self, node: usize, parcel: Parcel<P>) {
        let refuses = self.nodes[node].adversary.is_some()
            && !self.nodes[node].random.percent(PASSED_BY_ATTACKERS);
        if refuses || !self.is_mutual(node, parcel.to) {
            return;
        }
        self.emit(Some(node), Happening::Relayed(parcel.transmission()));
        let parcel = Parcel {
            via: Some(node),
            ..parcel
        };
        self.travel(&parcel, self.now);
    }

    /// Whether a message that came through another one is new.
    pub(super) fn is_new_relay(&mut self, node: usize, parcel: &Parcel<P>) -> bool {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return false;
        };
        if running.relayed.contains(&parcel.id) {
            return false;
        }
        if running.relayed.len() >= REMEMBERED {
            running.relayed.pop_front();
        }
        running.relayed.push_back(parcel.id);
        self.book.coverage.relayed += u64::from(self.nodes[node].honest);
        true
    }
}

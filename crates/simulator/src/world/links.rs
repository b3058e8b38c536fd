//! The network between nodes: delays, loss, order, bandwidth, partitions.

use super::queue::Ns;
use crate::plan::{Latency, Network};
use crate::random::Random;
use crate::wan;

const NS_PER_US: u64 = 1_000;
const NS_PER_MS: u64 = 1_000_000;
const MILLION: u64 = 1_000_000;
/// Delays inside one data centre, in microseconds.
const LAN_US: (u64, u64) = (100, 300);

/// All links of a run.
pub(super) struct Links {
    nodes: usize,
    network: Network,
    /// Region of each node in a WAN.
    regions: Vec<usize>,
    /// Nothing passes from row to column.
    blocked: Vec<bool>,
    states: Vec<Link>,
    random: Random,
}

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// The sender's side is busy until then.
    free_at: Ns,
    /// When the last message in order arrives.
    last: Ns,
}

/// What the network does to one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Travel {
    Lost,
    /// It arrives at the first of these moments, and again at the second.
    Arrives(Ns, Option<Ns>),
}

impl Links {
    pub(super) fn new(nodes: usize, network: Network, random: Random) -> Self {
        let mut links = Self {
            nodes,
            regions: Vec::new(),
            blocked: vec![false; nodes * nodes],
            states: vec![Link::default(); nodes * nodes],
            network,
            random,
        };
        links.place();
        links
    }

    /// Gives each node its region.
    fn place(&mut self) {
        let wanted: Vec<usize> = match &self.network.latency {
            Latency::Wan { regions } => regions
                .iter()
                .filter_map(|name| wan::region(name))
                .collect(),
            _ => Vec::new(),
        };
        let count = if wanted.is_empty() {
            wan::REGIONS.len()
        } else {
            wanted.len()
        };
        self.regions = (0..self.nodes)
            .map(|node| wanted.get(node % count).copied().unwrap_or(node % count))
            .collect();
    }

    fn at(&self, from: usize, to: usize) -> usize {
        from * self.nodes + to
    }

    /// Whether messages get from one node to the other.
    pub(super) fn passes(&self, from: usize, to: usize) -> bool {
        !self.blocked.get(self.at(from, to)).copied().unwrap_or(true)
    }

    /// Nothing passes from one node to another any more.
    pub(super) fn block(&mut self, from: usize, to: usize) {
        let at = self.at(from, to);
        if let Some(blocked) = self.blocked.get_mut(at).filter(|_| from != to) {
            *blocked = true;
        }
    }

    /// Only nodes of one group reach each other.
    pub(super) fn partition(&mut self, groups: &[Vec<u16>]) {
        let group = |node: usize| {
            let fits = |group: &Vec<u16>| group.iter().any(|member| usize::from(*member) == node);
            groups.iter().position(fits)
        };
        let places: Vec<_> = (0..self.nodes).map(group).collect();
        for from in 0..self.nodes {
            for to in 0..self.nodes {
                let together = places.get(from) == places.get(to)
                    && places.get(from).is_some_and(Option::is_some);
                if !together {
                    self.block(from, to);
                }
            }
        }
    }

    /// Everything passes again.
    pub(super) fn heal(&mut self) {
        self.blocked.fill(false);
    }

    /// How much is lost, doubled and reordered from now on, in a million.
    pub(super) fn weather(&mut self, loss: u32, duplicate: u32, reorder: u32) {
        self.network.loss_ppm = loss;
        self.network.duplicate_ppm = duplicate;
        self.network.reorder_ppm = reorder;
    }

    /// Other delays from now on.
    pub(super) fn set_latency(&mut self, latency: Latency) {
        self.network.latency = latency;
        self.place();
    }

    /// Least and greatest one-way delay of a link without jitter, in microseconds, at a moment.
    fn limits_us(&self, from: usize, to: usize, at: Ns) -> (u64, u64) {
        let (least, most) = match self.network.latency {
            Latency::Uniform { min_us, max_us } => (min_us, max_us),
            Latency::Lan => LAN_US,
            Latency::Wan { .. } => {
                let region = |node: usize| self.regions.get(node).copied().unwrap_or(0);
                let delay = wan::one_way_us(region(from), region(to)).unwrap_or(0);
                (delay, delay)
            }
        };
        let percent = self
            .network
            .swing
            .map_or(100, |swing| swing.percent(at / NS_PER_MS));
        (least * percent / 100, most * percent / 100)
    }

    /// One-way delay without jitter, in microseconds.
    fn base_us(&mut self, from: usize, to: usize, at: Ns) -> u64 {
        let (least, most) = self.limits_us(from, to, at);
        if least == most {
            return least;
        }
        self.random.between(least, most)
    }

    /// The usual one-way delay at a moment, in microseconds, without jitter.
    pub(super) fn mean_us(&self, from: usize, to: usize, at: Ns) -> u64 {
        let (least, most) = self.limits_us(from, to, at);
        least.midpoint(most)
    }

    /// The longest one-way delay between any two nodes at a moment, with jitter, in microseconds.
    pub(super) fn longest_us(&self, at: Ns) -> u64 {
        let pairs = (0..self.nodes).flat_map(|from| (0..self.nodes).map(move |to| (from, to)));
        let delays = pairs
            .filter(|(from, to)| from != to)
            .map(|(from, to)| self.limits_us(from, to, at).1);
        delays.max().unwrap_or(0) + self.network.jitter_us
    }

    /// A round trip between two nodes, as heartbeats measure it.
    pub(super) fn round_trip(&self, one: usize, other: usize, at: Ns) -> Ns {
        (self.mean_us(one, other, at) + self.mean_us(other, one, at)) * NS_PER_US
    }

    /// Whether so many heartbeats in a row are lost that a validator seems quiet.
    pub(super) fn loses_heartbeats(&mut self) -> bool {
        let loss = u64::from(self.network.loss_ppm);
        let three = loss * loss / MILLION * loss / MILLION;
        self.random.ppm(u32::try_from(three).unwrap_or(u32::MAX))
    }

    /// Sends a message that leaves at `at`.
    pub(super) fn travel(&mut self, from: usize, to: usize, bytes: usize, at: Ns) -> Travel {
        if self.random.ppm(self.network.loss_ppm) {
            return Travel::Lost;
        }
        let first = self.arrival(from, to, bytes, at);
        let twice = self.random.ppm(self.network.duplicate_ppm);
        let second = twice.then(|| self.arrival(from, to, bytes, at));
        Travel::Arrives(first, second)
    }

    fn arrival(&mut self, from: usize, to: usize, bytes: usize, at: Ns) -> Ns {
        let mut delay = self.base_us(from, to, at);
        delay += self.random.below(self.network.jitter_us.saturating_add(1));
        let late = self.random.ppm(self.network.reorder_ppm);
        if late {
            delay += self.random.below(self.network.reorder_us.saturating_add(1));
        }
        // 8 bits a byte, 10^6 ns in a second and a kilobit: bytes · 8 · 10^6 / kbps.
        let sending = (bytes as u64)
            .saturating_mul(8_000_000)
            .checked_div(self.network.bandwidth_kbps)
            .unwrap_or(0);
        let place = self.at(from, to);
        let Some(link) = self.states.get_mut(place) else {
            return at;
        };
        let sent = at.max(link.free_at).saturating_add(sending);
        link.free_at = sent;
        let arrives = sent.saturating_add(delay.saturating_mul(NS_PER_US));
        if late {
            return arrives;
        }
        link.last = link.last.max(arrives);
        link.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn links(network: Network) -> Links {
        Links::new(4, network, Random::new(1, Stream::Network))
    }

    fn arrival(links: &mut Links, bytes: usize, at: Ns) -> Ns {
        match links.travel(0, 1, bytes, at) {
            Travel::Arrives(at, _) => at,
            Travel::Lost => panic!("nothing is lost here"),
        }
    }

    #[test]
    fn a_link_keeps_the_order_of_its_messages_unless_it_reorders() {
        let mut network = Network {
            latency: Latency::Uniform {
                min_us: 10,
                max_us: 10_000,
            },
            ..Network::default()
        };
        let mut plain = links(network.clone());
        let arrivals: Vec<_> = (0..200).map(|at| arrival(&mut plain, 9, at)).collect();
        assert!(arrivals.is_sorted());
        network.reorder_ppm = 500_000;
        let mut wild = links(network);
        let arrivals: Vec<_> = (0..200).map(|at| arrival(&mut wild, 9, at)).collect();
        assert!(!arrivals.is_sorted());
    }

    #[test]
    fn bandwidth_is_shared_by_the_messages_of_one_link() {
        let mut links = links(Network {
            latency: Latency::Uniform {
                min_us: 1_000,
                max_us: 1_000,
            },
            bandwidth_kbps: 8_000,
            ..Network::default()
        });
        // One megabyte a second: a thousand bytes take a millisecond.
        assert_eq!(arrival(&mut links, 1_000, 0), 2_000_000);
        assert_eq!(arrival(&mut links, 1_000, 0), 3_000_000);
        assert_eq!(arrival(&mut links, 1_000, 10_000_000), 12_000_000);
    }

    #[test]
    fn partitions_separate_groups_and_those_in_none() {
        let mut links = links(Network::default());
        links.partition(&[vec![0, 1], vec![2]]);
        let passes: Vec<_> = (0..4)
            .flat_map(|from| (0..4).map(move |to| (from, to)))
            .filter(|(from, to)| from != to && links.passes(*from, *to))
            .collect();
        assert_eq!(passes, [(0, 1), (1, 0)]);
        links.heal();
        links.block(2, 3);
        assert!(!links.passes(2, 3) && links.passes(3, 2));
    }

    #[test]
    fn loss_takes_its_share() {
        let mut links = links(Network {
            loss_ppm: 250_000,
            ..Network::default()
        });
        let lost = (0..10_000)
            .filter(|at| links.travel(0, 1, 1, *at) == Travel::Lost)
            .count();
        assert!((2_200..2_800).contains(&lost), "{lost}");
    }
}

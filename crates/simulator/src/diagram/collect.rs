//! From the events of a run to the scene of one height.

use std::collections::{BTreeMap, BTreeSet};

use neo_primitives::UInt256;

use super::axis::millis;
use super::scene::{Arrow, Ink, Mark, Note, Sign, Stage};
use crate::plan::{COMMITTED, Plan, Version};
use crate::trace::{Happening, Kind, TraceEvent, TraceSink, Transmission};

/// Most messages that a diagram takes; those behind it are counted and said.
const MOST_ARROWS: usize = 60_000;

/// Collects what happens at one height.
#[derive(Clone, Debug)]
pub struct HeightDiagram {
    pub(super) title: String,
    pub(super) subtitle: String,
    pub(super) height: u32,
    pub(super) lanes: Vec<(String, Option<String>)>,
    pub(super) validators: usize,
    /// Messages on their way, by number and receiver: when each was sent.
    pub(super) travelling: BTreeMap<(u64, u16), u64>,
    /// Who asked whom for a block of the height; an answer does not name its block.
    pub(super) asked: BTreeSet<(u16, u16)>,
    pub(super) arrows: Vec<Arrow>,
    pub(super) left_out: usize,
    /// What concerns the height.
    pub(super) marks: Vec<Mark>,
    pub(super) stages: Vec<Vec<(u64, Stage)>>,
    /// What concerns nodes and network at any time.
    pub(super) lives: Vec<Mark>,
    pub(super) notes: Vec<Note>,
    /// Blocks of the height, in the order in which they were proposed.
    pub(super) blocks: Vec<UInt256>,
    pub(super) first_proposal_us: Option<u64>,
    pub(super) decided: Vec<(usize, u64, u32)>,
    pub(super) highest_view: u32,
    /// Whether the run is one of dBFT 2.0.
    pub(super) older: bool,
    /// Since when the height is locked, and nothing else has happened.
    pub(super) standing: Option<u64>,
    /// Messages of that time that are not drawn.
    pub(super) repeated: usize,
    pub(super) last_us: u64,
}

impl HeightDiagram {
    /// A diagram of a height of this run.
    #[must_use]
    pub fn new(plan: &Plan, seed: u64, height: u32) -> Self {
        let lanes: Vec<_> = (0..plan.node_count())
            .map(|node| {
                let attacks = plan.byzantine.iter().find(|one| one.validator == node);
                let role = match attacks {
                    Some(_) => Some("Byzantine".to_owned()),
                    None if node >= plan.validators => {
                        Some(format!("twin of {}", plan.validator_of(node)))
                    }
                    None => None,
                };
                (format!("validator {node}"), role)
            })
            .collect();
        let title = if plan.name.is_empty() {
            format!(
                "Height {height}, {} validators, seed {seed}",
                plan.validators
            )
        } else {
            format!("{}: height {height}, seed {seed}", plan.name)
        };
        Self {
            title,
            subtitle: plan.must.clone(),
            height,
            stages: vec![vec![(0, Stage::Away)]; lanes.len()],
            lanes,
            validators: usize::from(plan.validators),
            travelling: BTreeMap::new(),
            asked: BTreeSet::new(),
            arrows: Vec::new(),
            left_out: 0,
            marks: Vec::new(),
            lives: Vec::new(),
            notes: Vec::new(),
            blocks: Vec::new(),
            first_proposal_us: None,
            decided: Vec::new(),
            highest_view: 0,
            older: plan.protocol == Version::Two,
            standing: None,
            repeated: 0,
            last_us: 0,
        }
    }

    /// Whether nothing of this height happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.arrows.is_empty() && self.marks.is_empty()
    }

    /// `block A` and so on, by the order of the proposals.
    fn name_of(&mut self, block: &UInt256) -> String {
        let known = self.blocks.iter().position(|one| one == block);
        let number = known.unwrap_or_else(|| {
            self.blocks.push(*block);
            self.blocks.len() - 1
        });
        match u8::try_from(number) {
            Ok(number) if number < 26 => char::from(b'A' + number).to_string(),
            _ => format!("no. {}", number + 1),
        }
    }

    fn mark(&mut self, lane: usize, at_us: u64, sign: Sign, words: String) {
        self.marks.push(Mark {
            lane,
            at_us,
            sign,
            words,
        });
    }

    fn life(&mut self, lane: usize, at_us: u64, sign: Sign, words: &str) {
        self.lives.push(Mark {
            lane,
            at_us,
            sign,
            words: words.to_owned(),
        });
    }

    fn stage(&mut self, lane: usize, at_us: u64, stage: Stage) {
        if let Some(stages) = self.stages.get_mut(lane)
            && stages.last().is_none_or(|(_, last)| *last != stage)
        {
            stages.push((at_us, stage));
        }
    }

    /// Whether a message is about this height: by its height, or by a block of it that is fetched.
    fn concerns(&self, message: &Transmission) -> bool {
        match message.kind {
            Kind::Fetch => message
                .block
                .is_some_and(|block| self.blocks.contains(&block)),
            Kind::FetchAnswer => self.asked.contains(&(message.to, message.from)),
            _ => message.height == self.height,
        }
    }

    fn sent(&mut self, at_us: u64, message: &Transmission) {
        if message.kind == Kind::Proposal
            && let Some(block) = message.block
        {
            let fresh = !self.blocks.contains(&block);
            let name = self.name_of(&block);
            let lane = usize::from(message.from);
            let words = format!("proposes {name}{}", if fresh { "" } else { " again" });
            let told = self.marks.iter().any(|mark| {
                (mark.lane, mark.at_us, mark.sign) == (lane, at_us, Sign::Proposes)
                    && mark.words.split(' ').nth(1) == Some(name.as_str())
            });
            if !message.again && !told {
                self.mark(lane, at_us, Sign::Proposes, words);
            }
            self.first_proposal_us.get_or_insert(at_us);
        }
        if message.kind == Kind::Fetch {
            self.asked.insert((message.from, message.to));
        }
        self.travelling.insert((message.id, message.to), at_us);
    }

    fn arrived(&mut self, at_us: u64, message: &Transmission, why_not: Option<&str>) {
        // A copy that the network made arrives after the original.
        let sent_us = self.travelling.get(&(message.id, message.to)).copied();
        if self.arrows.len() >= MOST_ARROWS {
            self.left_out += 1;
            return;
        }
        let sent_us = sent_us.unwrap_or(at_us);
        let mut words = format!(
            "{} of view {} from {} to {}, {} bytes, sent at {} ms",
            ink(message.kind).name(self.older),
            message.view,
            message.from,
            message.to,
            message.bytes,
            millis(sent_us)
        );
        if message.again {
            words.push_str(", not for the first time");
        }
        match why_not {
            None => words.push_str(&format!(", arrived at {} ms", millis(at_us))),
            Some(reason) => words.push_str(&format!(", lost: {reason}")),
        }
        self.arrows.push(Arrow {
            ink: ink(message.kind),
            from: usize::from(message.from),
            to: usize::from(message.to),
            sent_us,
            end_us: at_us,
            arrived: why_not.is_none(),
            again: message.again,
            words,
        });
    }

    fn at_height(&mut self, lane: usize, at: u64, what: &Happening) {
        match what {
            Happening::Opened { .. } => self.stage(lane, at, Stage::Waiting),
            Happening::Phase { phase, .. } => {
                let stage = match phase.as_ref() {
                    "Prepare" => Stage::Prepared,
                    "PreCommit" | COMMITTED => Stage::PreCommitted,
                    "Commit" | "BlockPersistence" => Stage::Decided,
                    _ => Stage::Waiting,
                };
                self.stage(lane, at, stage);
            }
            Happening::Prepared { view, block, .. } => {
                let name = self.name_of(block);
                self.mark(lane, at, Sign::Certificate, format!("PC({view}, {name})"));
            }
            Happening::ViewChangeAsked { view, reason, .. } => {
                let words = format!("asks v{view}: {}", reason.trim_start_matches("the "));
                self.mark(lane, at, Sign::AsksView, words);
            }
            Happening::ViewEntered { view, .. } => {
                self.highest_view = self.highest_view.max(*view);
                self.mark(lane, at, Sign::EntersView, format!("view {view}"));
            }
            Happening::BlockRefused { problem, .. } => {
                self.mark(lane, at, Sign::Alarm, format!("refuses: {problem}"));
            }
            Happening::Decided { view, block, .. } => {
                let name = self.name_of(block);
                self.decided.push((lane, at, *view));
                self.stage(lane, at, Stage::Decided);
                self.mark(lane, at, Sign::Decided, format!("decides {name}"));
            }
            Happening::Witnessed { .. } => {
                self.mark(lane, at, Sign::Witness, "witness".to_owned());
            }
            Happening::Stored { imported, .. } => {
                let words = if *imported {
                    "stores (fetched)"
                } else {
                    "stores"
                };
                self.stage(lane, at, Stage::Stored);
                self.mark(lane, at, Sign::Stored, words.to_owned());
            }
            Happening::Evidence { against, kind, .. } => {
                self.mark(lane, at, Sign::Alarm, format!("convicts {against}: {kind}"));
            }
            Happening::Trouble { what, .. } => {
                self.mark(lane, at, Sign::Alarm, what.clone());
            }
            _ => {}
        }
    }
}

/// So much of a standstill is drawn, in microseconds.
const DRAWN_STANDSTILL: u64 = 5_000_000;

/// Words of a healed network.
pub(super) const HEALED: &str = "the network is whole";
/// Words of a height that stands still.
pub(super) const LOCKED: &str = "locked: no message can help any more";

impl TraceSink for HeightDiagram {
    fn event(&mut self, event: &TraceEvent) {
        let at = event.at_us;
        if self.stands_still(event) {
            return;
        }
        match &event.what {
            Happening::Sent(message) if self.concerns(message) => self.sent(at, message),
            Happening::Delivered(message) if self.concerns(message) => {
                self.arrived(at, message, None);
            }
            Happening::Dropped { message, reason } if self.concerns(message) => {
                let reason = format!("{reason:?}").to_lowercase();
                self.arrived(at, message, Some(&reason));
            }
            Happening::Partitioned { groups } => {
                let groups: Vec<String> = groups.iter().map(|group| numbers(group)).collect();
                self.note(at, format!("partition: {}", groups.join(" | ")));
            }
            Happening::Cut { from, to } => {
                let words = format!("nothing passes from {} to {}", numbers(from), numbers(to));
                self.note(at, words);
            }
            Happening::Healed => self.note(at, HEALED.to_owned()),
            Happening::Locked { height } if *height == self.height => {
                self.note(at, LOCKED.to_owned());
                self.standing = Some(at);
            }
            // What is passed on to somebody who was not sent it leaves here.
            Happening::Relayed(message) if self.concerns(message) => {
                let place = (message.id, message.to);
                self.travelling.entry(place).or_insert(at);
            }
            what => {
                let Some(lane) = event.node.map(usize::from) else {
                    return;
                };
                if height_of(what) == Some(self.height) {
                    self.at_height(lane, at, what);
                } else {
                    self.at_node(lane, at, what);
                }
            }
        }
    }
}

impl HeightDiagram {
    /// Whether an event only repeats what a locked height has shown for long.
    fn stands_still(&mut self, event: &TraceEvent) -> bool {
        let Some(since) = self.standing else {
            return false;
        };
        match &event.what {
            Happening::Started { .. } => {
                self.standing = None;
                if self.repeated > 0 {
                    let words = format!("the same, {} messages later", self.repeated);
                    self.note(event.at_us, words);
                }
                self.repeated = 0;
                false
            }
            _ if event.at_us < since + DRAWN_STANDSTILL => false,
            Happening::Sent(message) => {
                self.repeated += usize::from(message.height == self.height);
                self.last_us = event.at_us;
                true
            }
            Happening::Delivered(_)
            | Happening::Dropped { .. }
            | Happening::Relayed(_)
            | Happening::ViewChangeAsked { .. } => true,
            _ => false,
        }
    }

    fn note(&mut self, at_us: u64, words: String) {
        self.notes.push(Note { at_us, words });
    }

    /// What happens to a node whatever the height.
    fn at_node(&mut self, lane: usize, at: u64, what: &Happening) {
        match what {
            Happening::Crashed { .. } => {
                self.life(lane, at, Sign::Crash, "crashes");
                self.stage(lane, at, Stage::Down);
            }
            Happening::Started { life, .. } => {
                if *life > 0 {
                    self.life(lane, at, Sign::Restart, "starts again");
                }
                self.stage(lane, at, Stage::Away);
            }
            Happening::LogLost { .. } => self.life(lane, at, Sign::Silence, "loses its vote log"),
            Happening::StoreLost => self.life(lane, at, Sign::Silence, "loses its blocks"),
            Happening::StoreRestored => self.life(lane, at, Sign::Silence, "gets old blocks back"),
            Happening::Frozen => self.life(lane, at, Sign::Silence, "is frozen"),
            Happening::Thawed => self.life(lane, at, Sign::Silence, "goes on"),
            Happening::Silent { until: None } => self.life(lane, at, Sign::Silence, "is silent"),
            Happening::Silent { until: Some(until) } => {
                self.life(
                    lane,
                    at,
                    Sign::Silence,
                    &format!("silent until {until} is stored"),
                );
            }
            Happening::Voting { from } => {
                self.life(lane, at, Sign::Silence, &format!("votes from {from} on"));
            }
            _ => {}
        }
    }
}

fn height_of(what: &Happening) -> Option<u32> {
    match what {
        Happening::Opened { height }
        | Happening::Phase { height, .. }
        | Happening::Prepared { height, .. }
        | Happening::ViewChangeAsked { height, .. }
        | Happening::ViewEntered { height, .. }
        | Happening::BlockRefused { height, .. }
        | Happening::Decided { height, .. }
        | Happening::Witnessed { height, .. }
        | Happening::Stored { height, .. }
        | Happening::Evidence { height, .. }
        | Happening::Trouble { height, .. } => Some(*height),
        _ => None,
    }
}

fn numbers(nodes: &[u16]) -> String {
    let numbers: Vec<String> = nodes.iter().map(u16::to_string).collect();
    numbers.join(" ")
}

fn ink(kind: Kind) -> Ink {
    match kind {
        Kind::Proposal => Ink::Proposal,
        Kind::Prepare => Ink::Prepare,
        Kind::PreCommit => Ink::PreCommit,
        Kind::ChangeView => Ink::ChangeView,
        Kind::RecoveryRequest => Ink::RecoveryRequest,
        Kind::RecoveryMessage => Ink::RecoveryMessage,
        Kind::Suspect => Ink::Suspect,
        Kind::Commit => Ink::Commit,
        Kind::Garbage => Ink::Garbage,
        Kind::Fetch | Kind::FetchAnswer | Kind::Sync | Kind::SyncAnswer => Ink::Fetch,
    }
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;

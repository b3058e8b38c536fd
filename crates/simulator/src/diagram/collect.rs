//! From the events of a run to the scene of one height.

use std::collections::{BTreeMap, BTreeSet};

use neo_primitives::UInt256;

use super::axis::usual_flight;
use super::scene::{Arrow, Ink, Lane, Mark, Note, Scene, Sign, Stage};
use crate::plan::Plan;
use crate::trace::{Happening, Kind, TraceEvent, TraceSink, Transmission};

/// Most messages that a diagram takes; those behind it are counted and said.
const MOST_ARROWS: usize = 60_000;

/// Collects what happens at one height.
#[derive(Clone, Debug)]
pub struct HeightDiagram {
    title: String,
    subtitle: String,
    height: u32,
    lanes: Vec<(String, Option<String>)>,
    validators: usize,
    /// Messages on their way, by number and receiver: when each was sent.
    travelling: BTreeMap<(u64, u16), u64>,
    /// Who asked whom for a block of the height; an answer does not name its block.
    asked: BTreeSet<(u16, u16)>,
    arrows: Vec<Arrow>,
    left_out: usize,
    /// What concerns the height.
    marks: Vec<Mark>,
    stages: Vec<Vec<(u64, Stage)>>,
    /// What concerns nodes and network at any time.
    lives: Vec<Mark>,
    notes: Vec<Note>,
    /// Blocks of the height, in the order in which they were proposed.
    blocks: Vec<UInt256>,
    first_proposal_us: Option<u64>,
    decided: Vec<(usize, u64, u32)>,
    highest_view: u32,
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
        }
    }

    /// Whether nothing of this height happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.arrows.is_empty() && self.marks.is_empty()
    }

    /// What was collected, ready to draw.
    #[must_use]
    pub fn scene(&self) -> Scene {
        let (from, until) = self.window();
        let within = |at: u64| (from..=until).contains(&at);
        let lives = self.lives.iter().filter(|mark| within(mark.at_us));
        let mut marks: Vec<Mark> = self.marks.iter().chain(lives).cloned().collect();
        marks.sort_by_key(|mark| (mark.at_us, mark.lane));
        let mut notes: Vec<Note> = Vec::new();
        // What the network is like when the height begins is said at its beginning.
        if let Some(last) = self.notes.iter().rfind(|note| note.at_us < from)
            && last.words != HEALED
        {
            notes.push(Note {
                at_us: from,
                words: last.words.clone(),
            });
        }
        notes.extend(self.notes.iter().filter(|note| within(note.at_us)).cloned());
        let flight_us = usual_flight(&self.arrows);
        let mut arrows = self.arrows.clone();
        for arrow in arrows.iter_mut().filter(|arrow| !arrow.arrived) {
            // Where and when it was lost is not seen by anybody: it is drawn on its way.
            arrow.end_us = arrow.end_us.max(arrow.sent_us + flight_us);
        }
        Scene {
            title: self.title.clone(),
            subtitle: self.sentence(),
            lanes: self.drawn_lanes(from, until),
            arrows,
            marks,
            notes,
            zero_us: from,
        }
    }

    /// First and last moment at which something of the height happened.
    fn window(&self) -> (u64, u64) {
        let arrows = self
            .arrows
            .iter()
            .flat_map(|arrow| [arrow.sent_us, arrow.end_us]);
        let times: Vec<u64> = arrows
            .chain(self.marks.iter().map(|mark| mark.at_us))
            .collect();
        let first = times.iter().min().copied().unwrap_or(0);
        (first, times.iter().max().copied().unwrap_or(0))
    }

    fn drawn_lanes(&self, from: u64, until: u64) -> Vec<Lane> {
        let lanes = self.lanes.iter().enumerate();
        lanes
            .map(|(position, (name, role))| {
                let all = self.stages.get(position).map_or(&[][..], Vec::as_slice);
                let before = all.iter().rfind(|(at, _)| *at <= from);
                let mut stages = vec![(from, before.map_or(Stage::Away, |(_, stage)| *stage))];
                stages.extend(all.iter().filter(|(at, _)| *at > from && *at <= until));
                let mut roles: Vec<String> = role.iter().cloned().collect();
                let led = self.views_led_by(position);
                if !led.is_empty() {
                    roles.push(format!("leads {}", led.join(", ")));
                }
                Lane {
                    name: name.clone(),
                    role: roles.join("; "),
                    stages,
                }
            })
            .collect()
    }

    /// Views of the height that a validator leads, as far as the run came (protocol section 7, round robin).
    fn views_led_by(&self, position: usize) -> Vec<String> {
        let height = self.height as usize;
        let leads = |view: &u32| (height + *view as usize) % self.validators.max(1) == position;
        let views = (0..=self.highest_view).filter(leads).take(3);
        views.map(|view| format!("view {view}")).collect()
    }

    /// The subtitle: what the plan says must happen, and what did.
    fn sentence(&self) -> String {
        let mut sentence = self.subtitle.clone();
        let (from, _) = self.window();
        let first = self.first_proposal_us.unwrap_or(0);
        let honest: Vec<_> = self.decided.iter().collect();
        let times = honest.iter().map(|(_, at, _)| at.saturating_sub(first));
        let told = match (times.clone().min(), times.max()) {
            (Some(soonest), Some(latest)) => {
                let (soonest, latest) = (soonest / 1000, latest / 1000);
                let range = if soonest == latest {
                    soonest.to_string()
                } else {
                    format!("{soonest} to {latest}")
                };
                format!(
                    "{} of {} nodes decided, {range} ms after the first proposal.",
                    honest.len(),
                    self.lanes.len()
                )
            }
            _ => "Nobody decided.".to_owned(),
        };
        if !sentence.is_empty() {
            sentence.push(' ');
        }
        sentence.push_str(&told);
        sentence.push_str(&format!(
            " 0 ms is {} ms after the start.",
            super::axis::millis(from)
        ));
        if self.left_out > 0 {
            sentence.push_str(&format!(
                " {} further messages are not drawn.",
                self.left_out
            ));
        }
        sentence
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
                mark.lane == lane && mark.at_us == at_us && mark.sign == Sign::Proposes
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
            ink(message.kind),
            message.view,
            message.from,
            message.to,
            message.bytes,
            super::axis::millis(sent_us)
        );
        if message.again {
            words.push_str(", not for the first time");
        }
        match why_not {
            None => words.push_str(&format!(", arrived at {} ms", super::axis::millis(at_us))),
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
                    "PreCommit" => Stage::PreCommitted,
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

/// Words of a healed network.
const HEALED: &str = "the network is whole";

impl TraceSink for HeightDiagram {
    fn event(&mut self, event: &TraceEvent) {
        let at = event.at_us;
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
mod tests {
    use super::*;
    use crate::trace::{CrashCause, DropReason};

    const BLOCK: [u8; 32] = [1; 32];

    struct Telling(HeightDiagram, u64);

    impl Telling {
        fn of(plan: &Plan, height: u32) -> Self {
            Self(HeightDiagram::new(plan, 7, height), 0)
        }

        fn at(&mut self, ms: u64, node: Option<u16>, what: Happening) -> &mut Self {
            self.0.event(&TraceEvent {
                at_us: ms * 1000,
                node,
                what,
            });
            self
        }

        fn message(
            &mut self,
            kind: Kind,
            height: u32,
            view: u32,
            from: u16,
            to: u16,
        ) -> Transmission {
            self.1 += 1;
            Transmission {
                id: self.1,
                from,
                to,
                kind,
                height,
                view,
                block: Some(UInt256::from_wire(BLOCK)),
                bytes: 200,
                again: false,
            }
        }
    }

    fn told(mut plan: Plan) -> HeightDiagram {
        plan.must = "It must.".to_owned();
        let mut telling = Telling::of(&plan, 1);
        let block = UInt256::from_wire(BLOCK);
        let partition = Happening::Partitioned {
            groups: vec![vec![0, 1], vec![2, 3]],
        };
        telling.at(500, None, partition);
        let arrives = telling.message(Kind::Proposal, 1, 0, 1, 0);
        let lost = telling.message(Kind::Proposal, 1, 0, 1, 2);
        let other = telling.message(Kind::Prepare, 2, 0, 1, 0);
        telling
            .at(1000, Some(1), Happening::Sent(arrives.clone()))
            .at(1000, Some(1), Happening::Sent(lost.clone()))
            .at(1000, Some(1), Happening::Sent(other.clone()))
            .at(1010, Some(0), Happening::Delivered(arrives.clone()))
            .at(1010, Some(0), Happening::Delivered(other))
            .at(
                1005,
                Some(2),
                Happening::Dropped {
                    message: lost,
                    reason: DropReason::Partition,
                },
            )
            .at(
                1012,
                Some(0),
                Happening::Phase {
                    height: 1,
                    view: 0,
                    phase: "Prepare".into(),
                },
            )
            .at(1015, Some(0), Happening::Delivered(arrives))
            .at(
                1020,
                Some(3),
                Happening::Crashed {
                    cause: CrashCause::Planned,
                },
            )
            .at(1030, None, Happening::Healed);
        let again = telling.message(Kind::Proposal, 1, 1, 2, 0);
        telling
            .at(2000, Some(2), Happening::ViewEntered { height: 1, view: 1 })
            .at(2001, Some(2), Happening::Sent(again))
            .at(
                2040,
                Some(0),
                Happening::Decided {
                    height: 1,
                    view: 1,
                    block,
                },
            )
            .at(
                2040,
                Some(0),
                Happening::Decided {
                    height: 2,
                    view: 0,
                    block,
                },
            );
        telling.0
    }

    #[test]
    fn an_arrow_for_each_message_of_the_height_and_each_copy() {
        let scene = told(Plan::new(4, 5_000)).scene();
        let arrived = scene.arrows.iter().filter(|arrow| arrow.arrived);
        let times: Vec<_> = arrived.map(|arrow| (arrow.sent_us, arrow.end_us)).collect();
        assert_eq!(times, [(1_000_000, 1_010_000), (1_000_000, 1_015_000)]);
        let lost: Vec<_> = scene.arrows.iter().filter(|arrow| !arrow.arrived).collect();
        assert_eq!(lost.len(), 1);
        assert!(lost[0].words.contains("partition"), "{}", lost[0].words);
    }

    #[test]
    fn marks_say_what_happened_at_the_height_and_to_its_nodes() {
        let scene = told(Plan::new(4, 5_000)).scene();
        let marks: Vec<_> = scene
            .marks
            .iter()
            .map(|m| (m.lane, m.words.as_str()))
            .collect();
        assert_eq!(
            marks,
            [
                (1, "proposes A"),
                (3, "crashes"),
                (2, "view 1"),
                (2, "proposes A again"),
                (0, "decides A"),
            ]
        );
        assert_eq!(
            scene.lanes[3].stages.last(),
            Some(&(1_020_000, Stage::Down))
        );
        assert!(
            scene.lanes[0]
                .stages
                .contains(&(1_012_000, Stage::Prepared))
        );
        assert_eq!(scene.lanes[2].role, "leads view 1");
    }

    #[test]
    fn a_partition_from_before_is_said_at_the_beginning() {
        let scene = told(Plan::new(4, 5_000)).scene();
        let notes: Vec<_> = scene
            .notes
            .iter()
            .map(|n| (n.at_us, n.words.as_str()))
            .collect();
        assert_eq!(
            notes,
            [(1_000_000, "partition: 0 1 | 2 3"), (1_030_000, HEALED)]
        );
    }

    #[test]
    fn the_subtitle_says_what_must_happen_and_what_did() {
        let scene = told(Plan::new(4, 5_000)).scene();
        assert!(
            scene
                .subtitle
                .starts_with("It must. 1 of 4 nodes decided, 1040 ms"),
            "{}",
            scene.subtitle
        );
        assert!(scene.subtitle.contains("0 ms is 1000 ms after the start"));
    }

    #[test]
    fn roles_of_attackers_and_twins() {
        let mut plan = Plan::new(4, 5_000);
        plan.byzantine = vec![crate::plan::Byzantine {
            validator: 3,
            attacks: Vec::new(),
        }];
        plan.twins = vec![1];
        let scene = told(plan).scene();
        assert_eq!(scene.lanes.len(), 5);
        assert_eq!(scene.lanes[3].role, "Byzantine");
        assert_eq!(scene.lanes[4].role, "twin of 1");
        assert!(HeightDiagram::new(&Plan::new(4, 1), 0, 9).is_empty());
    }
}

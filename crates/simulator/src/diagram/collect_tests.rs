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

    fn message(&mut self, kind: Kind, height: u32, view: u32, from: u16, to: u16) -> Transmission {
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

//! From what was collected to the scene.

use super::axis::{millis, usual_flight};
use super::collect::{HEALED, HeightDiagram};
use super::scene::{Lane, Mark, Note, Scene, Stage};

impl HeightDiagram {
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
        notes.extend(self.standstill(until));
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
            older: self.older,
        }
    }

    /// What is said at the end of a height that never moved again.
    fn standstill(&self, until: u64) -> Option<Note> {
        (self.repeated > 0 && self.standing.is_some()).then(|| Note {
            at_us: until,
            words: format!(
                "the same at {} ms, {} messages later",
                self.last_us / 1000,
                self.repeated
            ),
        })
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
        let count = self.validators.max(1);
        let leads = |view: &u32| {
            let view = *view as usize % count;
            let turn = if self.older { count - view } else { view };
            (height + turn) % count == position
        };
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
        sentence.push_str(&format!(" 0 ms is {} ms after the start.", millis(from)));
        if self.left_out > 0 {
            sentence.push_str(&format!(
                " {} further messages are not drawn.",
                self.left_out
            ));
        }
        sentence
    }
}

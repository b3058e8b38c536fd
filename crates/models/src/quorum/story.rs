//! A counter-example as a person reads it.

use super::play::{Play, ViewStory, letter};
use super::rules::{Carry, Release};

/// Names in a row.
fn list(validators: &[u8]) -> String {
    let names: Vec<_> = validators.iter().map(u8::to_string).collect();
    match names.split_last() {
        None => "nobody".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

impl Play {
    /// The views one after the other, then what has become of the height.
    #[must_use]
    pub fn text(&self, ending: &str) -> String {
        let setting = &self.setting;
        let honest: Vec<u8> = (0..setting.honest()).collect();
        let mut lines = vec![
            format!(
                "n = {}, f = {}, M = {}; honest {}; Byzantine {}.",
                setting.validators,
                setting.faulty(),
                setting.quorum(),
                list(&honest),
                list(&self.byzantine()),
            ),
            format!("Header signatures leave with {}.", setting.release.words()),
            format!("A later view proposes {}.", setting.carry.words()),
        ];
        for story in self.story() {
            lines.push(String::new());
            self.tell_view(&story, &mut lines);
        }
        lines.push(String::new());
        if setting.release == Release::PreparedLocked {
            self.tell_places(&mut lines);
        }
        lines.push(ending.to_owned());
        lines.join("\n")
    }

    fn tell_view(&self, story: &ViewStory, lines: &mut Vec<String>) {
        let (view, byzantine) = (story.view, self.byzantine());
        let kind = if byzantine.contains(&story.leader) {
            "Byzantine"
        } else {
            "honest"
        };
        lines.push(format!("view {view}, leader {} ({kind})", story.leader));
        let mut line = |what: &str, text: String| lines.push(format!("  {what:<11}{text}"));
        if view > 0 {
            line("TC", format!("TC({view}): {}", self.members(story)));
        }
        if !story.left.is_empty() {
            line(
                "left",
                format!("{} asked for view {view}", list(&story.left)),
            );
        }
        let Some(block) = story.proposal else {
            line("proposal", "none that is prepared".to_owned());
            return;
        };
        line("proposal", format!("{block}, {}", self.reason(story)));
        line("prepared", format!("by {}", list(&story.prepared)));
        line(
            "PC",
            format!(
                "PC({view},{block}) reaches {} in view {view}; the Byzantine have it",
                list(&story.holders)
            ),
        );
        let votes = if self.setting.release == Release::PreCommits {
            "PreCommit"
        } else {
            "header signature"
        };
        let voters: Vec<u8> = story.voters.iter().chain(&byzantine).copied().collect();
        line("signed", format!("{votes} of {block} by {}", list(&voters)));
        for (block, signers) in &story.decided {
            line("decided", format!("{block}, signed by {}", list(signers)));
        }
    }

    /// Who is a member of a view-change certificate, and its claim where claims matter.
    fn members(&self, story: &ViewStory) -> String {
        if self.setting.carry != Carry::Highest {
            let members: Vec<u8> = story
                .certificate
                .iter()
                .map(|(member, _)| *member)
                .collect();
            return list(&members);
        }
        let claims = story.certificate.iter().map(|(member, claim)| match claim {
            Some(held) => {
                let block = self.end.prepared_in(*held).map_or('?', letter);
                format!("{member} claims PC({held},{block})")
            }
            None => format!("{member} claims nothing"),
        });
        claims.collect::<Vec<_>>().join("; ")
    }

    fn reason(&self, story: &ViewStory) -> String {
        match (story.prescribed_by, self.setting.carry) {
            (Some(held), _) => format!("the block of the greatest claim, view {held}"),
            (None, _) if story.view == 0 => "fresh".to_owned(),
            (None, Carry::Highest) => "free, because nobody claims anything".to_owned(),
            (None, _) => "free".to_owned(),
        }
    }

    /// Who is where, when signatures lock.
    fn tell_places(&self, lines: &mut Vec<String>) {
        let count = self.setting.honest();
        for block in 0..self.end.blocks {
            let signers: Vec<u8> = self.end.signers(count, block).iter().collect();
            if !signers.is_empty() {
                let all: Vec<u8> = signers.iter().copied().chain(self.byzantine()).collect();
                lines.push(format!(
                    "{} have signed the header of {}: {} of {}.",
                    list(&all),
                    letter(block),
                    all.len(),
                    self.setting.quorum()
                ));
            }
        }
        let free: Vec<u8> = self.end.unlocked(count).iter().collect();
        lines.push(format!(
            "{} are in view {} and not locked: {} of {}.",
            list(&free),
            self.end.view.saturating_sub(1),
            free.len(),
            self.setting.quorum()
        ));
    }
}

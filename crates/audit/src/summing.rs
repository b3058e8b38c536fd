//! Keeps the rate of lines bounded: equal entries are summed up, and too many are counted.

use std::collections::BTreeMap;

use crate::entry::Entry;
use crate::kind::Kind;

/// How long equal entries are counted before their sum is written, in milliseconds.
const WINDOW_MS: u64 = 60_000;
/// Different entries that are counted at a time.
const MAX_SUMS: usize = 1_024;
/// Lines that may come at once.
const BURST: u64 = 256;
/// Lines of the burst that are left for vital kinds.
const RESERVE: u64 = 64;
/// Milliseconds for one line more: 8 a second, some 350 MB a day at the very worst.
const LINE_MS: u64 = 125;

/// Equal entries of one window.
#[derive(Clone, Debug)]
struct Sum {
    since_ms: u64,
    /// Further ones, after the one that was written.
    more: u64,
    /// The latest.
    last: Entry,
}

/// Decides what is written at once, what later as a sum, and what is only counted. Times are of a clock that does not
/// go back.
#[derive(Debug)]
pub(crate) struct Summing {
    sums: BTreeMap<(Kind, String), Sum>,
    suppressed: BTreeMap<Kind, u64>,
    /// Room for lines, in milliseconds.
    room_ms: u64,
    at_ms: u64,
}

impl Summing {
    pub(crate) fn new(now_ms: u64) -> Self {
        Self {
            sums: BTreeMap::new(),
            suppressed: BTreeMap::new(),
            room_ms: BURST * LINE_MS,
            at_ms: now_ms,
        }
    }

    /// The entry, if it is to be written now.
    pub(crate) fn take(&mut self, now_ms: u64, entry: Entry) -> Option<Entry> {
        if let Some(mark) = entry.mark() {
            let key = (entry.kind, mark.to_owned());
            if let Some(sum) = self.sums.get_mut(&key) {
                sum.more = sum.more.saturating_add(1);
                sum.last = entry;
                return None;
            }
            if self.sums.len() >= MAX_SUMS {
                self.suppress(entry.kind, 1);
                return None;
            }
            let sum = Sum {
                since_ms: now_ms,
                more: 0,
                last: entry.clone(),
            };
            self.sums.insert(key, sum);
        }
        self.afford(now_ms, entry, 1)
    }

    /// What has become due: sums, and what was suppressed.
    pub(crate) fn due(&mut self, now_ms: u64) -> Vec<Entry> {
        let over = |sum: &Sum| now_ms.saturating_sub(sum.since_ms) >= WINDOW_MS;
        let ended: Vec<_> = self
            .sums
            .extract_if(.., |_, sum| over(sum))
            .map(|(_, sum)| sum)
            .collect();
        self.write(now_ms, ended, RESERVE)
    }

    /// Everything that is still counted, at the end of the process.
    pub(crate) fn drain(&mut self, now_ms: u64) -> Vec<Entry> {
        let all = std::mem::take(&mut self.sums).into_values().collect();
        // No line is written after these.
        self.write(now_ms, all, 0)
    }

    /// Counts entries that are not written.
    pub(crate) fn suppress(&mut self, kind: Kind, count: u64) {
        let suppressed = self.suppressed.entry(kind).or_default();
        *suppressed = suppressed.saturating_add(count);
    }

    fn write(&mut self, now_ms: u64, sums: Vec<Sum>, reserve: u64) -> Vec<Entry> {
        let mut out = Vec::new();
        for sum in sums.into_iter().filter(|sum| sum.more > 0) {
            let entry = sum
                .last
                .with("times", sum.more)
                .with("within_ms", now_ms.saturating_sub(sum.since_ms));
            out.extend(self.afford(now_ms, entry, sum.more));
        }
        if !self.suppressed.is_empty() && self.pays(now_ms, reserve) {
            let mut entry = Entry::new(Kind::Suppressed);
            for (kind, count) in std::mem::take(&mut self.suppressed) {
                entry = entry.with(kind.name(), count);
            }
            out.push(entry);
        }
        out
    }

    /// The entry, if there is room for a line of its kind; else what it stands for is counted.
    fn afford(&mut self, now_ms: u64, entry: Entry, count: u64) -> Option<Entry> {
        let reserve = if entry.kind.is_vital() { 0 } else { RESERVE };
        if self.pays(now_ms, reserve) {
            return Some(entry);
        }
        self.suppress(entry.kind, count);
        None
    }

    fn pays(&mut self, now_ms: u64, reserve: u64) -> bool {
        let passed = now_ms.saturating_sub(self.at_ms);
        self.at_ms = self.at_ms.max(now_ms);
        self.room_ms = self.room_ms.saturating_add(passed).min(BURST * LINE_MS);
        let enough = self.room_ms >= (reserve + 1) * LINE_MS;
        if enough {
            self.room_ms -= LINE_MS;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offence(who: &str) -> Entry {
        Entry::new(Kind::Offence).text("who", who).alike(who)
    }

    #[test]
    fn the_first_of_equal_entries_is_written_and_the_rest_summed_up() {
        let mut summing = Summing::new(0);
        assert_eq!(summing.take(0, offence("a")), Some(offence("a")));
        for at in 1..=500 {
            assert_eq!(summing.take(at, offence("a")), None);
        }
        assert_eq!(summing.take(501, offence("b")), Some(offence("b")));
        assert_eq!(summing.due(WINDOW_MS - 1), []);
        let sums = summing.due(WINDOW_MS + 600);
        assert_eq!(sums.len(), 1, "b came once: {sums:?}");
        assert_eq!(sums[0].fields["times"], 500);
        assert_eq!(sums[0].fields["who"], "a");
        // The window is over: the next one is written again.
        assert!(summing.take(WINDOW_MS + 601, offence("a")).is_some());
    }

    #[test]
    fn a_flood_of_different_entries_is_counted_and_leaves_room_for_evidence() {
        let mut summing = Summing::new(0);
        let written = (0..10_000)
            .filter(|number| {
                let entry = Entry::new(Kind::Offence).with("number", *number);
                summing.take(0, entry).is_some()
            })
            .count() as u64;
        assert_eq!(written, BURST - RESERVE);
        let evidence = (0..10_000)
            .filter(|_| summing.take(0, Entry::new(Kind::Evidence)).is_some())
            .count() as u64;
        assert_eq!(evidence, RESERVE);
        let later = summing.due(BURST * LINE_MS);
        assert_eq!(later.len(), 1);
        assert_eq!(later[0].kind, Kind::Suppressed);
        assert_eq!(later[0].fields["offence"], 10_000 - written);
        assert_eq!(later[0].fields["evidence"], 10_000 - evidence);
    }

    #[test]
    fn memory_and_rate_are_bounded() {
        let mut summing = Summing::new(0);
        let mut written = 0;
        let hours = 3;
        for second in 0..3_600 * hours {
            for number in 0..20 {
                let name = format!("{second} {number}");
                written += u64::from(summing.take(second * 1_000, offence(&name)).is_some());
            }
            written += summing.due(second * 1_000).len() as u64;
            assert!(summing.sums.len() <= MAX_SUMS);
        }
        assert!(
            written <= BURST + 3_600 * hours * 1_000 / LINE_MS,
            "{written}"
        );
    }

    #[test]
    fn nothing_counted_is_lost_at_the_end() {
        let mut summing = Summing::new(0);
        for at in 0..5 {
            summing.take(at, offence("a"));
        }
        summing.suppress(Kind::ViewChange, 3);
        let rest = summing.drain(10);
        assert_eq!(rest.len(), 2);
        assert_eq!(rest[0].fields["times"], 4);
        assert_eq!(rest[1].fields["view-change"], 3);
        assert_eq!(summing.drain(11), []);
    }
}

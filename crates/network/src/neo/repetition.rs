//! When consensus payloads are announced again because nothing moves.

use std::time::Duration;

/// As neo-go since 0.119: after a pause without anything new, and then after twice as long each time.
#[derive(Debug)]
pub(crate) struct Repetition {
    first: Option<Duration>,
    pause: Duration,
    next: Duration,
}

impl Repetition {
    /// Begins with this pause; `None` never repeats.
    pub(crate) fn new(first: Option<Duration>) -> Self {
        let first = first.map(|pause| pause.max(Duration::from_millis(20)));
        let pause = first.unwrap_or_default();
        Self {
            first,
            pause,
            next: pause,
        }
    }

    /// Something new came, or a block is stored.
    pub(crate) fn moved(&mut self, now: Duration) {
        self.pause = self.first.unwrap_or_default();
        self.next = now.saturating_add(self.pause);
    }

    /// Whether it is time to repeat.
    pub(crate) fn is_due(&mut self, now: Duration) -> bool {
        let due = self.first.is_some() && now >= self.next;
        if due {
            self.pause = self.pause.saturating_mul(2);
            self.next = now.saturating_add(self.pause);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_until_something_moves() {
        let second = Duration::from_secs(1);
        let mut repetition = Repetition::new(Some(second));
        repetition.moved(second);
        let mut at = Vec::new();
        for step in 0..20 {
            if repetition.is_due(second * step) {
                at.push(step);
            }
        }
        assert_eq!(at, [2, 4, 8, 16]);
        repetition.moved(second * 20);
        assert!(!repetition.is_due(second * 20) && repetition.is_due(second * 21));
        let mut never = Repetition::new(None);
        assert!(!never.is_due(second * 1000));
    }
}

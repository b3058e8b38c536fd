//! How long a view may take, as C# counts it. T is the block time.

use std::time::Duration;

/// Shifts above this change nothing any more; C# overflows instead.
const MAX_SHIFT: u32 = 20;

/// T of a network, never zero: Neo's least is one millisecond.
#[must_use]
pub fn unit(block_time: Duration) -> Duration {
    block_time.max(Duration::from_millis(1))
}

/// `T << shift`.
#[must_use]
pub fn shifted(unit: Duration, shift: u32) -> Duration {
    unit.saturating_mul(1 << shift.min(MAX_SHIFT))
}

/// What a backup waits in a view, and a primary that came into it by recovery: `T << (view + 1)`.
#[must_use]
pub fn of_view(unit: Duration, view: u8) -> Duration {
    shifted(unit, u32::from(view) + 1)
}

/// What the primary waits before its block: T since the block before was proposed, if that was seen.
#[must_use]
pub fn of_primary(unit: Duration, since: Option<Duration>) -> Duration {
    unit.saturating_sub(since.unwrap_or_default())
}

/// What the primary waits after its block: the view's time without what it has waited before it.
#[must_use]
pub fn after_request(unit: Duration, view: u8) -> Duration {
    let waited = if view == 0 { unit } else { Duration::ZERO };
    of_view(unit, view).saturating_sub(waited)
}

/// What is waited after the own ChangeView to the view after this one.
#[must_use]
pub fn after_change_view(unit: Duration, view: u8) -> Duration {
    shifted(unit, u32::from(view) + 2)
}

/// Between two RecoveryMessages of a validator that has committed.
#[must_use]
pub fn between_recoveries(unit: Duration) -> Duration {
    shifted(unit, 1)
}

/// By how much a good message extends a view: `factor · T / M`.
#[must_use]
pub fn extension(unit: Duration, factor: u32, quorum: usize) -> Duration {
    let quorum = u32::try_from(quorum.max(1)).unwrap_or(u32::MAX);
    unit.saturating_mul(factor) / quorum
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Duration = Duration::from_secs(15);

    fn secs(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn times_are_those_of_the_reference() {
        assert_eq!(
            [0, 1, 2].map(|view| of_view(T, view)),
            [secs(30), secs(60), secs(120)]
        );
        assert_eq!(of_primary(T, None), secs(15));
        assert_eq!(of_primary(T, Some(secs(4))), secs(11));
        assert_eq!(of_primary(T, Some(secs(40))), secs(0));
        assert_eq!(
            [0, 1].map(|view| after_request(T, view)),
            [secs(15), secs(60)]
        );
        assert_eq!(
            [0, 1].map(|view| after_change_view(T, view)),
            [secs(60), secs(120)]
        );
        assert_eq!(between_recoveries(T), secs(30));
        assert_eq!(extension(T, 2, 5), secs(6));
        assert_eq!(extension(T, 4, 5), secs(12));
    }

    #[test]
    fn the_last_views_do_not_overflow() {
        assert_eq!(of_view(T, 255), T * (1 << MAX_SHIFT));
        assert_eq!(shifted(Duration::MAX, 31), Duration::MAX);
        assert_eq!(unit(Duration::ZERO), Duration::from_millis(1));
    }
}

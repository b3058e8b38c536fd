//! How long a view may take.

use std::time::Duration;

use super::TimerSettings;

/// Estimates how long a view takes from its proposal to its decision (Jacobson, SIGCOMM 1988).
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct AdaptiveTimer {
    base_timeout: Duration,
}

impl AdaptiveTimer {
    /// A timer that has seen nothing: its base is the configured one.
    #[must_use]
    pub fn new(settings: &TimerSettings) -> Self {
        Self {
            base_timeout: settings.base_timeout,
        }
    }

    /// The length of an undisturbed view from the moment its block is due.
    #[must_use]
    pub fn base_timeout(&self) -> Duration {
        self.base_timeout
    }
}

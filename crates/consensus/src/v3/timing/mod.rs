//! When a leader proposes and when a view is given up (protocol section 8).
//!
//! | module     | what it holds                                          |
//! |------------|--------------------------------------------------------|
//! | `settings` | what a node is configured with, and what is impossible |
//! | `adaptive` | how long a view may take, out of what views took       |

mod adaptive;
mod settings;

pub use adaptive::AdaptiveTimer;
pub use settings::{TimerProblem, TimerSettings};

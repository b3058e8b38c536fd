//! One file for each family of attacks.

mod withholding;

use crate::attack::Attack;
use crate::strategy::Strategy;

/// The strategy behind an attack.
pub(crate) fn of(attack: Attack) -> Box<dyn Strategy> {
    Box::new(withholding::Withholding::of(attack))
}

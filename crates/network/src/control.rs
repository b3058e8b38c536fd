//! What follows the hello on the control lane: heartbeats, statuses and roles.

use neo_primitives::{Decode, DecodeError, Encode, Height, Reader, UInt256, codec::write_var_int};

use crate::relay::{KeyPrint, MAX_REACH};

/// A frame of the control lane after the hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// We live. The remote measures the round trip from it: `echo` is the stamp of the last heartbeat that came
    /// from there, `held_us` how long ago. One frame a direction and interval measures both ways.
    Heartbeat {
        /// The sender's own clock in microseconds, meaningless to others.
        stamp_us: u64,
        /// Stamp of the last heartbeat received, 0 for none.
        echo_us: u64,
        /// Microseconds between that heartbeat's arrival and this frame.
        held_us: u32,
        /// The sender watches the receiver and wants to hear from it every so many milliseconds; 0 if it does not.
        wanted_ms: u16,
    },
    /// The last stored block.
    Status { height: Height, tip: UInt256 },
    /// The hello is accepted. `consensus` says whether consensus messages are welcome: the sender is a validator
    /// and holds the receiver for one. Sent again when that changes.
    Role { consensus: bool },
    /// The validators that the sender is connected with, see [`crate::relay`]. Sent again when that changes.
    Reach { validators: Vec<KeyPrint> },
}

impl Encode for Control {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Control::Heartbeat {
                stamp_us,
                echo_us,
                held_us,
                wanted_ms,
            } => {
                out.push(0);
                out.extend_from_slice(&stamp_us.to_le_bytes());
                out.extend_from_slice(&echo_us.to_le_bytes());
                out.extend_from_slice(&held_us.to_le_bytes());
                out.extend_from_slice(&wanted_ms.to_le_bytes());
            }
            Control::Status { height, tip } => {
                out.push(1);
                out.extend_from_slice(&height.0.to_le_bytes());
                out.extend_from_slice(tip.as_wire());
            }
            Control::Role { consensus } => out.extend_from_slice(&[2, u8::from(*consensus)]),
            Control::Reach { validators } => {
                out.push(3);
                write_var_int(out, validators.len() as u64);
                for print in validators {
                    out.extend_from_slice(print);
                }
            }
        }
    }
}

impl Decode for Control {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.field("control frame").u8()? {
            0 => Ok(Control::Heartbeat {
                stamp_us: r.field("stamp").u64()?,
                echo_us: r.field("echo").u64()?,
                held_us: r.field("held").u32()?,
                wanted_ms: r.field("wanted").u16()?,
            }),
            1 => Ok(Control::Status {
                height: Height(r.field("height").u32()?),
                tip: UInt256::from_wire(r.field("tip").array()?),
            }),
            2 => Ok(Control::Role {
                consensus: r.field("consensus").bool()?,
            }),
            3 => {
                let count = r.field("reach").var_int(MAX_REACH as u64)?;
                let mut validators = Vec::new();
                for _ in 0..count {
                    validators.push(r.field("print of a validator").array()?);
                }
                Ok(Control::Reach { validators })
            }
            other => Err(r.invalid(format!("control type {other}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn control() -> impl Strategy<Value = Control> {
        prop_oneof![
            (any::<u64>(), any::<u64>(), any::<u32>(), any::<u16>()).prop_map(
                |(stamp_us, echo_us, held_us, wanted_ms)| Control::Heartbeat {
                    stamp_us,
                    echo_us,
                    held_us,
                    wanted_ms,
                }
            ),
            vec(any::<KeyPrint>(), 0..=MAX_REACH)
                .prop_map(|validators| Control::Reach { validators }),
            (any::<u32>(), any::<[u8; 32]>()).prop_map(|(height, tip)| Control::Status {
                height: Height(height),
                tip: UInt256::from_wire(tip)
            }),
            any::<bool>().prop_map(|consensus| Control::Role { consensus }),
        ]
    }

    proptest! {
        #[test]
        fn control_frames_come_back(control in control()) {
            let bytes = control.to_bytes();
            prop_assert!(bytes.len() <= crate::frame::CONTROL_FRAME);
            prop_assert_eq!(Control::from_bytes(&bytes).unwrap(), control);
        }

        #[test]
        fn no_bytes_panic(bytes in vec(any::<u8>(), 0..60)) {
            let _ = Control::from_bytes(&bytes);
        }
    }
}

//! The compact form in which outcomes of transactions are stored.

use neo_primitives::{Datoshi, DecodeError, Reader, Token, UInt160, codec::write_var_int};

use super::outcome::{Execution, Fault, Notification, StackItem, Trigger, VmState};

/// What a transaction's script did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TransactionOutcome {
    /// Why it faulted; `None` when it halted.
    pub(crate) fault: Option<Fault>,
    /// GAS used, in datoshi.
    pub(crate) gas_consumed: u64,
    /// Results of the transfers without ASSERT, in order.
    pub(crate) results: Vec<bool>,
    /// Events.
    pub(crate) notifications: Vec<Notification>,
}

const TAG_NEO: u8 = 1;
const TAG_FROM: u8 = 2;
const TAG_TO: u8 = 4;

impl TransactionOutcome {
    /// How the script ended.
    pub(crate) fn vm_state(&self) -> VmState {
        if self.fault.is_some() {
            VmState::Fault
        } else {
            VmState::Halt
        }
    }

    /// The outcome as an application log shows it.
    pub(crate) fn into_execution(self) -> Execution {
        Execution {
            trigger: Trigger::Application,
            vm_state: self.vm_state(),
            exception: self.fault.map(|fault| fault.message().to_owned()),
            gas_consumed: Datoshi(i64::try_from(self.gas_consumed).unwrap_or(i64::MAX)),
            stack: self.results.into_iter().map(StackItem::Boolean).collect(),
            notifications: self.notifications,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self.fault {
            None => 0,
            Some(Fault::OutOfGas) => 1,
            Some(Fault::AssertFailed) => 2,
            Some(Fault::NegativeAmount) => 3,
        });
        write_var_int(out, self.gas_consumed);
        write_var_int(out, self.results.len() as u64);
        out.extend(self.results.iter().map(|&result| u8::from(result)));
        write_var_int(out, self.notifications.len() as u64);
        for event in &self.notifications {
            let neo = if event.token == Token::Neo {
                TAG_NEO
            } else {
                0
            };
            let from = if event.from.is_some() { TAG_FROM } else { 0 };
            let to = if event.to.is_some() { TAG_TO } else { 0 };
            out.push(neo | from | to);
            for account in [event.from, event.to].into_iter().flatten() {
                out.extend_from_slice(account.as_wire());
            }
            write_var_int(out, event.amount);
        }
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let fault = match r.field("fault").u8()? {
            0 => None,
            1 => Some(Fault::OutOfGas),
            2 => Some(Fault::AssertFailed),
            3 => Some(Fault::NegativeAmount),
            other => return Err(r.invalid(format!("fault {other}"))),
        };
        let gas_consumed = r.field("gas consumed").var_int(u64::MAX)?;
        let count = r.field("results").count(u64::from(u16::MAX), 1)?;
        let results = (0..count).map(|_| r.bool()).collect::<Result<_, _>>()?;
        let count = r.field("notifications").count(u64::from(u32::MAX), 2)?;
        let notifications = (0..count)
            .map(|_| decode_notification(r))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            fault,
            gas_consumed,
            results,
            notifications,
        })
    }
}

fn decode_notification(r: &mut Reader<'_>) -> Result<Notification, DecodeError> {
    let tag = r.field("notification").u8()?;
    if tag & !(TAG_NEO | TAG_FROM | TAG_TO) != 0 {
        return Err(r.invalid(format!("tag {tag}")));
    }
    let mut account = |present: u8| -> Result<Option<UInt160>, DecodeError> {
        if tag & present == 0 {
            return Ok(None);
        }
        Ok(Some(UInt160::from_wire(r.array()?)))
    };
    let from = account(TAG_FROM)?;
    let to = account(TAG_TO)?;
    let token = if tag & TAG_NEO == 0 {
        Token::Gas
    } else {
        Token::Neo
    };
    Ok(Notification {
        token,
        from,
        to,
        amount: r.var_int(u64::MAX)?,
    })
}

/// Bytes of the outcomes of a block, each behind its length, in order of the transactions.
pub(crate) fn encode_outcomes(outcomes: &[TransactionOutcome]) -> Vec<u8> {
    let mut out = Vec::with_capacity(outcomes.len().saturating_mul(64));
    let mut one = Vec::new();
    for outcome in outcomes {
        one.clear();
        outcome.encode(&mut one);
        write_var_int(&mut out, one.len() as u64);
        out.extend_from_slice(&one);
    }
    out
}

/// Reads the outcome at a position, without decoding those before it.
///
/// # Errors
/// When the bytes are damaged or end before the position.
pub(crate) fn decode_outcome(
    bytes: &[u8],
    position: u32,
) -> Result<TransactionOutcome, DecodeError> {
    let mut r = Reader::new(bytes);
    for _ in 0..position {
        r.var_bytes(u64::from(u32::MAX))?;
    }
    decode_next(&mut r)
}

/// Reads the outcomes of a block of `count` transactions.
///
/// # Errors
/// When the bytes are damaged, or are not those of so many.
pub(crate) fn decode_outcomes(
    bytes: &[u8],
    count: usize,
) -> Result<Vec<TransactionOutcome>, DecodeError> {
    let mut r = Reader::new(bytes);
    let outcomes = (0..count)
        .map(|_| decode_next(&mut r))
        .collect::<Result<_, _>>()?;
    r.finish()?;
    Ok(outcomes)
}

fn decode_next(r: &mut Reader<'_>) -> Result<TransactionOutcome, DecodeError> {
    let mut one = Reader::new(r.var_bytes(u64::from(u32::MAX))?);
    let outcome = TransactionOutcome::decode(&mut one)?;
    one.finish()?;
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account() -> impl Strategy<Value = Option<UInt160>> {
        proptest::option::of(any::<[u8; 20]>().prop_map(UInt160::from_wire))
    }

    fn outcome() -> impl Strategy<Value = TransactionOutcome> {
        let notification = (any::<bool>(), account(), account(), any::<u64>()).prop_map(
            |(neo, from, to, amount)| {
                let token = if neo { Token::Neo } else { Token::Gas };
                Notification {
                    token,
                    from,
                    to,
                    amount,
                }
            },
        );
        let fault = prop_oneof![
            Just(None),
            Just(Some(Fault::OutOfGas)),
            Just(Some(Fault::AssertFailed)),
            Just(Some(Fault::NegativeAmount))
        ];
        (
            fault,
            any::<u64>(),
            proptest::collection::vec(any::<bool>(), 0..4),
            proptest::collection::vec(notification, 0..4),
        )
            .prop_map(
                |(fault, gas_consumed, results, notifications)| TransactionOutcome {
                    fault,
                    gas_consumed,
                    results,
                    notifications,
                },
            )
    }

    proptest! {
        #[test]
        fn outcomes_come_back_by_position(outcomes in proptest::collection::vec(outcome(), 1..6)) {
            let bytes = encode_outcomes(&outcomes);
            for (position, outcome) in outcomes.iter().enumerate() {
                prop_assert_eq!(&decode_outcome(&bytes, position as u32).unwrap(), outcome);
            }
            prop_assert!(decode_outcome(&bytes, outcomes.len() as u32).is_err());
            prop_assert!(decode_outcomes(&bytes, outcomes.len() - 1).is_err());
            prop_assert_eq!(decode_outcomes(&bytes, outcomes.len()).unwrap(), outcomes);
        }

        #[test]
        fn any_bytes_decode_or_are_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            position in 0u32..5,
        ) {
            let _ = decode_outcome(&bytes, position);
        }
    }
}

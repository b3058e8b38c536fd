//! What an execution did, as application logs show it.

use neo_primitives::{Datoshi, Token, UInt160};
use num_bigint::BigInt;

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VmState {
    /// To its end.
    Halt,
    /// By an exception; nothing that it wrote stays.
    Fault,
}

impl VmState {
    /// Neo's name of the state.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Halt => "HALT",
            Self::Fault => "FAULT",
        }
    }
}

/// When an execution runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// Before the transactions of a block: fees are burnt, the primary is paid.
    OnPersist,
    /// After the transactions of a block: a committee member is paid.
    PostPersist,
    /// A transaction's script.
    Application,
}

impl Trigger {
    /// Neo's name of the trigger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OnPersist => "OnPersist",
            Self::PostPersist => "PostPersist",
            Self::Application => "Application",
        }
    }
}

/// An item on a result stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StackItem {
    /// A truth value.
    Boolean(bool),
    /// An integer.
    Integer(BigInt),
    /// Immutable bytes.
    ByteString(Vec<u8>),
    /// Nothing.
    Null,
    /// A list.
    Array(Vec<StackItem>),
    /// A list that is copied as a value.
    Struct(Vec<StackItem>),
}

/// A `Transfer` event of a token contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The token whose contract emitted it.
    pub token: Token,
    /// Who gave; `None` when the amount was created.
    pub from: Option<UInt160>,
    /// Who received; `None` when the amount was burnt.
    pub to: Option<UInt160>,
    /// Amount in the token's smallest unit.
    pub amount: u64,
}

/// An execution in an application log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// When it ran.
    pub trigger: Trigger,
    /// How it ended.
    pub vm_state: VmState,
    /// Why it faulted.
    pub exception: Option<String>,
    /// GAS used.
    pub gas_consumed: Datoshi,
    /// Result stack, bottom first; empty after a fault.
    pub stack: Vec<StackItem>,
    /// Events in order of emission.
    pub notifications: Vec<Notification>,
}

/// The outcome of a test run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// How it ended.
    pub vm_state: VmState,
    /// Why it faulted.
    pub exception: Option<String>,
    /// GAS used.
    pub gas_consumed: Datoshi,
    /// Result stack, bottom first; empty after a fault.
    pub stack: Vec<StackItem>,
    /// Events in order of emission.
    pub notifications: Vec<Notification>,
}

/// Why a script of transfers or reads faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The system fee is used up.
    OutOfGas,
    /// A transfer that was to succeed returned false.
    AssertFailed,
    /// A transfer of less than nothing.
    NegativeAmount,
}

impl Fault {
    /// The text that application logs show.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::OutOfGas => "Insufficient GAS.",
            Self::AssertFailed => "ASSERT is executed with false result.",
            Self::NegativeAmount => "The amount of a transfer cannot be negative.",
        }
    }
}

//! What the virtual machine charges, step by step.

use crate::script::{Instruction, Opcode, Syscall};

/// Execution price of `System.Contract.Call`.
const CONTRACT_CALL: u32 = 1 << 15;
/// Execution price of a method that reads storage.
const READ_METHOD: u32 = 1 << 15;
/// Execution price of a method that reads the committee.
const COMMITTEE_METHOD: u32 = 1 << 16;
/// Execution price of `getCandidates`.
const CANDIDATES_METHOD: u32 = 1 << 22;
/// Execution price of `transfer`, and of `unclaimedGas`.
const TRANSFER_METHOD: u32 = 1 << 17;
/// Storage price of `transfer`, in bytes.
const TRANSFER_STORAGE: u32 = 50;

/// One charge, in the order in which the virtual machine makes them. It adds the charge to what was consumed, then
/// faults if that is more than the system fee; so a fault has consumed the charge that caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Offset of the instruction in the script.
    pub offset: usize,
    /// Units of the execution fee factor (30 datoshi by default).
    pub execution: u32,
    /// Units of the storage price (100,000 datoshi by default).
    pub storage: u32,
}

impl Charge {
    /// The charge in datoshi. Saturates, which no real price comes near.
    pub fn datoshi(&self, execution_fee_factor: u32, storage_price: u32) -> i64 {
        let execution = i64::from(self.execution).saturating_mul(execution_fee_factor.into());
        let storage = i64::from(self.storage).saturating_mul(storage_price.into());
        execution.saturating_add(storage)
    }
}

/// The charge of an instruction by itself.
pub(super) fn instruction(instruction: &Instruction<'_>) -> Charge {
    let syscall = match instruction.syscall() {
        Some(Syscall::CONTRACT_CALL) => CONTRACT_CALL,
        _ => 0,
    };
    Charge {
        offset: instruction.offset,
        execution: instruction
            .opcode
            .price()
            .unwrap_or_default()
            .saturating_add(syscall),
        storage: 0,
    }
}

/// What a method of a native token costs in itself.
#[derive(Clone, Copy)]
pub(super) enum Method {
    /// `symbol`, `decimals`.
    Constant,
    /// `totalSupply`, `balanceOf`, and most others that read.
    Read,
    /// `getCommittee` and its like.
    Committee,
    /// `unclaimedGas`.
    Earnings,
    /// `getCandidates`.
    Candidates,
    /// `transfer`.
    Transfer,
}

/// The charges inside the native contract: the push of its version, then the method's price at once.
pub(super) fn native(offset: usize, method: Method) -> [Charge; 2] {
    let (execution, storage) = match method {
        Method::Constant => (0, 0),
        Method::Read => (READ_METHOD, 0),
        Method::Committee => (COMMITTEE_METHOD, 0),
        Method::Earnings => (TRANSFER_METHOD, 0),
        Method::Candidates => (CANDIDATES_METHOD, 0),
        Method::Transfer => (TRANSFER_METHOD, TRANSFER_STORAGE),
    };
    let push = Opcode::PUSH0.price().unwrap_or_default();
    [
        Charge {
            offset,
            execution: push,
            storage: 0,
        },
        Charge {
            offset,
            execution,
            storage,
        },
    ]
}

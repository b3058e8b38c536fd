//! What a recognised script does.

use num_bigint::BigInt;

use super::{Charge, Question, Token};
use crate::hash::UInt160;

/// A value that a script pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StackValue {
    /// Null.
    Null,
    /// A Boolean.
    Boolean(bool),
    /// An integer of at most 256 bits, two's complement.
    Integer(BigInt),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A call of `transfer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Offset of the call in the script.
    pub offset: usize,
    /// The token.
    pub token: Token,
    /// Who pays.
    pub from: UInt160,
    /// Who gets.
    pub to: UInt160,
    /// How much, in the token's smallest unit; may be negative, which faults.
    pub amount: BigInt,
    /// Passed on to a receiving contract; without meaning for other accounts.
    pub data: StackValue,
    /// Whether the script faults if the transfer gives `false`.
    pub has_assert: bool,
    /// The charges until the transfer acts, since the end of the call before it.
    pub charges: Vec<Charge>,
    /// The charge of the ASSERT, after the transfer acted.
    pub assert_charge: Option<Charge>,
}

impl Transfer {
    /// What the whole transfer costs, in datoshi.
    pub fn cost(&self, execution_fee_factor: u32, storage_price: u32) -> i64 {
        total(
            self.charges.iter().chain(&self.assert_charge),
            execution_fee_factor,
            storage_price,
        )
    }
}

/// A method of a token that only reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadMethod {
    /// `symbol`: the token's symbol as bytes.
    Symbol,
    /// `decimals`: an integer.
    Decimals,
    /// `totalSupply`: an integer.
    TotalSupply,
    /// `balanceOf` an account: an integer.
    BalanceOf(UInt160),
}

/// A call of a method that only reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Offset of the call in the script.
    pub offset: usize,
    /// The token.
    pub token: Token,
    /// The method.
    pub method: ReadMethod,
    /// The charges until the method answers, since the end of the call before it.
    pub charges: Vec<Charge>,
}

impl Read {
    /// What the whole call costs, in datoshi.
    pub fn cost(&self, execution_fee_factor: u32, storage_price: u32) -> i64 {
        total(self.charges.iter(), execution_fee_factor, storage_price)
    }
}

/// A call that asks for something of the chain, its policy or its committee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Offset of the call in the script.
    pub offset: usize,
    /// What is asked.
    pub question: Question,
    /// The charges until the method answers, since the end of the call before it.
    pub charges: Vec<Charge>,
}

impl Query {
    /// What the whole call costs, in datoshi.
    pub fn cost(&self, execution_fee_factor: u32, storage_price: u32) -> i64 {
        total(self.charges.iter(), execution_fee_factor, storage_price)
    }
}

/// One call of a recognised script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// A transfer.
    Transfer(Transfer),
    /// A read of a token.
    Read(Read),
    /// Another read.
    Query(Query),
}

fn total<'a>(charges: impl Iterator<Item = &'a Charge>, factor: u32, storage: u32) -> i64 {
    charges.fold(0, |sum, charge| {
        sum.saturating_add(charge.datoshi(factor, storage))
    })
}

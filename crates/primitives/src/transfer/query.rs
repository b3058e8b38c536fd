//! What scripts may read of native contracts besides the tokens themselves.

use super::price::Method;
use super::stack::{Pushed, account, integer, public_key};
use super::{NotTransfers, Token};
use crate::hash::UInt160;
use crate::keys::PublicKey;
use crate::script::CallFlags;
use num_bigint::BigInt;

/// A native contract whose methods are known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NativeContract {
    /// The chain itself.
    Ledger,
    /// NEO and GAS.
    Token(Token),
    /// Fees and limits.
    Policy,
}

impl NativeContract {
    /// Hash of `LedgerContract`.
    pub const LEDGER: UInt160 = UInt160::from_wire([
        0xbe, 0xf2, 0x04, 0x31, 0x40, 0x36, 0x2a, 0x77, 0xc1, 0x50, 0x99, 0xc7, 0xe6, 0x4c, 0x12,
        0xf7, 0x00, 0xb6, 0x65, 0xda,
    ]);
    /// Hash of `PolicyContract`.
    pub const POLICY: UInt160 = UInt160::from_wire([
        0x7b, 0xc6, 0x81, 0xc0, 0xa1, 0xf7, 0x1d, 0x54, 0x34, 0x57, 0xb6, 0x8b, 0xba, 0x8d, 0x5f,
        0x9f, 0xdd, 0x4e, 0x5e, 0xcc,
    ]);

    /// The contract with this hash, if its methods are known here.
    pub fn from_hash(hash: &UInt160) -> Option<Self> {
        match *hash {
            Self::LEDGER => Some(Self::Ledger),
            Self::POLICY => Some(Self::Policy),
            _ => Token::from_hash(hash).map(Self::Token),
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "LedgerContract",
            Self::Token(token) => token.contract_name(),
            Self::Policy => "PolicyContract",
        }
    }
}

/// A method that only reads, of the chain, its policy or its committee. The names are Neo's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// `LedgerContract.currentHash`.
    CurrentHash,
    /// `LedgerContract.currentIndex`.
    CurrentIndex,
    /// `PolicyContract.getFeePerByte`, in datoshi.
    FeePerByte,
    /// `PolicyContract.getExecFeeFactor`.
    ExecFeeFactor,
    /// `PolicyContract.getExecPicoFeeFactor`: the factor times 10,000.
    ExecPicoFeeFactor,
    /// `PolicyContract.getStoragePrice`, in datoshi.
    StoragePrice,
    /// `PolicyContract.getMillisecondsPerBlock`.
    MillisecondsPerBlock,
    /// `PolicyContract.getMaxValidUntilBlockIncrement`.
    MaxValidUntilBlockIncrement,
    /// `PolicyContract.getMaxTraceableBlocks`.
    MaxTraceableBlocks,
    /// `PolicyContract.getAttributeFee` of an attribute's type, in datoshi.
    AttributeFee(BigInt),
    /// `PolicyContract.isBlocked` of an account.
    IsBlocked(UInt160),
    /// `NeoToken.getGasPerBlock`, in datoshi.
    GasPerBlock,
    /// `NeoToken.getRegisterPrice`, in datoshi.
    RegisterPrice,
    /// `NeoToken.getCommittee`: keys, sorted.
    Committee,
    /// `NeoToken.getCommitteeAddress`.
    CommitteeAddress,
    /// `NeoToken.getNextBlockValidators`: keys, sorted.
    NextBlockValidators,
    /// `NeoToken.getCandidates`.
    Candidates,
    /// `NeoToken.getCandidateVote` of a key.
    CandidateVote(PublicKey),
    /// `NeoToken.getAccountState` of an account.
    AccountState(UInt160),
    /// `NeoToken.unclaimedGas` of an account before a height, in datoshi.
    UnclaimedGas(UInt160, BigInt),
}

/// The question that a call asks, and what it costs; the arguments back, if it asks none that is known.
pub(super) fn recognise(
    contract: NativeContract,
    method: &[u8],
    arguments: Vec<Pushed>,
    call: usize,
) -> Result<Result<(Question, Method), Vec<Pushed>>, NotTransfers> {
    use NativeContract::{Ledger, Policy};
    use Question as Q;
    const NEO: NativeContract = NativeContract::Token(Token::Neo);
    let plain = match (contract, method, arguments.len()) {
        (Ledger, b"currentHash", 0) => (Q::CurrentHash, Method::Read),
        (Ledger, b"currentIndex", 0) => (Q::CurrentIndex, Method::Read),
        (Policy, b"getFeePerByte", 0) => (Q::FeePerByte, Method::Read),
        (Policy, b"getExecFeeFactor", 0) => (Q::ExecFeeFactor, Method::Read),
        (Policy, b"getExecPicoFeeFactor", 0) => (Q::ExecPicoFeeFactor, Method::Read),
        (Policy, b"getStoragePrice", 0) => (Q::StoragePrice, Method::Read),
        (Policy, b"getMillisecondsPerBlock", 0) => (Q::MillisecondsPerBlock, Method::Read),
        (Policy, b"getMaxValidUntilBlockIncrement", 0) => {
            (Q::MaxValidUntilBlockIncrement, Method::Read)
        }
        (Policy, b"getMaxTraceableBlocks", 0) => (Q::MaxTraceableBlocks, Method::Read),
        (NEO, b"getGasPerBlock", 0) => (Q::GasPerBlock, Method::Read),
        (NEO, b"getRegisterPrice", 0) => (Q::RegisterPrice, Method::Read),
        (NEO, b"getCommittee", 0) => (Q::Committee, Method::Committee),
        (NEO, b"getCommitteeAddress", 0) => (Q::CommitteeAddress, Method::Committee),
        (NEO, b"getNextBlockValidators", 0) => (Q::NextBlockValidators, Method::Committee),
        (NEO, b"getCandidates", 0) => (Q::Candidates, Method::Candidates),
        (Policy, b"getAttributeFee" | b"isBlocked", 1)
        | (NEO, b"getAccountState" | b"getCandidateVote", 1)
        | (NEO, b"unclaimedGas", 2) => return about(method, arguments, call).map(Ok),
        _ => return Ok(Err(arguments)),
    };
    Ok(Ok(plain))
}

/// A question about an argument.
fn about(
    method: &[u8],
    arguments: Vec<Pushed>,
    call: usize,
) -> Result<(Question, Method), NotTransfers> {
    let mut arguments = arguments.into_iter();
    let mut argument = || arguments.next();
    Ok(match method {
        b"getAttributeFee" => {
            let kind = integer("attributeType", argument(), call)?;
            (Question::AttributeFee(kind), Method::Read)
        }
        b"getCandidateVote" => {
            let key = public_key("pubKey", argument(), call)?;
            (Question::CandidateVote(key), Method::Read)
        }
        b"isBlocked" => {
            let account = account("account", argument(), call)?;
            (Question::IsBlocked(account), Method::Read)
        }
        b"unclaimedGas" => {
            let account = account("account", argument(), call)?;
            let end = integer("end", argument(), call)?;
            (Question::UnclaimedGas(account, end), Method::Earnings)
        }
        _ => {
            let account = account("account", argument(), call)?;
            (Question::AccountState(account), Method::Read)
        }
    })
}

/// Every question reads the state, and nothing else.
pub(super) const FLAGS: CallFlags = CallFlags::READ_STATES;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::ScriptBuilder;
    use crate::transfer::{Call, Query, recognise_calls, recognise_transfers};

    const KEY: &str = "02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2";

    fn asked(contract: &UInt160, method: &str, push: &[&[u8]]) -> Result<Query, NotTransfers> {
        let mut script = ScriptBuilder::new();
        for bytes in push.iter().rev() {
            match bytes {
                [one] => script.integer(*one),
                bytes => script.bytes(bytes),
            };
        }
        script.call(contract, method, push.len(), CallFlags::ALL);
        let script = script.into_bytes();
        assert!(recognise_transfers(&script).is_err());
        match recognise_calls(&script)?.remove(0) {
            Call::Query(query) => Ok(query),
            other => panic!("{other:?}"),
        }
    }

    /// GAS seen on neo-go 0.120.
    #[test]
    fn questions_cost_what_neo_takes_for_them() {
        let account = UInt160::from_wire([7; 20]);
        let key: PublicKey = KEY.parse().unwrap();
        let (neo, policy) = (Token::Neo.hash(), NativeContract::POLICY);
        for (contract, method, arguments, question, cost) in [
            (
                policy,
                "getFeePerByte",
                &[][..],
                Question::FeePerByte,
                1_967_100,
            ),
            (
                policy,
                "getAttributeFee",
                &[&[1u8][..]],
                Question::AttributeFee(1.into()),
                2_028_120,
            ),
            (
                policy,
                "isBlocked",
                &[&[7; 20][..]],
                Question::IsBlocked(account),
                2_028_330,
            ),
            (
                NativeContract::LEDGER,
                "currentHash",
                &[],
                Question::CurrentHash,
                1_967_100,
            ),
            (neo, "getCommittee", &[], Question::Committee, 2_950_140),
            (neo, "getCandidates", &[], Question::Candidates, 126_813_180),
            (
                neo,
                "getAccountState",
                &[&[7; 20]],
                Question::AccountState(account),
                2_028_330,
            ),
            (
                neo,
                "getCandidateVote",
                &[key.as_bytes().as_slice()],
                Question::CandidateVote(key.clone()),
                2_028_330,
            ),
            (
                neo,
                "unclaimedGas",
                &[&[7; 20], &[2]],
                Question::UnclaimedGas(account, 2.into()),
                4_977_480,
            ),
        ] {
            let query = asked(&contract, method, arguments).unwrap();
            assert_eq!(query.question, question);
            assert_eq!(query.cost(30, 100_000), cost, "{method}");
        }
    }

    #[test]
    fn other_methods_and_arguments_are_named() {
        let error = asked(&NativeContract::POLICY, "setFeePerByte", &[&[1]]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("PolicyContract's method `setFeePerByte`"),
            "{error}"
        );
        let error = asked(&NativeContract::POLICY, "isBlocked", &[&[1, 2]]).unwrap_err();
        assert!(error.to_string().contains("not an account"), "{error}");
        let error = asked(&Token::Neo.hash(), "getCandidateVote", &[&[2; 33]]);
        assert!(matches!(error, Err(NotTransfers::Argument { .. }) | Ok(_)));
        let error = asked(&Token::Neo.hash(), "getCandidateVote", &[&[9; 33]]).unwrap_err();
        assert!(error.to_string().contains("not a public key"), "{error}");
    }
}

//! Forms of transfers that wallets write, and what is not one.

use num_bigint::BigInt;
use proptest::prelude::*;

use super::*;
use crate::script::{InstructionError, ScriptBuilder};
use crate::transfer::transfer_script;

const FROM: UInt160 = UInt160::from_wire([1; 20]);
const TO: UInt160 = UInt160::from_wire([2; 20]);
const FACTOR: u32 = 30;
const STORAGE: u32 = 100_000;

fn raw(script: &str) -> Vec<u8> {
    hex::decode(script.replace(' ', "")).unwrap()
}

fn only(script: &[u8]) -> Transfer {
    let mut transfers = recognise_transfers(script).unwrap();
    assert_eq!(transfers.len(), 1);
    transfers.remove(0)
}

fn one_read(method: &str, arguments: usize, flags: CallFlags) -> Result<Read, NotTransfers> {
    let mut b = ScriptBuilder::new();
    for _ in 0..arguments {
        b.hash(&FROM);
    }
    b.call(&Token::Neo.hash(), method, arguments, flags);
    match recognise_calls(&b.into_bytes())?.remove(0) {
        Call::Read(read) => Ok(read),
        other => panic!("{other:?}"),
    }
}

/// Seen on a neo-go network: 1000 NEO.
const SEEN: &str = "0b01e8030c14ac1074cf9c858758f8ff605377e4d8b7411fa58a0c1468b9e81e8c0e6c9079b4b9d105e878a7\
                    6d3f223f14c01f0c087472616e736665720c14f563ea40bc283d4d0e05c48ea305b3f2a07340ef41627d5b5239";

#[test]
fn a_transfer_of_neo_go() {
    let script = raw(SEEN);
    let transfer = only(&script);
    assert_eq!(transfer.token, Token::Neo);
    assert_eq!(transfer.amount, BigInt::from(1000));
    assert_eq!(transfer.data, StackValue::Null);
    assert_eq!(
        transfer.from.to_address(),
        "NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq"
    );
    assert!(transfer.has_assert);
    assert_eq!(transfer.cost(FACTOR, STORAGE), 9_977_780);
    let ours = transfer_script(Token::Neo, &transfer.from, &transfer.to, 1000, true);
    assert_eq!(ours, script);
}

#[test]
fn prices_seen_on_neo_go() {
    let plain = only(&transfer_script(Token::Gas, &FROM, &TO, 1, false));
    assert_eq!(plain.cost(FACTOR, STORAGE), 9_977_750);
    let wide = only(&transfer_script(
        Token::Gas,
        &FROM,
        &TO,
        BigInt::from(1) << 64,
        true,
    ));
    assert_eq!(wide.cost(FACTOR, STORAGE), 9_977_780 + 3 * 30);
    let two = transfer_script(Token::Gas, &FROM, &TO, 1, true).repeat(2);
    let total: i64 = recognise_transfers(&two)
        .unwrap()
        .iter()
        .map(|t| t.cost(FACTOR, STORAGE))
        .sum();
    assert_eq!(total, 19_955_560);
    for (method, arguments, cost) in [
        ("symbol", 0, 984_060),
        ("decimals", 0, 984_060),
        ("totalSupply", 0, 1_967_100),
        ("balanceOf", 1, 2_028_330),
    ] {
        let read = one_read(method, arguments, CallFlags::ALL).unwrap();
        assert_eq!(read.cost(FACTOR, STORAGE), cost, "{method}");
    }
}

#[test]
fn charges_are_in_order_of_execution() {
    let transfer = only(&raw(SEEN));
    let steps: Vec<_> = transfer
        .charges
        .iter()
        .map(|c| (c.offset, c.execution, c.storage))
        .collect();
    assert_eq!(
        steps,
        [
            (0, 1, 0),      // PUSHNULL
            (1, 1, 0),      // PUSHINT16
            (4, 8, 0),      // PUSHDATA1 to
            (26, 8, 0),     // PUSHDATA1 from
            (48, 1, 0),     // PUSH4
            (49, 2048, 0),  // PACK
            (50, 1, 0),     // PUSH15
            (51, 8, 0),     // PUSHDATA1 method
            (61, 8, 0),     // PUSHDATA1 token
            (83, 32768, 0), // System.Contract.Call
            (83, 1, 0),     // the token's own push
            (83, 131_072, 50),
        ]
    );
    let assert = transfer.assert_charge.unwrap();
    assert_eq!(
        (assert.offset, assert.execution, assert.storage),
        (88, 1, 0)
    );
}

#[test]
fn data_of_every_kind() {
    let long = vec![7u8; 300];
    let long_push = format!("0d2c01{}", hex::encode(&long));
    for (push, data, price) in [
        ("0b", StackValue::Null, 1),
        ("0c00", StackValue::Bytes(vec![]), 8),
        ("0c046d656d6f", StackValue::Bytes(b"memo".to_vec()), 8),
        (long_push.as_str(), StackValue::Bytes(long), 512),
        ("004d", StackValue::Integer(77.into()), 1),
        ("08", StackValue::Boolean(true), 1),
    ] {
        let plain = transfer_script(Token::Gas, &FROM, &TO, 5, false);
        let transfer = only(&[&raw(push), &plain[1..]].concat());
        assert_eq!(transfer.data, data);
        assert_eq!(transfer.charges[0].execution, price);
        assert!(!transfer.has_assert);
    }
}

#[test]
fn lengths_in_wider_forms() {
    let to = "02".repeat(20);
    let from = "01".repeat(20);
    let method = hex::encode("transfer");
    let token = hex::encode(Token::Gas.hash().as_wire());
    let script = format!(
        "0e00000000 15 0d1400{to} 0e14000000{from} 0004 c0 00 0f 0d0800{method} 0d1400{token} 41627d5b52 39"
    );
    let transfer = only(&raw(&script));
    assert_eq!(
        (transfer.from, transfer.to, transfer.token),
        (FROM, TO, Token::Gas)
    );
    assert_eq!(transfer.amount, BigInt::from(5));
    let prices: Vec<_> = transfer.charges.iter().map(|c| c.execution).collect();
    assert_eq!(prices[..9], [4096, 1, 512, 4096, 1, 2048, 1, 512, 512]);
}

#[test]
fn amounts_of_every_width() {
    for (push, amount, price) in [
        ("0f", -1i64, 1u32),
        ("10", 0, 1),
        ("20", 16, 1),
        ("00ff", -1, 1),
        ("010500", 5, 1),
        ("0205000000", 5, 1),
        ("0300a0724e18090000", 10_000_000_000_000, 1),
        ("0405000000000000000000000000000000", 5, 4),
        (
            "05ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            -1,
            4,
        ),
    ] {
        let head = transfer_script(Token::Gas, &FROM, &TO, 0, true);
        let script = [&raw("0b")[..], &raw(push), &head[2..]].concat();
        let transfer = only(&script);
        assert_eq!(transfer.amount, BigInt::from(amount), "{push}");
        assert_eq!(transfer.charges[1].execution, price, "{push}");
    }
}

#[test]
fn runs_mix_tokens_and_asserts() {
    let script = [
        transfer_script(Token::Neo, &FROM, &TO, 1, true),
        transfer_script(Token::Gas, &FROM, &TO, 2, false),
        transfer_script(Token::Gas, &TO, &FROM, 3, true),
    ]
    .concat();
    let transfers = recognise_transfers(&script).unwrap();
    let seen: Vec<_> = transfers
        .iter()
        .map(|t| (t.token, t.amount.clone(), t.has_assert))
        .collect();
    let expected = [
        (Token::Neo, 1, true),
        (Token::Gas, 2, false),
        (Token::Gas, 3, true),
    ];
    assert_eq!(
        seen,
        expected.map(|(token, amount, assert)| (token, BigInt::from(amount), assert))
    );
    assert!(transfers.iter().all(|t| t.charges.len() == 12));
}

#[test]
fn reads_of_both_tokens() {
    let mut b = ScriptBuilder::new();
    b.call(&Token::Neo.hash(), "symbol", 0, CallFlags::READ_ONLY);
    b.hash(&FROM)
        .call(&Token::Gas.hash(), "balanceOf", 1, CallFlags::READ_STATES);
    let script = b.into_bytes();
    let calls = recognise_calls(&script).unwrap();
    let methods: Vec<_> = calls
        .iter()
        .map(|call| match call {
            Call::Read(read) => (read.token, read.method),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        methods,
        [
            (Token::Neo, ReadMethod::Symbol),
            (Token::Gas, ReadMethod::BalanceOf(FROM))
        ]
    );
    assert_eq!(
        recognise_transfers(&script),
        Err(NotTransfers::OnlyReads { offset: 32 })
    );
    let asserted = [&script[..], &[0x39]].concat();
    assert!(matches!(
        recognise_calls(&asserted),
        Err(NotTransfers::Opcode { .. })
    ));
}

#[test]
fn reads_need_to_read() {
    assert!(one_read("symbol", 0, CallFlags(0)).is_ok());
    assert!(matches!(
        one_read("totalSupply", 0, CallFlags(0x0e)),
        Err(NotTransfers::CallFlags { needed: 1, .. })
    ));
    assert!(matches!(
        one_read("balanceOf", 2, CallFlags::ALL),
        Err(NotTransfers::Method { arguments: 2, .. })
    ));
    assert!(matches!(
        one_read("symbol", 0, CallFlags(0x10)),
        Err(NotTransfers::CallFlags { .. })
    ));
}

#[test]
fn call_flags_other_than_all() {
    let mut script = transfer_script(Token::Gas, &FROM, &TO, 5, true);
    assert_eq!(script[48], 0x1f);
    script[48] = 0x15;
    assert_eq!(
        recognise_transfers(&script),
        Err(NotTransfers::CallFlags {
            offset: 48,
            found: 5.into(),
            needed: 15
        })
    );
}

#[test]
fn other_contracts_and_methods_are_named() {
    let call = |contract: UInt160, method: &str| {
        let mut b = ScriptBuilder::new();
        b.null()
            .integer(5)
            .hash(&TO)
            .hash(&FROM)
            .call(&contract, method, 4, CallFlags::ALL);
        recognise_transfers(&b.into_bytes())
    };
    assert_eq!(
        call(UInt160::ZERO, "transfer"),
        Err(NotTransfers::Contract {
            offset: 81,
            contract: UInt160::ZERO
        })
    );
    assert_eq!(
        call(Token::Neo.hash(), "vote"),
        Err(NotTransfers::Method {
            offset: 77,
            token: Token::Neo,
            method: "vote".to_owned(),
            arguments: 4
        })
    );
    let error = call(Token::Neo.hash(), &"x".repeat(200))
        .unwrap_err()
        .to_string();
    assert!(error.len() < 200, "{error}");
}

#[test]
fn arguments_of_other_kinds_are_named() {
    let account = format!("0c14{}", "01".repeat(20));
    let long = format!("0c15{}", "01".repeat(21));
    for (data, amount, to, from, wrong) in [
        ("0b", "15", account.as_str(), "0b", "from"),
        ("0b", "15", long.as_str(), account.as_str(), "to"),
        ("0b", "0c0105", &account, &account, "amount"),
        ("0b", "0b", &account, &account, "amount"),
        ("c2", "15", &account, &account, "data"),
    ] {
        let mut b = ScriptBuilder::new();
        b.call(&Token::Gas.hash(), "transfer", 4, CallFlags::ALL);
        let pushes = raw(&[data, amount, to, from].concat());
        match recognise_transfers(&[pushes, b.into_bytes()].concat()) {
            Err(NotTransfers::Argument { argument, .. }) => assert_eq!(argument, wrong),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn stray_code_is_named_with_its_offset() {
    let good = transfer_script(Token::Gas, &FROM, &TO, 5, true);
    let with = |front: &[u8], back: &[u8]| {
        recognise_transfers(&[front, &good, back].concat()).unwrap_err()
    };
    let end = good.len();
    assert_eq!(with(&[], &[0x11]), NotTransfers::Unused { offset: end });
    assert_eq!(with(&[0x11], &[]), NotTransfers::Unused { offset: 0 });
    let second = NotTransfers::Opcode {
        offset: end,
        opcode: Opcode::ASSERT,
    };
    assert_eq!(with(&[], &[0x39]), second);
    assert!(matches!(
        with(&[0x39], &[]),
        NotTransfers::Opcode { offset: 0, .. }
    ));
    assert!(matches!(
        with(&[], &[0x40]),
        NotTransfers::Instruction(InstructionError::Unknown {
            opcode: Opcode(0x40),
            ..
        })
    ));
    assert!(matches!(
        with(&[], &raw("41 56e7b327")),
        NotTransfers::Syscall { id, .. } if id == [0x56, 0xe7, 0xb3, 0x27]
    ));
    assert!(matches!(
        with(&[], &raw("41 627d5b52")),
        NotTransfers::Parameter { .. }
    ));
    assert!(matches!(with(&[], &[0xc0]), NotTransfers::Pack { .. }));
    assert!(matches!(
        with(&[], &raw("15 c0")),
        NotTransfers::Pack { .. }
    ));
    assert!(matches!(
        with(&[], &raw("0f c0")),
        NotTransfers::Pack { .. }
    ));
    assert!(matches!(with(&[], &[0x0c]), NotTransfers::Instruction(_)));
    assert_eq!(recognise_transfers(&[]), Err(NotTransfers::Empty));
    assert!(matches!(
        recognise_transfers(&vec![0x0b; MAX_SCRIPT + 1]),
        Err(NotTransfers::TooLong { .. })
    ));
    // The ASSERT of the call before must not be taken by values pushed since.
    assert!(matches!(
        with(&[], &[0x08, 0x39]),
        NotTransfers::Opcode { .. }
    ));
}

#[test]
fn a_script_cut_anywhere_is_refused_unless_only_the_assert_goes() {
    let good = transfer_script(Token::Gas, &FROM, &TO, 5, true);
    for cut in 0..good.len() {
        assert_eq!(
            recognise_transfers(&good[..cut]).is_ok(),
            cut == good.len() - 1,
            "{cut}"
        );
    }
}

proptest! {
    #[test]
    fn written_transfers_are_recognised(
        from: [u8; 20],
        to: [u8; 20],
        amount: i128,
        gas: bool,
        assert: bool,
    ) {
        let token = if gas { Token::Gas } else { Token::Neo };
        let (from, to) = (UInt160::from_wire(from), UInt160::from_wire(to));
        let transfer = only(&transfer_script(token, &from, &to, amount, assert));
        prop_assert_eq!((transfer.from, transfer.to), (from, to));
        prop_assert_eq!((transfer.token, transfer.has_assert), (token, assert));
        prop_assert_eq!(transfer.amount, BigInt::from(amount));
    }

    #[test]
    fn any_script_is_recognised_or_refused(script: Vec<u8>) {
        let _ = recognise_calls(&script);
    }

    #[test]
    fn a_changed_transfer_is_recognised_or_refused(at: prop::sample::Index, byte: u8) {
        let mut script = raw(SEEN);
        let at = at.index(script.len());
        script[at] = byte;
        let _ = recognise_calls(&script);
    }
}

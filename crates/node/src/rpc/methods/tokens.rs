//! Balances and addresses.

use neo_ledger::{Invocation, LedgerError, StackItem, TokenBalance, VmState};
use neo_primitives::{CallFlags, Height, ScriptBuilder, Token, UInt160};
use serde::Serialize;

use crate::rpc::{
    dispatch::Server,
    error::RpcError,
    params::Params,
    response::{Answer, result},
};

#[derive(Serialize)]
struct BalancesJson {
    address: String,
    balance: Vec<BalanceJson>,
}

#[derive(Serialize)]
struct BalanceJson {
    assethash: UInt160,
    name: &'static str,
    symbol: &'static str,
    decimals: String,
    amount: String,
    lastupdatedblock: u32,
}

impl From<&TokenBalance> for BalanceJson {
    fn from(balance: &TokenBalance) -> Self {
        let token = balance.token;
        Self {
            assethash: token.hash(),
            name: token.contract_name(),
            symbol: token.symbol(),
            decimals: token.decimals().to_string(),
            amount: balance.amount.to_string(),
            lastupdatedblock: balance.last_updated.0,
        }
    }
}

/// `getnep17balances [address]`.
pub(in crate::rpc) fn balances(server: &Server, params: &Params<'_>) -> Answer {
    let account = params.account(0, "address")?;
    let balances = server.context.ledger.balances(&account)?;
    result(&BalancesJson {
        address: account.to_address(),
        balance: balances.iter().map(BalanceJson::from).collect(),
    })
}

/// `getunclaimedgas [address]`: what NEO has earned by the next block, as `unclaimedGas` of its contract tells it.
pub(in crate::rpc) fn unclaimed(server: &Server, params: &Params<'_>) -> Answer {
    #[derive(Serialize)]
    struct Unclaimed {
        address: String,
        unclaimed: String,
    }
    let account = params.account(0, "address")?;
    let ledger = &server.context.ledger;
    // A block may be stored between the two reads; the next attempt knows its height.
    let mut invocation = unclaimed_at(server, &account, ledger.height())?;
    if invocation.vm_state == VmState::Fault {
        invocation = unclaimed_at(server, &account, ledger.height())?;
    }
    match invocation.stack.as_slice() {
        [StackItem::Integer(unclaimed)] => result(&Unclaimed {
            address: account.to_address(),
            unclaimed: unclaimed.to_string(),
        }),
        _ => Err(RpcError::INTERNAL.with(invocation.exception.unwrap_or_default())),
    }
}

fn unclaimed_at(
    server: &Server,
    account: &UInt160,
    tip: Height,
) -> Result<Invocation, LedgerError> {
    let mut script = ScriptBuilder::new();
    script.integer(tip.next().0).hash(account);
    script.call(
        &Token::Neo.hash(),
        "unclaimedGas",
        2,
        CallFlags::READ_STATES,
    );
    server.context.ledger.invoke(&script.into_bytes(), &[])
}

/// `getnep11balances [address]`: there are no such tokens on this ledger.
pub(in crate::rpc) fn no_balances(_: &Server, params: &Params<'_>) -> Answer {
    let account = params.account(0, "address")?;
    result(&BalancesJson {
        address: account.to_address(),
        balance: Vec::new(),
    })
}

/// `validateaddress [address]`.
pub(in crate::rpc) fn validate_address(_: &Server, params: &Params<'_>) -> Answer {
    #[derive(Serialize)]
    struct Validity<'a> {
        address: &'a str,
        isvalid: bool,
    }
    let address = params.text(0, "address")?;
    result(&Validity {
        address: &address,
        isvalid: UInt160::from_address(&address).is_ok(),
    })
}

//! Balances and addresses.

use neo_ledger::{ChainReader, TokenBalance};
use neo_primitives::UInt160;
use serde::Serialize;

use crate::rpc::{
    dispatch::Server,
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

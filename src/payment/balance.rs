//! What accounts have.

use neo_primitives::{Token, UInt160};
use serde::Deserialize;
use serde_json::json;

use crate::rpc::{RpcClient, RpcError};

/// The balances of an account, in the tokens' smallest units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Balances {
    /// Pieces of NEO.
    pub(crate) neo: i64,
    /// Datoshi.
    pub(crate) gas: i64,
}

#[derive(Deserialize)]
struct Answer {
    balance: Vec<Balance>,
}

#[derive(Deserialize)]
struct Balance {
    assethash: UInt160,
    amount: String,
}

impl Balances {
    /// The balances that the node knows of.
    ///
    /// # Errors
    /// If the node does not say.
    pub(crate) async fn of(client: &mut RpcClient, account: &UInt160) -> Result<Self, RpcError> {
        let answer: Answer = client
            .call("getnep17balances", json!([account.to_address()]))
            .await?;
        let of = |token: Token| {
            let mut all = answer.balance.iter();
            let found = all.find(|balance| balance.assethash == token.hash());
            // An account without the token is not listed; more than 63 bits do not exist of either.
            found
                .and_then(|balance| balance.amount.parse().ok())
                .unwrap_or(0)
        };
        Ok(Self {
            neo: of(Token::Neo),
            gas: of(Token::Gas),
        })
    }

    /// Of one token.
    pub(crate) fn token(&self, token: Token) -> i64 {
        match token {
            Token::Neo => self.neo,
            Token::Gas => self.gas,
        }
    }
}

//! Transactions: in the memory pool, in the chain, and what they did.

use neo_ledger::{LedgerError, Rejected};
use neo_primitives::{Encode, MAX_TRANSACTION_SIZE, Reader, Transaction, UInt256};
use serde::Serialize;

use crate::rpc::{
    dispatch::Server,
    elsewhere::with_the_node,
    error::RpcError,
    json::{
        as_text, base64,
        block::confirmations,
        execution::{ApplicationLogJson, ExecutionJson, LogOf},
        transaction::{PlaceJson, PlacedTransactionJson, TransactionJson},
    },
    params::{Params, invalid},
    response::{Answer, result},
};

/// The transaction of `sendrawtransaction [base64]`.
///
/// # Errors
/// When it is no transaction, or larger than Neo allows.
pub(in crate::rpc) fn parse(
    params: &Params<'_>,
    witness_limit: u32,
) -> Result<Transaction, RpcError> {
    let bytes = params.bytes(0, "transaction")?;
    let limit = MAX_TRANSACTION_SIZE;
    if bytes.len() > limit {
        let data = format!(
            "the transaction has {} bytes, {limit} are allowed",
            bytes.len()
        );
        return Err(RpcError::INVALID_SIZE.with(data));
    }
    decode(&bytes, witness_limit)
}

/// A transaction whose witness scripts have at most `witness_limit` bytes: with many validators the account of
/// them all needs more than Neo allows.
fn decode(bytes: &[u8], witness_limit: u32) -> Result<Transaction, RpcError> {
    let mut reader = Reader::new(bytes);
    Transaction::decode_with_limit(&mut reader, witness_limit)
        .and_then(|transaction| reader.finish().map(|()| transaction))
        .map_err(|error| invalid(format!("invalid transaction: {error}")))
}

/// `{hash}`: what was sent is accepted.
pub(in crate::rpc) fn accepted(hash: &UInt256) -> Answer {
    #[derive(Serialize)]
    struct Accepted<'a> {
        hash: &'a UInt256,
    }
    result(&Accepted { hash })
}

/// The answer to a transaction that was looked at.
pub(in crate::rpc) fn outcome(outcome: Result<UInt256, Rejected>) -> Answer {
    match outcome {
        Ok(hash) => accepted(&hash),
        Err(reason) => Err(RpcError::from(&reason)),
    }
}

/// `calculatenetworkfee [base64]`.
pub(in crate::rpc) fn network_fee(server: &Server, params: &Params<'_>) -> Answer {
    #[derive(Serialize)]
    struct NetworkFee {
        #[serde(serialize_with = "as_text")]
        networkfee: neo_primitives::Datoshi,
    }
    let limit = server.context.ledger.config().witness_limit;
    let transaction = decode(&params.bytes(0, "transaction")?, limit)?;
    match server.context.ledger.network_fee(&transaction) {
        Ok(networkfee) => result(&NetworkFee { networkfee }),
        Err(error @ LedgerError::Unsupported(_)) => {
            Err(RpcError::INVALID_VERIFICATION.with(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// `getrawmempool [all]`.
pub(in crate::rpc) fn pool(server: &Server, params: &Params<'_>) -> Answer {
    #[derive(Serialize)]
    struct Pool {
        height: u32,
        verified: Vec<UInt256>,
        /// Transactions are verified when they come, so this is empty.
        unverified: [UInt256; 0],
    }
    let all = params.flag(0, "unverified too")?;
    let pool = server.context.ledger.pool();
    if !all {
        return result(&pool.verified);
    }
    result(&Pool {
        height: pool.height.0,
        verified: pool.verified,
        unverified: [],
    })
}

/// `getrawtransaction [hash, verbose]`.
pub(in crate::rpc) fn transaction(server: &Server, params: &Params<'_>) -> Answer {
    let hash = params.hash(0, "hash")?;
    let verbose = params.flag(1, "verbose")?;
    let ledger = &server.context.ledger;
    // First the pool: a transaction that leaves it meanwhile is in the chain by then.
    let pooled = ledger.pooled(&hash);
    if let Some(transaction) = &pooled
        && !verbose
    {
        return result(&base64(&transaction.to_bytes()));
    }
    let (transaction, stored) = match (ledger.transaction(&hash)?, pooled) {
        (Some(stored), _) => (stored.transaction, Some((stored.height, stored.vm_state))),
        (None, Some(pooled)) => (pooled, None),
        (None, None) if !ledger.executes() => {
            return Err(with_the_node(
                "getrawtransaction of what is not in the pool",
            ));
        }
        (None, None) => return Err(RpcError::UNKNOWN_TRANSACTION),
    };
    if !verbose {
        return result(&base64(&transaction.to_bytes()));
    }
    let place = match stored {
        None => None,
        Some((height, vm_state)) => ledger.header(height)?.map(|signed| PlaceJson {
            blockhash: signed.hash(),
            confirmations: confirmations(ledger.height().0, height.0),
            blocktime: signed.header.timestamp,
            vmstate: vm_state.name(),
        }),
    };
    result(&PlacedTransactionJson {
        transaction: TransactionJson::new(&transaction),
        place,
    })
}

/// `gettransactionheight [hash]`.
pub(in crate::rpc) fn height(server: &Server, params: &Params<'_>) -> Answer {
    let hash = params.hash(0, "hash")?;
    match server.context.ledger.transaction(&hash)? {
        Some(stored) => result(&stored.height),
        None => Err(RpcError::UNKNOWN_TRANSACTION),
    }
}

/// `getapplicationlog [transaction or block hash, trigger]`. As in neo-project/neo-node, a trigger that is none
/// leaves nothing out.
pub(in crate::rpc) fn application_log(server: &Server, params: &Params<'_>) -> Answer {
    const TRIGGERS: [&str; 5] = [
        "OnPersist",
        "PostPersist",
        "Verification",
        "Application",
        "System",
    ];
    let hash = params.hash(0, "hash")?;
    let wanted: Option<String> = params.value(1, "trigger")?;
    let wanted = wanted.and_then(|wanted| {
        let known = |trigger: &&str| trigger.eq_ignore_ascii_case(&wanted);
        TRIGGERS.into_iter().find(known)
    });
    let ledger = &server.context.ledger;
    let (of, executions) = if let Some(log) = ledger.transaction_log(&hash)? {
        (LogOf::Transaction(hash), vec![log.execution])
    } else if let Some(log) = ledger.block_log(&hash)? {
        (LogOf::Block(hash), log.executions)
    } else {
        return Err(RpcError::UNKNOWN_CONTAINER.with("Unknown transaction/blockhash"));
    };
    result(&ApplicationLogJson {
        of,
        executions: executions
            .iter()
            .filter(|execution| wanted.is_none_or(|wanted| execution.trigger.name() == wanted))
            .map(ExecutionJson::from)
            .collect(),
    })
}

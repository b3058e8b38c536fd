//! From a method's name to its answer.

use neo_ledger::Rejected;
use neo_primitives::UInt256;
use tokio::sync::oneshot;

use super::{
    RpcContext,
    admission::{Admission, Admitted, stopping},
    elsewhere,
    error::RpcError,
    methods::{
        blocks, consensus, contracts, evidence, invoke, node, tokens, transactions, transfers,
    },
    params::Params,
    request::Call,
    response::{Answer, id_text, result},
    view::BlockReply,
};

/// What every method works with.
pub(super) struct Server {
    pub(super) context: RpcContext,
    pub(super) admission: Admission,
    /// The node's random number of this start, as `getversion` shows it.
    pub(super) nonce: u32,
}

/// A method that only reads.
type Reading = fn(&Server, &Params<'_>) -> Answer;

/// How a method is answered.
enum Handler {
    /// At once, from memory.
    Light(Reading),
    /// From the store, or at length: not on a thread that serves connections.
    Heavy(Reading),
    /// By admission to the memory pool.
    Admit,
    /// By storing a block.
    Store,
}

/// Every method, the busiest first.
const METHODS: &[(&str, Handler)] = &[
    ("sendrawtransaction", Handler::Admit),
    ("getblockcount", Handler::Light(blocks::count)),
    ("getconsensusstate", Handler::Light(consensus::state)),
    ("getevidence", Handler::Heavy(evidence::evidence)),
    ("getbestblockhash", Handler::Light(blocks::best_hash)),
    ("getblockheadercount", Handler::Light(blocks::count)),
    ("getblock", Handler::Heavy(blocks::block)),
    ("getblockhash", Handler::Heavy(blocks::hash)),
    ("getblockheader", Handler::Heavy(blocks::header)),
    (
        "getapplicationlog",
        Handler::Heavy(transactions::application_log),
    ),
    ("getrawmempool", Handler::Heavy(transactions::pool)),
    (
        "getrawtransaction",
        Handler::Heavy(transactions::transaction),
    ),
    ("gettransactionheight", Handler::Heavy(transactions::height)),
    (
        "calculatenetworkfee",
        Handler::Light(transactions::network_fee),
    ),
    ("getnep17balances", Handler::Heavy(tokens::balances)),
    ("getnep17transfers", Handler::Heavy(transfers::transfers)),
    ("getunclaimedgas", Handler::Heavy(tokens::unclaimed)),
    ("getnep11balances", Handler::Light(tokens::no_balances)),
    ("getnep11transfers", Handler::Light(transfers::none)),
    ("invokefunction", Handler::Heavy(invoke::function)),
    ("invokescript", Handler::Heavy(invoke::script)),
    ("getcommittee", Handler::Heavy(consensus::committee)),
    (
        "getnextblockvalidators",
        Handler::Heavy(consensus::validators),
    ),
    ("getcandidates", Handler::Light(consensus::candidates)),
    ("getcontractstate", Handler::Heavy(contracts::state)),
    ("getnativecontracts", Handler::Heavy(contracts::natives)),
    ("getblocksysfee", Handler::Heavy(blocks::system_fee)),
    ("getversion", Handler::Light(node::version)),
    ("getconnectioncount", Handler::Light(node::connection_count)),
    ("getpeers", Handler::Light(node::peers)),
    ("validateaddress", Handler::Light(tokens::validate_address)),
    ("submitblock", Handler::Store),
];

/// The names of all methods.
#[cfg(test)]
pub(super) fn method_names() -> Vec<&'static str> {
    METHODS.iter().map(|(name, _)| *name).collect()
}

fn find(name: &str) -> Option<&'static (&'static str, Handler)> {
    METHODS.iter().find(|(known, _)| *known == name)
}

/// Whether a call needs more than a moment.
pub(super) fn is_heavy(call: &Call<'_>) -> bool {
    let Ok((method, _)) = &call.what else {
        return false;
    };
    // Decoding a block hashes all its transactions.
    matches!(find(method), Some((_, Handler::Heavy(_) | Handler::Store)))
}

/// A call that is under way.
pub(super) struct Started {
    /// Text of the id; `None` for a notification.
    pub(super) id: Option<Box<str>>,
    /// For the count of calls.
    method: &'static str,
    state: State,
}

impl Started {
    /// A call that is not begun.
    pub(super) fn refused(call: &Call<'_>, error: RpcError) -> Self {
        Self {
            id: call.id.map(id_text),
            method: "refused",
            state: State::Done(Err(error)),
        }
    }

    /// Bytes that its answer holds already.
    pub(super) fn size(&self) -> usize {
        match &self.state {
            State::Done(Ok(result)) => result.len(),
            _ => 0,
        }
    }
}

enum State {
    Done(Answer),
    Admitting(oneshot::Receiver<Result<UInt256, Rejected>>),
    Storing(BlockReply),
}

impl Server {
    /// Begins a call; reading methods are finished with it.
    /// `alone` says that no other call came with it.
    pub(super) fn start(&self, call: &Call<'_>, alone: bool) -> Started {
        let (method, state) = match &call.what {
            Err(error) => ("invalid", State::Done(Err(error.clone()))),
            Ok((name, params)) => match find(name) {
                None => {
                    let executes = self.context.ledger.executes();
                    (
                        "unknown",
                        State::Done(Err(elsewhere::error(name, executes))),
                    )
                }
                Some((method, handler)) => (*method, self.serve(method, handler, params, alone)),
            },
        };
        Started {
            id: call.id.map(id_text),
            method,
            state,
        }
    }

    /// Carries a call out, unless its answer is not with this ledger.
    fn serve(
        &self,
        method: &'static str,
        handler: &Handler,
        params: &Params<'_>,
        alone: bool,
    ) -> State {
        let elsewhere = match self.context.ledger.executes() {
            true => None,
            false => elsewhere::on_attached(method),
        };
        match elsewhere {
            Some(error) => State::Done(Err(error)),
            None => self.handle(handler, params, alone),
        }
    }

    fn handle(&self, handler: &Handler, params: &Params<'_>, alone: bool) -> State {
        match handler {
            Handler::Light(read) | Handler::Heavy(read) => State::Done(read(self, params)),
            Handler::Admit => {
                let admit = |transaction| self.admission.submit(transaction, alone);
                let limit = self.context.ledger.config().witness_limit;
                match transactions::parse(params, limit).and_then(admit) {
                    Ok(Admitted::Now(outcome)) => State::Done(transactions::outcome(outcome)),
                    Ok(Admitted::Soon(outcome)) => State::Admitting(outcome),
                    Err(error) => State::Done(Err(error)),
                }
            }
            Handler::Store => match blocks::submitted(self, params) {
                Ok(block) => State::Storing(self.context.relay.block(block)),
                Err(error) => State::Done(Err(error)),
            },
        }
    }

    /// Waits for the end of a call.
    pub(super) async fn finish(&self, started: Started) -> (Option<Box<str>>, Answer) {
        let answer = match started.state {
            State::Done(answer) => answer,
            State::Admitting(waiting) => match waiting.await {
                Ok(outcome) => transactions::outcome(outcome),
                Err(_) => Err(stopping()),
            },
            State::Storing(stored) => match stored.await {
                Ok(hash) => transactions::accepted(&hash),
                Err(reason) => Err(reason.into()),
            },
        };
        let code = answer.as_ref().map_or_else(RpcError::code, |_| 0);
        self.context.metrics.rpc_call(started.method, code);
        (started.id, answer)
    }

    /// What `GET /health` says.
    pub(super) fn health(&self) -> Answer {
        result(&node::Health::of(self))
    }
}

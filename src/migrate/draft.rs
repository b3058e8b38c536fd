//! Our document as it grows, and what became of each foreign key.

mod parts;

use std::path::PathBuf;

use neo_node::config::NodeConfig;
use serde_json::{Map, Value, json};

use super::beside::{Beside, Fate, Mesh, reached_at};
use super::source::Source;
use super::value::{self, Convert};
use super::{Assumed, Carried, ImportError, Imported, Left, Wishes};

/// Keys that hold secrets: they are named, their values are not.
const SECRETS: [&str; 4] = ["Password", "SslCertPassword", "RpcPass", "RpcUser"];

/// Why a key is not carried over to a node that runs beside the one that it is imported from.
const STAYS: &str = "it stays in force at the Neo node, which goes on running";

/// Our key that says whether a validator votes.
pub(super) const VOTES: &str = "consensus.enabled";

/// Our document so far.
#[derive(Debug)]
pub(super) struct Draft {
    document: Value,
    protocol: u32,
    password_file: Option<PathBuf>,
    beside: Option<Beside>,
    mesh: Mesh,
    /// Key and value of the imported network's seeds.
    seeds: Option<(String, Vec<Value>)>,
    carried: Vec<Carried>,
    assumed: Vec<Assumed>,
    left: Vec<Left>,
}

impl Draft {
    pub(super) fn new(wishes: &Wishes) -> Self {
        let mut draft = Self {
            document: json!({}),
            protocol: wishes.protocol,
            password_file: wishes.password_file.clone(),
            beside: wishes.beside.clone(),
            mesh: wishes.mesh.clone(),
            seeds: None,
            carried: Vec::new(),
            assumed: Vec::new(),
            left: Vec::new(),
        };
        draft.put("protocol.version", json!(wishes.protocol));
        draft.put("data_dir", json!(wishes.data_dir));
        if let Some(beside) = &wishes.beside {
            draft.put("ledger.kind", json!("attached"));
            let nodes = beside.nodes.iter().map(|node| json!({"rpc": node}));
            draft.put("ledger.nodes", nodes.collect());
            for (key, listens) in [("rpc", beside.rpc), ("metrics", beside.metrics)] {
                if let Some(listens) = listens {
                    draft.put(&format!("{key}.listen"), json!(listens));
                }
            }
        }
        draft
    }

    /// Whether the imported node goes on running, with all that this one does not take over.
    pub(super) fn is_beside(&self) -> bool {
        self.beside.is_some()
    }

    /// Sets one of our keys.
    pub(super) fn put(&mut self, to: &str, value: Value) {
        let mut tree = &mut self.document;
        for part in to.split('.') {
            if !tree.is_object() {
                *tree = Value::Object(Map::new());
            }
            tree = &mut tree[part];
        }
        *tree = value;
    }

    /// Takes a foreign key over; says whether it was there.
    pub(super) fn carry(
        &mut self,
        source: &mut Source,
        from: &str,
        to: &str,
        convert: Convert,
    ) -> Result<bool, ImportError> {
        let Some(value) = source.take(from) else {
            return Ok(false);
        };
        let value = convert(value).map_err(|problem| source.wrong(from, problem))?;
        self.place(source, from, to, value);
        Ok(true)
    }

    /// The same, or the default of the other node.
    pub(super) fn carry_or(
        &mut self,
        source: &mut Source,
        from: &str,
        to: &str,
        convert: Convert,
        default: Value,
    ) -> Result<(), ImportError> {
        if !self.carry(source, from, to, convert)? {
            self.assume(source, from, to, default);
        }
        Ok(())
    }

    /// Sets one of our keys from a foreign one, unless that stays in force at a Neo node.
    pub(super) fn place(&mut self, source: &Source, from: &str, to: &str, value: Value) {
        let fate = self.beside.as_ref();
        let fate = fate.map_or(Fate::Ours, |beside| beside.fate(self.protocol, to));
        let listens = || {
            let listens = value.as_array().map_or(Some(&value), |list| list.first())?;
            listens.as_str()?.parse().ok().map(reached_at)
        };
        let (to, value) = match (fate, listens()) {
            (Fate::Stays(reason), _) => return self.leave(source, from, &value, reason),
            (Fate::NodeRpc, Some(at)) => ("ledger.nodes", json!([{"rpc": format!("http://{at}")}])),
            // The Neo node first: it is the nearest.
            (Fate::NodeP2p, Some(at)) => {
                let mut peers = vec![json!(at)];
                let known = self.document["p2p"]["peers"].as_array();
                peers.extend(known.cloned().unwrap_or_default());
                ("p2p.peers", json!(peers))
            }
            _ => (to, value),
        };
        self.put(to, value);
        self.carried.push(Carried {
            from: source.name(from),
            to: to.to_owned(),
        });
    }

    /// Sets one of our keys from the default of a foreign one.
    pub(super) fn assume(&mut self, source: &Source, from: &str, to: &str, value: Value) {
        self.put(to, value.clone());
        self.assumed.push(Assumed {
            from: source.name(from),
            to: to.to_owned(),
            value,
        });
    }

    /// Names a key that is not carried over.
    pub(super) fn leave(
        &mut self,
        source: &Source,
        key: &str,
        value: &Value,
        reason: impl Into<String>,
    ) {
        let last = key.rsplit('.').next().unwrap_or(key);
        let secret = SECRETS.contains(&last);
        self.left.push(Left {
            key: source.name(key),
            value: (!secret).then(|| without_secrets(value)),
            reason: reason.into(),
        });
    }

    /// Names what nobody took; `reason` knows why for some keys.
    pub(super) fn leave_rest(
        &mut self,
        source: &Source,
        reason: impl Fn(&str) -> Option<&'static str>,
    ) {
        for (key, value) in source.rest() {
            let reason = match self.is_beside() {
                true => STAYS,
                false => reason(&key).unwrap_or("there is no such setting here"),
            };
            self.leave(source, &key, &value, reason);
        }
    }

    /// Whether the node votes: as the other one does; beside it, in its place, whether that is off by now or not.
    pub(super) fn voting(&mut self, source: &mut Source, from: &str) -> Result<(), ImportError> {
        if !self.is_beside() || source.get(from) == Some(&json!(true)) {
            return self.carry_or(source, from, VOTES, value::boolean, json!(false));
        }
        source.take(from);
        self.assume(source, from, VOTES, json!(true));
        Ok(())
    }

    /// A list of addresses, of which we listen on the first.
    pub(super) fn listen(
        &mut self,
        source: &mut Source,
        from: &str,
        to: &str,
        as_list: bool,
    ) -> Result<bool, ImportError> {
        let addresses = match source.take(from) {
            None => return Ok(false),
            Some(Value::Array(addresses)) => addresses,
            Some(one) => vec![one],
        };
        let mut addresses = addresses.into_iter();
        let Some(first) = addresses.next() else {
            return Ok(false);
        };
        let read = value::listener(&first).map_err(|problem| source.wrong(from, problem))?;
        let ours = if as_list { json!([read]) } else { json!(read) };
        self.place(source, from, to, ours);
        for further in addresses {
            self.leave(
                source,
                from,
                &further,
                "one address is listened on, the first",
            );
        }
        Ok(true)
    }

    /// The configuration, if it passes all checks.
    pub(super) fn finish(mut self, node: &'static str) -> Result<Imported, ImportError> {
        if self.protocol == 3 {
            self.weave();
        }
        if self.is_beside() && self.document["ledger"]["nodes"] == json!([]) {
            self.left.push(Left {
                key: "ledger.nodes".to_owned(),
                value: None,
                reason: "the imported node has no JSON-RPC server, and this one cannot be without: switch it on, \
                         and give --node http://HOST:PORT"
                    .to_owned(),
            });
            // The checks want one; this is where it will be.
            self.put("ledger.nodes", json!([{"rpc": "http://127.0.0.1:10332"}]));
        }
        let config = NodeConfig::parse(&self.document.to_string())?;
        Ok(Imported {
            config,
            node,
            carried: self.carried,
            assumed: self.assumed,
            left: self.left,
        })
    }
}

/// The value with nothing at secret keys inside it.
fn without_secrets(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let open = members
                .iter()
                .filter(|(name, _)| !SECRETS.contains(&name.as_str()));
            Value::Object(
                open.map(|(name, value)| (name.clone(), without_secrets(value)))
                    .collect(),
            )
        }
        Value::Array(items) => items.iter().map(without_secrets).collect(),
        other => other.clone(),
    }
}

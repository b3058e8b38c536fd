//! Parts of our document that come of several foreign keys: wallet, validators, peers.

use std::path::Path;

use serde_json::{Value, json};

use super::super::beside::{Mesh, peers_at};
use super::super::source::Source;
use super::super::{Assumed, ImportError, Left};
use super::Draft;

impl Draft {
    /// The wallet, whose path becomes absolute, and where its password comes from.
    pub(in crate::migrate) fn wallet(
        &mut self,
        source: &mut Source,
        section: &str,
    ) -> Result<bool, ImportError> {
        let key = format!("{section}.Path");
        let secret = format!("{section}.Password");
        let path = match source.take(&key) {
            Some(Value::String(path)) if !path.is_empty() => path,
            Some(Value::String(_)) | None => {
                source.take(&secret);
                return Ok(false);
            }
            Some(other) => return Err(source.wrong(&key, format!("{other} is no path"))),
        };
        let folder = source.path().parent().unwrap_or(Path::new(""));
        let path = std::path::absolute(folder.join(path));
        let path = path.map_err(|error| source.wrong(&key, error.to_string()))?;
        self.place(source, &key, "wallet.path", json!(path));
        if !path.exists() {
            let reason = "the wallet is looked for relative to the configuration's folder, and is not there: \
                          set wallet.path";
            self.leave(source, &key, &json!(path), reason);
        }
        let given = source.take(&secret).is_some_and(|value| value != json!(""));
        if let Some(file) = self.password_file.clone() {
            self.put("wallet.password_file", json!(file));
        } else if given {
            let reason = "a password in clear is not copied: put it into a file with mode 0600 and set \
                          wallet.password_file, or it is asked for at the start";
            self.leave(source, &secret, &Value::Null, reason);
        }
        Ok(true)
    }

    /// The validators out of the committee.
    pub(in crate::migrate) fn committee(
        &mut self,
        source: &mut Source,
        count: Option<u64>,
        count_key: &str,
    ) -> Result<(), ImportError> {
        let key = "ProtocolConfiguration.StandbyCommittee";
        let committee = match source.take(key) {
            Some(Value::Array(committee)) if !committee.is_empty() => committee,
            Some(other) => return Err(source.wrong(key, format!("{other} is no list of keys"))),
            None => return Err(source.wrong(key, "it is missing")),
        };
        let count = count.unwrap_or(0);
        let wanted = usize::try_from(count).unwrap_or(usize::MAX);
        let Some(validators) = committee.get(..wanted).filter(|some| !some.is_empty()) else {
            let have = committee.len();
            let problem = format!("{count} validators, the committee has {have} keys");
            return Err(source.wrong(count_key, problem));
        };
        let to = "protocol.genesis.standby_validators";
        self.place(source, key, to, json!(validators));
        if committee.len() > wanted {
            self.place(source, key, "protocol.genesis.committee", json!(committee));
        }
        Ok(())
    }

    /// Peers, for the protocol that speaks with them.
    pub(in crate::migrate) fn seeds(&mut self, source: &mut Source) -> Result<(), ImportError> {
        let key = "ProtocolConfiguration.SeedList";
        match source.take(key) {
            None => Ok(()),
            Some(Value::Array(seeds)) => {
                self.seeds = Some((source.name(key), seeds.clone()));
                self.place(source, key, "p2p.peers", json!(seeds));
                Ok(())
            }
            Some(other) => Err(source.wrong(key, format!("{other} is no list of host:port"))),
        }
    }

    /// The mesh of dBFT 3.0, as far as it is known.
    pub(super) fn weave(&mut self) {
        let Mesh { listen, peers } = self.mesh.clone();
        let mut missing = Vec::new();
        match listen {
            Some(listen) => self.put("network.listen", json!([listen])),
            None => missing.push("network.listen (--listen)"),
        }
        let derived = || {
            let (from, seeds) = self.seeds.clone()?;
            Some((from, peers_at(&seeds, listen?.port())?))
        };
        let peers: Option<Vec<Value>> = if !peers.is_empty() {
            Some(peers.iter().map(|peer| peer.document()).collect())
        } else if let Some((from, peers)) = derived() {
            let peers: Vec<Value> = peers.iter().map(|peer| peer.document()).collect();
            self.assumed.push(Assumed {
                from,
                to: "network.peers".to_owned(),
                value: json!(peers),
            });
            Some(peers)
        } else {
            missing.push("network.peers (--peer, one for each other validator)");
            None
        };
        if let Some(peers) = peers {
            self.put("network.peers", json!(peers));
        }
        if !missing.is_empty() {
            self.left.push(Left {
                key: "network".to_owned(),
                value: None,
                reason: format!(
                    "dBFT 3.0 runs in a mesh that the other node knows nothing of: set {}",
                    missing.join(" and ")
                ),
            });
        }
    }
}

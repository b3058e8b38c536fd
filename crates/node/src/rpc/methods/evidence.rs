//! Proofs against validators.

use serde::Serialize;

use crate::rpc::{
    dispatch::Server,
    error::RpcError,
    json::base64,
    oversight::EvidenceEntry,
    params::{Params, invalid},
    response::{Answer, result},
};

/// Proofs in one answer, unless others are asked for.
const COUNT: u32 = 50;
/// Most proofs in one answer.
const MOST: u32 = 200;

/// A part of all proofs.
#[derive(Serialize)]
struct PageJson {
    /// Proofs in the data folder.
    total: usize,
    /// The place of the first that is listed.
    skip: u32,
    /// The newest height first.
    evidence: Vec<EvidenceEntry>,
}

/// One proof in full.
#[derive(Serialize)]
struct ProofJson {
    #[serde(flatten)]
    about: EvidenceEntry,
    /// Its bytes in base64: what `neo-cli evidence verify` checks.
    proof: String,
}

/// `getevidence [skip, count]` lists proofs, `getevidence [hash]` gives one in full.
pub(in crate::rpc) fn evidence(server: &Server, params: &Params<'_>) -> Answer {
    let by_hash = params
        .get(0)
        .is_some_and(|first| first.get().starts_with('"'));
    if by_hash {
        return one(server, params);
    }
    let skip: u32 = params.value(0, "skip")?;
    let count = match params.get(1) {
        None => COUNT,
        Some(_) => params.value(1, "count")?,
    };
    if !(1..=MOST).contains(&count) {
        return Err(invalid(format!("'count' must be 1 to {MOST}, not {count}")));
    }
    let all = server.context.oversight.evidence();
    let from = usize::try_from(skip).unwrap_or(usize::MAX);
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    result(&PageJson {
        total: all.len(),
        skip,
        evidence: all.into_iter().skip(from).take(most).collect(),
    })
}

fn one(server: &Server, params: &Params<'_>) -> Answer {
    let hash = params.hash(0, "hash")?;
    match server.context.oversight.proof(&hash) {
        Ok(Some((about, bytes))) => result(&ProofJson {
            about,
            proof: base64(&bytes),
        }),
        Ok(None) => Err(invalid(format!("'hash': no proof has the hash {hash}"))),
        Err(error) => Err(RpcError::INTERNAL.with(format!("proof {hash}: {error}"))),
    }
}

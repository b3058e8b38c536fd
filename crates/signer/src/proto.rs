//! The messages and calls on the wire, made from the schemas in `proto/`.

/// What Neo's C# node sends.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod signpb {
    include!(concat!(env!("OUT_DIR"), "/signpb.rs"));
}

/// The calls of Neo's C# node.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod servicepb {
    include!(concat!(env!("OUT_DIR"), "/servicepb.rs"));
}

/// Votes of dBFT 3.0.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod votes {
    include!(concat!(env!("OUT_DIR"), "/neo.signer.v3.rs"));
}

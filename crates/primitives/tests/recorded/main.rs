//! The vectors of `tests/vectors`: recorded bytes of the main network and of neo-go must decode, encode to the same
//! bytes, hash to the recorded hashes, and carry signatures that verify.

mod blocks;
mod payloads;
mod vectors;

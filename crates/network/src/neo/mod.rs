//! Neo N3's own P2P protocol, beside the mesh of dBFT 3.0: what neo-go and C# nodes speak.
//!
//! * [`wire`]: frames, commands, payloads; pure.

pub mod wire;

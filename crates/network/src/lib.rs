//! The validator mesh.

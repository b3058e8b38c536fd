//! Neo N3 types and their bytes.

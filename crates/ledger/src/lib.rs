//! Mempool, execution and block store of a Neo N3 chain.

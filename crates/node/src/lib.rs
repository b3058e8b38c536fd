//! Where engine, ledger and network meet.

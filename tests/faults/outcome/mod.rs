//! An outcome that is not known, found out: by the transaction's number, and by
//! an idempotency key.

mod faulted;
mod keyed;
mod resolved;

//! An outcome that is not known, found out: by the transaction's number, and by
//! an idempotency key.

mod answered;
mod elsewhere;
mod faulted;
mod keyed;
mod resolved;
mod waited_for;

//! An outcome that is not known, found out: by the transaction's number, and by
//! an idempotency key.

mod answered;
mod crashed;
mod elsewhere;
mod faulted;
mod keyed;
mod notified;
mod own;
mod resolved;
mod waited_for;
mod whereabouts;

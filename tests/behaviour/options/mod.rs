//! What the options of a transaction do.

mod isolation;
mod retry;

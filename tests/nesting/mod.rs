//! Random trees of transactions inside transactions.

mod model;
pub(crate) mod sweep;
mod tree;
pub(crate) mod walk;

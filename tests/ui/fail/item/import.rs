//! An import has no body to run.

use sqlx_transactional::transactional;

#[transactional]
pub use std::fmt::Debug;

fn main() {}

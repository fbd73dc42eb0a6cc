//! A name for a type has no body to run.

use sqlx_transactional::transactional;

#[transactional]
type Notes = Vec<String>;

fn main() {}

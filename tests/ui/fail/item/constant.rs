//! A constant has no body to run.

use sqlx_transactional::transactional;

#[transactional]
const LIMIT: u32 = 5;

fn main() {}

//! An enum does nothing that could be rolled back.

use sqlx_transactional::transactional;

#[transactional]
enum Status {
    Open,
}

fn main() {}

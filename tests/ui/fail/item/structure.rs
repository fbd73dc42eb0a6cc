//! A struct does nothing that could be rolled back.

use sqlx_transactional::transactional;

#[transactional]
struct Notes {
    title: String,
}

fn main() {}

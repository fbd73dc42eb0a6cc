//! A function of another language cannot be awaited.

use sqlx_transactional::transactional;

#[transactional]
unsafe extern "C" {
    fn rename(id: i64);
}

fn main() {}

//! Each function is a transaction of its own.

use sqlx_transactional::transactional;

#[transactional]
mod notes {
    pub async fn rename() {}
}

fn main() {}

//! A place to begin shows up in error messages.

use sqlx::{Pool, Sqlite, SqlitePool};
use sqlx_transactional::Source;

struct Tenant {
    pool: SqlitePool,
}

impl Source<Sqlite> for Tenant {
    fn pool(&self) -> &Pool<Sqlite> {
        &self.pool
    }
}

fn main() {}

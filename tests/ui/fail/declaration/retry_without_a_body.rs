//! A declaration has no body.

use sqlx::Postgres;
use sqlx_transactional::{Tx, transactional};

trait Rename {
    #[transactional(retry, idempotent)]
    async fn rename(&self, tx: &mut Tx<'_, Postgres>, id: i64) -> sqlx::Result<()>;
}

fn main() {}

//! A database this crate does not know is refused when the program is built.

use sqlx::{Any, AnyPool};
use sqlx_transactional::{Tx, transactional};

#[transactional]
async fn rename(tx: &mut Tx<'_, Any>) -> sqlx::Result<()> {
    tx.connection().await.map(drop)
}

fn main() {
    let pool = AnyPool::connect_lazy("sqlite::memory:").unwrap();
    drop(rename(&pool));
}

//! `outermost` holds for a place that the function names itself too.

use sqlx::{Sqlite, Transaction};
use sqlx_transactional::{Tx, transactional};

#[transactional(on = &mut *begun, outermost)]
async fn rename(tx: &mut Tx<'_, Sqlite>, begun: &mut Transaction<'_, Sqlite>) -> sqlx::Result<()> {
    sqlx::query("select 1").execute(tx).await?;
    Ok(())
}

fn main() {}

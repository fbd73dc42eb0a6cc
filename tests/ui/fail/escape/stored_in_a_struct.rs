//! What outlives the call cannot keep its handle.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

struct Unit<'t> {
    tx: Option<&'t mut Tx<'t, Sqlite>>,
}

#[transactional]
async fn enlist<'t>(tx: &'t mut Tx<'t, Sqlite>, unit: &mut Unit<'t>) -> sqlx::Result<()> {
    unit.tx = Some(tx);
    Ok(())
}

fn main() {}

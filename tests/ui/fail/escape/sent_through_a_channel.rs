//! Nobody else can be sent the handle.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};
use tokio::sync::mpsc::Sender;

#[transactional]
async fn lend<'t>(
    tx: &'t mut Tx<'t, Sqlite>,
    to: &Sender<&'t mut Tx<'t, Sqlite>>,
) -> sqlx::Result<()> {
    let _ = to.send(tx).await;
    Ok(())
}

fn main() {}

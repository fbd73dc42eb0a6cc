//! Nor can the method's own object.

use sqlx::Sqlite;
use sqlx_transactional::{Tx, transactional};

struct Notes<'t> {
    open: Vec<&'t mut Tx<'t, Sqlite>>,
}

impl<'t> Notes<'t> {
    #[transactional]
    async fn enlist(&mut self, tx: &mut Tx<'_, Sqlite>) -> sqlx::Result<()> {
        self.open.push(tx);
        Ok(())
    }
}

fn main() {}

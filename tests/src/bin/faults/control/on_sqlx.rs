//! By hand on plain sqlx.

use super::work::{Inside, Work};
use crate::notes::Notes;
use crate::subject::Answer;
use sqlx::{Acquire, Error, Pool, Transaction};

/// The inside of a transaction of sqlx's.
pub(super) struct OnSqlx<'t, DB: Notes>(pub(super) &'t mut Transaction<'static, DB>);

impl<DB: Notes> Inside for OnSqlx<'_, DB> {
    type Error = Error;

    async fn insert(&mut self, id: i64) -> Result<(), Error> {
        DB::insert_on(self.0, id).await
    }

    async fn insert_cold(&mut self, id: i64) -> Result<(), Error> {
        DB::insert_cold_on(self.0, id).await
    }

    async fn insert_nested(&mut self, id: i64) -> Result<(), Error> {
        let mut inner = self.0.begin().await?;
        DB::insert_on(&mut inner, id).await?;
        inner.commit().await
    }

    async fn execute(&mut self, sql: &str) -> Result<(), Error> {
        DB::execute(self.0, sql).await
    }

    fn of_sqlx(error: &Error) -> Option<&Error> {
        Some(error)
    }
}

/// Does the work in a transaction of its own.
pub(super) async fn run<DB: Notes>(pool: &Pool<DB>, work: &Work<DB>) -> Answer {
    let mut tx = pool.begin().await?;
    work.on(&mut OnSqlx(&mut tx)).await?;
    Ok(tx.commit().await?)
}

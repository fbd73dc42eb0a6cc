//! The closures of sea-orm.

use super::Controlled;
use super::work::{Inside, Work};
use crate::notes::{Notes, cold};
use crate::subject::Answer;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, RuntimeErr, Statement, TransactionError,
    TransactionTrait,
};
use sqlx::Pool;
use std::marker::PhantomData;

/// The inside of a transaction of sea-orm's, on an engine.
struct OnSeaOrm<'t, DB> {
    tx: &'t DatabaseTransaction,
    engine: PhantomData<fn() -> DB>,
}

impl<'t, DB: Notes> OnSeaOrm<'t, DB> {
    fn new(tx: &'t DatabaseTransaction) -> Self {
        Self {
            tx,
            engine: PhantomData,
        }
    }

    async fn store(&self, insert: String, id: i64) -> Result<(), DbErr> {
        let engine = self.tx.get_database_backend();
        let insert = Statement::from_sql_and_values(engine, insert, [id.into()]);
        self.tx.execute_raw(insert).await.map(drop)
    }
}

impl<DB: Notes> Inside for OnSeaOrm<'_, DB> {
    type Error = DbErr;

    async fn insert(&mut self, id: i64) -> Result<(), DbErr> {
        self.store(DB::INSERT.to_owned(), id).await
    }

    async fn insert_cold(&mut self, id: i64) -> Result<(), DbErr> {
        self.store(cold::<DB>(id).0, id).await
    }

    async fn insert_nested(&mut self, id: i64) -> Result<(), DbErr> {
        let inner = self.tx.transaction(move |tx| {
            Box::pin(async move { OnSeaOrm::<DB>::new(tx).insert(id).await })
        });
        inner.await.map_err(|error| match error {
            TransactionError::Connection(error) | TransactionError::Transaction(error) => error,
        })
    }

    async fn execute(&mut self, sql: &str) -> Result<(), DbErr> {
        self.tx.execute_unprepared(sql).await.map(drop)
    }

    fn of_sqlx(error: &DbErr) -> Option<&sqlx::Error> {
        match error {
            DbErr::Conn(RuntimeErr::SqlxError(error))
            | DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
            _ => None,
        }
    }
}

/// Does the work in a transaction that sea-orm begins and ends.
pub(super) async fn run<DB: Controlled>(pool: &Pool<DB>, work: Work<DB>) -> Answer {
    let connection = DB::sea_orm(pool.clone());
    let done = connection.transaction(move |tx| {
        Box::pin(async move { work.on(&mut OnSeaOrm::<DB>::new(tx)).await })
    });
    Ok(done.await?)
}

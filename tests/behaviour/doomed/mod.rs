//! What dooms a transaction and what does not, how it is told, and that it stays.

mod cause;
mod mysql;
mod postgres;
mod sqlite;
mod told;

use sqlx::{Executor, IntoArguments};
use sqlx_transactional::{Tx, transaction};
use sqlx_transactional_tests::{Backend, TestDb};

use crate::{
    app::AppError,
    expect::{code, doomed, engine_code},
    sql::{insert, run},
};

/// Runs `failing` in a transaction that swallows its error, and asserts that
/// the statement after it is refused, that the end is an error, and that both
/// name the first cause. Gives the engine's code of the error.
///
/// What the transaction wrote before and tried to write after it are the notes
/// 100 and 101.
///
/// # Panics
///
/// When the transaction is not doomed.
async fn assert_dooms<DB>(db: &TestDb<DB>, failing: &str) -> String
where
    DB: Backend,
    DB::Arguments: IntoArguments<DB>,
    for<'t, 'c> &'t mut Tx<'c, DB>: Executor<'t, Database = DB>,
{
    let mut first = String::new();
    let ended = transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
        insert(&mut *tx, 100).await?;
        first = engine_code(&run(&mut *tx, failing).await.unwrap_err());
        // What is sent, because an error comes before the answer to its message ends.
        let sent = || {
            let commands = db
                .wire
                .as_ref()
                .map(sqlx_transactional_tests::Wire::by_connection);
            commands.map(|commands| commands.iter().map(Vec::len).sum::<usize>())
        };
        let before = sent();
        let refused = insert(&mut *tx, 101).await.unwrap_err();
        assert_eq!(code(doomed(&refused)), first);
        assert_eq!(before, sent(), "a refused statement costs no round trip");
        Ok::<_, AppError>(())
    });
    let error = ended.await.expect_err(failing);
    assert_eq!(code(doomed(&error)), first, "{failing}");
    let written = db.numbers("select id from notes where id >= 100").await;
    assert_eq!(written, [0; 0], "{failing}");
    first
}

/// Runs `failing` in a transaction that swallows its error, and asserts that
/// the transaction goes on and commits the notes `id` and `id + 1`. Gives the
/// engine's code of the error.
///
/// # Panics
///
/// When the transaction is doomed.
async fn assert_harmless<DB>(db: &TestDb<DB>, id: i64, failing: &str) -> String
where
    DB: Backend,
    DB::Arguments: IntoArguments<DB>,
    for<'t, 'c> &'t mut Tx<'c, DB>: Executor<'t, Database = DB>,
{
    let mut first = String::new();
    let ended = transaction(&db.pool, async |tx: &mut Tx<'_, DB>| {
        insert(&mut *tx, id).await?;
        first = engine_code(&run(&mut *tx, failing).await.unwrap_err());
        insert(&mut *tx, id + 1).await?;
        Ok::<_, AppError>(())
    });
    ended.await.expect(failing);
    let sql = format!("select id from notes where id in ({id}, {id} + 1) order by id");
    assert_eq!(db.numbers(&sql).await, [id, id + 1], "{failing}");
    first
}

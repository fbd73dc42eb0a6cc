//! Statements that every engine understands, run on whatever runs statements.

use sqlx::{AssertSqlSafe, ColumnIndex, Database, Decode, Error, Executor, IntoArguments, Type};
use sqlx_transactional_tests::{Backend, Engine};

/// Stores the note `id`, with a statement that a wire log shows as `insert {id}`.
pub(crate) async fn insert<DB: Database>(
    on: impl Executor<'_, Database = DB>,
    id: i64,
) -> Result<(), Error>
where
    DB::Arguments: IntoArguments<DB>,
{
    let sql = format!("insert into notes (id, body) values ({id}, 'body')");
    sqlx::query(AssertSqlSafe(sql)).execute(on).await.map(drop)
}

/// The ids of the notes in order, as `on` sees them.
pub(crate) async fn ids<DB: Database>(
    on: impl Executor<'_, Database = DB>,
) -> Result<Vec<i64>, Error>
where
    DB::Arguments: IntoArguments<DB>,
    i64: for<'r> Decode<'r, DB> + Type<DB>,
    usize: ColumnIndex<DB::Row>,
{
    let select = sqlx::query_scalar("select id from notes order by id");
    select.fetch_all(on).await
}

/// Runs SQL that has no parameters as plain text.
pub(crate) async fn run<DB: Database>(
    on: impl Executor<'_, Database = DB>,
    sql: &str,
) -> Result<(), Error> {
    let sql = AssertSqlSafe(sql.to_owned());
    sqlx::raw_sql(sql).execute(on).await.map(drop)
}

/// SQL whose parameters are written as `?`, in the engine's own spelling.
pub(crate) fn bound<DB: Backend>(sql: &str) -> AssertSqlSafe<String> {
    let mut spelled = sql.to_owned();
    if DB::ENGINE == Engine::Postgres {
        for number in 1..=sql.matches('?').count() {
            spelled = spelled.replacen('?', &format!("${number}"), 1);
        }
    }
    AssertSqlSafe(spelled)
}

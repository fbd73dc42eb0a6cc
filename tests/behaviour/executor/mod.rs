//! Every way to run a statement on a handle.

mod interrupted;
mod several;
mod streams;

use sqlx::{Connection, Either, Executor, QueryBuilder, Row, SqlSafeStr, Statement};
use sqlx_transactional::{Tx, read, transaction, transactional};
use sqlx_transactional_tests::{Engine, Setup, TestDb, for_each_engine};

use futures_util::TryStreamExt;

use crate::{
    app::AppError,
    sql::{bound, insert, run},
    wire_text::assert_sent,
};

/// A note, as `query_as` gives it.
#[derive(Debug, PartialEq, Eq, sqlx::FromRow)]
struct Note {
    id: i64,
    body: String,
}

for_each_engine! {
    #[transactional]
    async fn save(tx: &mut Tx<'_, DB>, note: &Note) -> Result<u64, AppError> {
        let insert = sqlx::query(bound::<DB>("insert into notes (id, body) values (?, ?)"));
        let done = insert.bind(note.id).bind(&note.body).execute(tx).await?;
        Ok(done.rows_affected())
    }

    #[test]
    async fn query_and_its_relatives(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            let ada = Note { id: 1, body: "Ada".to_owned() };
            assert_eq!(save(&mut *tx, &ada).await?, 1);
            insert(&mut *tx, 2).await?;

            let by_id = bound::<DB>("select id, body from notes where id = ?");
            let one: Note = sqlx::query_as(by_id).bind(1_i64).fetch_one(&mut *tx).await?;
            assert_eq!(one, ada);
            let all: Vec<Note> = sqlx::query_as("select id, body from notes order by id")
                .fetch_all(&mut *tx)
                .await?;
            assert_eq!(all.len(), 2);
            let none: Option<Note> = sqlx::query_as("select id, body from notes where id = 9")
                .fetch_optional(&mut *tx)
                .await?;
            assert_eq!(none, None);

            let scalar = sqlx::query_scalar::<_, i64>("select id from notes where body = 'Ada'");
            assert_eq!(scalar.fetch_one(&mut *tx).await?, 1);
            let mapped = sqlx::query("select body from notes where id = 1")
                .map(|row: <DB as sqlx::Database>::Row| row.get::<String, _>("body"));
            assert_eq!(mapped.fetch_one(&mut *tx).await?, "Ada");

            let mut builder = QueryBuilder::<DB>::new("insert into notes (id, body) ");
            builder.push_values([3_i64, 4], |mut row, id| {
                row.push_bind(id).push_bind("built");
            });
            let built = builder.build().execute(&mut *tx).await?;
            assert_eq!(built.rows_affected(), 2);
            let gone = sqlx::query("delete from notes where id > 2").execute(&mut *tx).await?;
            assert_eq!(gone.rows_affected(), 2);
            let cold = sqlx::query("select id from notes").persistent(false);
            assert_eq!(cold.fetch_all(&mut *tx).await?.len(), 2);
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        db.assert_whole().await;
    }

    /// The methods of the executor itself, with plain text.
    #[test]
    async fn the_handle_itself(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            let done = tx.execute("insert into notes (id, body) values (1, 'one')").await?;
            assert_eq!(done.rows_affected(), 1);
            assert_eq!(tx.fetch_all("select * from notes").await?.len(), 1);
            let id: i64 = tx.fetch_one("select id from notes").await?.get(0);
            assert_eq!(id, 1);
            assert!(tx.fetch_optional("select id from notes where id = 2").await?.is_none());
            let rows: Vec<_> = tx.fetch("select id from notes").try_collect().await?;
            assert_eq!(rows.len(), 1);
            let two = "insert into notes (id, body) values (2, 'two'); select id from notes";
            let (mut changed, mut seen) = (0, 0);
            let mut results = sqlx::raw_sql(two).fetch_many(&mut *tx);
            while let Some(step) = results.try_next().await? {
                match step {
                    Either::Left(done) => changed = changed.max(done.rows_affected()),
                    Either::Right(_) => seen += 1,
                }
            }
            drop(results);
            assert!(changed >= 1);
            assert_eq!(seen, 2);
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn prepared_statements(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            let sql = bound::<DB>("insert into notes (id, body) values (?, ?)").into_sql_str();
            let statement = tx.prepare(sql).await?;
            for id in [1_i64, 2] {
                let insert = statement.query().bind(id).bind("prepared");
                assert_eq!(insert.execute(&mut *tx).await?.rows_affected(), 1);
            }
            let select = tx.prepare("select id from notes order by id".into_sql_str()).await?;
            let rows = select.query_scalar::<i64>().fetch_all(&mut *tx).await?;
            assert_eq!(rows, [1, 2]);
            // Prepared beforehand it is seen all the same.
            let again = statement.query().bind(1_i64).bind("again").execute(&mut *tx).await;
            assert!(again.is_err());
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(ended.await.unwrap_err().is_refused(1));
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }

    #[test]
    async fn a_statement_is_kept_prepared_if_it_says_so(db: &TestDb<DB>) {
        let mut lent = db.pool.acquire().await.unwrap();
        let mut sizes = Vec::new();
        // The first time, what begins and ends the transaction is kept as well.
        for persistent in [false, false, true] {
            let ended = transaction(&mut lent, async |tx| {
                let select = sqlx::query(bound::<DB>("select id from notes where id = ?"));
                select.bind(1_i64).persistent(persistent).fetch_all(tx).await
            });
            ended.await.unwrap();
            sizes.push(lent.cached_statements_size());
        }
        assert_eq!(sizes[1] - sizes[0], 0, "{sizes:?}");
        assert_eq!(sizes[2] - sizes[1], 1, "{sizes:?}");
    }

    /// What is prepared is not yet sent to be run, but it begins the transaction.
    #[test(Setup::wired())]
    async fn a_statement_that_cannot_be_prepared_is_an_error_of_a_statement(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            tx.prepare("select * from nowhere".into_sql_str()).await.map(drop).unwrap_err();
            insert(&mut *tx, 2).await?;
            Ok::<_, AppError>(())
        });
        let answer = ended.await;
        if db.engine() == Engine::Postgres {
            let error = answer.unwrap_err().into_database();
            assert_eq!(crate::expect::code(crate::expect::doomed(&error)), "42P01");
            assert_eq!(db.rows().await, [0; 0]);
        } else {
            answer.unwrap();
            assert_eq!(db.rows().await, [1, 2]);
        }
        db.assert_whole().await;
    }

    #[test]
    async fn a_statement_can_be_described(db: &TestDb<DB>) {
        let ended = read(&db.pool, async |tx| {
            tx.describe("select id, body from notes".into_sql_str()).await
        });
        let described = ended.await.unwrap();
        assert_eq!(described.columns().len(), 2);
        db.assert_whole().await;
    }

    /// Not an error of the database, and the transaction knows.
    #[test]
    async fn an_error_of_the_client_does_not_doom(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            let missing = sqlx::query("select id from notes where id = 9");
            let missing = missing.fetch_one(&mut *tx).await.map(drop);
            assert!(matches!(missing, Err(sqlx::Error::RowNotFound)));
            let number = sqlx::query_scalar::<_, i64>("select body from notes");
            let number = number.fetch_all(&mut *tx).await;
            assert!(matches!(number, Err(sqlx::Error::ColumnDecode { .. })), "{number:?}");
            let number = sqlx::query_as::<_, (i64, i64)>("select body, id from notes");
            let number = number.fetch_one(&mut *tx).await;
            assert!(matches!(number, Err(sqlx::Error::ColumnDecode { .. })), "{number:?}");
            let unencodable = sqlx::query(bound::<DB>("select body from notes where body = ?"));
            let unencodable = unencodable.bind(Unencodable).fetch_all(&mut *tx).await.map(drop);
            assert!(matches!(unencodable, Err(sqlx::Error::Encode(_))), "{unencodable:?}");
            insert(&mut *tx, 2).await?;
            Ok::<_, AppError>(())
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [1, 2]);
        db.assert_whole().await;
    }

    /// A parameter that cannot be sent.
    #[derive(Clone, Copy, Debug)]
    struct Unencodable;

    impl sqlx::Type<DB> for Unencodable {
        fn type_info() -> <DB as sqlx::Database>::TypeInfo {
            <String as sqlx::Type<DB>>::type_info()
        }
    }

    impl sqlx::Encode<'_, DB> for Unencodable {
        fn encode_by_ref(
            &self,
            _: &mut <DB as sqlx::Database>::ArgumentBuffer,
        ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
            Err("it cannot be sent".into())
        }
    }

    /// The helpers that an application has over a plain connection.
    async fn count(connection: &mut <DB as sqlx::Database>::Connection) -> Result<i64, sqlx::Error> {
        sqlx::query_scalar("select count(*) from notes").fetch_one(connection).await
    }

    #[test(Setup::wired())]
    async fn the_raw_connection_is_the_transactions(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            insert(&mut *tx, 1).await?;
            assert_eq!(count(tx.connection().await?).await?, 1);
            assert_eq!(db.rows().await, [0; 0]);
            Err::<(), _>(AppError::Refused(1))
        });
        assert!(ended.await.unwrap_err().is_refused(1));
        assert_eq!(db.rows().await, [0; 0]);
        // It alone begins the transaction, too.
        let ended = transaction(&db.pool, async |tx| {
            run(tx.connection().await?, "insert into notes (id, body) values (2, 'raw')").await
        });
        ended.await.unwrap();
        assert_eq!(db.rows().await, [2]);
        db.assert_whole().await;
    }

    #[test(Setup::wired())]
    async fn statements_go_out_as_they_are(db: &TestDb<DB>) {
        let ended = transaction(&db.pool, async |tx| {
            run(&mut *tx, "select 1").await?;
            sqlx::query("select 2").execute(&mut *tx).await?;
            run(&mut *tx, "select 3;").await
        });
        ended.await.unwrap();
        assert_sent(db, "BEGIN; select 1; select 2; select 3;; COMMIT");
    }
}

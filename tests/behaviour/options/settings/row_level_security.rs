//! Row-level security, as the option's documentation has it.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::FutureExt;
use sqlx::{PgPool, Postgres, postgres::PgPoolOptions};
use sqlx_transactional::{Tx, on, transaction, transactional};
use sqlx_transactional_tests::{Backend, TestDb, for_engines};

use crate::{
    app::AppError,
    expect::{code, doomed, engine_code, own},
    sql::run,
};

const DOCUMENTATION: &str = include_str!("../../../../runtime/src/transactional.md");

/// `row violates row-level security policy` is an `insufficient_privilege`.
const REFUSED: &str = "42501";

/// The documentation's SQL, with this role for its own: roles are the server's.
fn schema(role: &str) -> String {
    let section = DOCUMENTATION.split("\n## `settings`").nth(1).unwrap();
    let sql = section.split("```sql\n").nth(1).unwrap();
    let sql = sql.split("```").next().unwrap();
    assert!(sql.contains("create role app login") && sql.contains("to app;"));
    sql.replace("create role app ", &format!("create role {role} "))
        .replace("to app;", &format!("to {role};"))
}

/// Runs `body` with a pool of one whose user is the documentation's role.
async fn as_application(db: &TestDb<Postgres>, body: impl AsyncFnOnce(&PgPool)) {
    let role = format!("app_{}", uuid::Uuid::now_v7().simple());
    run(&db.observer, "drop table notes").await.unwrap();
    run(&db.observer, &schema(&role)).await.unwrap();
    // Where the server asks for one.
    let password = uuid::Uuid::now_v7().to_string();
    run(
        &db.observer,
        &format!("alter role {role} password '{password}'"),
    )
    .await
    .unwrap();
    let options = db.options().username(&role).password(&password);
    let pool = PgPoolOptions::new().max_connections(1);
    let pool = pool.connect_with(options).await.unwrap();
    let told = "select current_user || ' ' || rolsuper || rolbypassrls from pg_roles \
                where rolname = current_user";
    let mut connection = pool.acquire().await.unwrap();
    let told = Postgres::texts(&mut connection, told).await.unwrap();
    assert_eq!(told, [format!("{role} falsefalse")]);
    drop(connection);
    let ended = AssertUnwindSafe(body(&pool)).catch_unwind().await;
    pool.close().await;
    run(
        &db.observer,
        &format!("drop owned by {role}; drop role {role}"),
    )
    .await
    .unwrap();
    ended.unwrap_or_else(|panic| resume_unwind(panic));
}

/// The documentation's function.
#[transactional(settings("app.user" = user))]
async fn add(tx: &mut Tx<'_, Postgres>, user: &str, body: &str) -> Result<i64, sqlx::Error> {
    add_to(tx, body).await
}

async fn add_to(tx: &mut Tx<'_, Postgres>, body: &str) -> Result<i64, sqlx::Error> {
    let insert = sqlx::query("insert into notes (body) values ($1)").bind(body);
    insert.execute(&mut *tx).await?;
    count(tx).await
}

async fn count(on: impl sqlx::PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select count(*) from notes")
        .fetch_one(on)
        .await
}

for_engines! {
    [postgres]

    #[test]
    async fn each_user_sees_their_own(db: &TestDb<DB>) {
        as_application(db, async |pool| {
            assert_eq!(add(pool, "Ada", "one").await.unwrap(), 1);
            assert_eq!(add(pool, "Bob", "two").await.unwrap(), 1);
            assert_eq!(add(pool, "Ada", "three").await.unwrap(), 2);
            let hostile = "Ada' or true or ''='";
            assert_eq!(add(pool, hostile, "four").await.unwrap(), 1);
            let mut observer = db.observer.acquire().await.unwrap();
            let all = "select owner || ' ' || body from notes order by 1";
            let all = DB::texts(&mut observer, all).await.unwrap();
            let own = format!("{hostile} four");
            assert_eq!(all, ["Ada one", "Ada three", own.as_str(), "Bob two"]);
        })
        .await;
    }

    /// Not before the first transaction has set it, nor after the last.
    #[test]
    async fn who_forgets_to_say_for_whom_sees_nothing(db: &TestDb<DB>) {
        as_application(db, async |pool| {
            run(&db.observer, "insert into notes values ('Ada', 'one'), ('', 'two')").await.unwrap();
            for (time, refused) in [("before", "42704"), ("after", REFUSED)] {
                assert_eq!(count(pool).await.unwrap(), 0, "{time}");
                let forgotten = transaction(pool, async |tx| count(tx).await);
                assert_eq!(forgotten.await.unwrap(), 0, "{time}");
                let stored = transaction(pool, async |tx| add_to(tx, "mine").await);
                assert_eq!(engine_code(&stored.await.unwrap_err()), refused, "{time}");
                // The pool's only connection has had a user since.
                let seen = on(pool).setting("app.user", "Ada").read(async |tx| count(tx).await);
                assert_eq!(seen.await.unwrap(), 1);
            }
            assert_eq!(db.numbers("select count(*) from notes").await, [2]);
        })
        .await;
    }

    #[test]
    async fn nobody_writes_for_another(db: &TestDb<DB>) {
        as_application(db, async |pool| {
            let forged = on(pool).setting("app.user", "Ada").run(async |tx| {
                let forge = "insert into notes (owner, body) values ('Bob', 'forged')";
                sqlx::query(forge).execute(tx).await.map(drop)
            });
            assert_eq!(engine_code(&forged.await.unwrap_err()), REFUSED);
            let joined = on(pool).setting("app.user", "Ada").run(async |tx| {
                add_to(&mut *tx, "one").await?;
                let other = on(&mut *tx).setting("app.user", "Bob");
                let other = other.run(async |tx| add_to(tx, "two").await).await.unwrap_err();
                assert!(own(&other).is_unsupported(), "{other:?}");
                Ok::<_, AppError>(())
            });
            let _ = doomed(&joined.await.unwrap_err());
            assert_eq!(db.numbers("select count(*) from notes").await, [0]);
        })
        .await;
    }

    /// The pool has one connection, which the next takes as it was left.
    #[test]
    async fn the_next_borrower_sees_nothing(db: &TestDb<DB>) {
        as_application(db, async |pool| {
            add(pool, "Ada", "one").await.unwrap();
            assert_eq!(count(pool).await.unwrap(), 0);
            let failed = on(pool).setting("app.user", "Ada").run(async |tx| {
                add_to(tx, "two").await?;
                Err::<(), _>(AppError::Refused(1))
            });
            assert!(failed.await.unwrap_err().is_refused(1));
            assert_eq!(count(pool).await.unwrap(), 0);
            let aborted = on(pool).setting("app.user", "Ada").run(async |tx| {
                run(tx.connection().await?, "select 1 / 0").await
            });
            assert_eq!(code(&aborted.await.unwrap_err()), "22012");
            assert_eq!(count(pool).await.unwrap(), 0);
            let slow = on(pool).setting("app.user", "Ada").run(async |tx| {
                sqlx::query("select pg_sleep(10)").execute(tx).await.map(drop)
            });
            let limit = std::time::Duration::from_millis(200);
            assert!(tokio::time::timeout(limit, slow).await.is_err());
            assert_eq!(count(pool).await.unwrap(), 0);
            assert_eq!(pool.size(), 1);
        })
        .await;
    }

    /// The table's owner is no exception.
    #[test]
    async fn it_is_forced(db: &TestDb<DB>) {
        as_application(db, async |pool| {
            add(pool, "Ada", "one").await.unwrap();
            let user: String = sqlx::query_scalar("select current_user::text").fetch_one(pool).await.unwrap();
            run(&db.observer, &format!("alter table notes owner to {user}")).await.unwrap();
            assert_eq!(count(pool).await.unwrap(), 0);
            let seen = on(pool).setting("app.user", "Bob").read(async |tx| count(tx).await);
            assert_eq!(seen.await.unwrap(), 0);
            assert_eq!(add(pool, "Ada", "two").await.unwrap(), 2);
        })
        .await;
    }
}

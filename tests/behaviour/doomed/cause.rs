//! The cause of a doom is as good as the error that was swallowed.

use sqlx_transactional::{Tx, transaction, transactional};
use sqlx_transactional_tests::{Backend, TestDb, for_each_engine};

use crate::{app::AppError, expect::doomed, sql::run};

const TABLE: &str = "create table parts (\
                         id bigint not null primary key, \
                         note bigint, \
                         size bigint not null, \
                         constraint owned foreign key (note) references notes (id), \
                         constraint small check (size < 10)\
                     )";

/// One statement for each kind of violation.
const VIOLATIONS: [(&str, &str); 4] = [
    (
        "UniqueViolation",
        "insert into parts values (1, null, 1), (1, null, 2)",
    ),
    ("ForeignKeyViolation", "insert into parts values (2, 99, 1)"),
    (
        "NotNullViolation",
        "insert into parts values (3, null, null)",
    ),
    ("CheckViolation", "insert into parts values (4, null, 10)"),
];

/// All that can be asked of a database's error.
fn told(error: &sqlx::Error) -> String {
    let error = error.as_database_error().unwrap();
    format!(
        "{error} | {:?} | {} | {:?} | {:?} | {:?}",
        error.kind(),
        error.message(),
        error.code(),
        error.constraint(),
        error.table(),
    )
}

async fn create<DB: Backend>(db: &TestDb<DB>, table: &str) {
    let mut connection = db.observer.acquire().await.unwrap();
    DB::execute(&mut connection, table).await.unwrap();
}

for_each_engine! {
    #[transactional]
    async fn joined(tx: &mut Tx<'_, DB>, sql: &str) -> Result<(), AppError> {
        run(tx, sql).await?;
        Ok(())
    }

    #[test]
    async fn it_has_the_kind_the_code_and_the_words_of_the_first_error(db: &TestDb<DB>) {
        create(db, TABLE).await;
        for (kind, sql) in VIOLATIONS {
            let mut swallowed = String::new();
            let ended = transaction(&db.pool, async |tx| {
                let error = joined(tx, sql).await.unwrap_err().into_database();
                swallowed = told(&error);
                Ok::<_, AppError>(())
            });
            let error = ended.await.unwrap_err();
            assert!(swallowed.contains(kind), "{swallowed}");
            assert_eq!(told(doomed(&error)), swallowed);
        }
        assert_eq!(db.numbers("select count(*) from parts").await, [0]);
        db.assert_whole().await;
    }
}

mod on_postgres {
    use sqlx_transactional_tests::for_engines;

    use super::*;

    for_engines! {
        [postgres]

        #[test]
        async fn it_can_be_an_exclusion_and_names_table_and_constraint(db: &TestDb<DB>) {
            create(
                db,
                "create table areas (\
                     area circle, \
                     constraint apart exclude using gist (area with &&)\
                 )",
            )
            .await;
            let mut swallowed = String::new();
            let ended = transaction(&db.pool, async |tx| {
                let twice = "insert into areas values ('<(0,0),1>'), ('<(0,0),2>')";
                swallowed = told(&run(tx, twice).await.unwrap_err());
                Ok::<_, AppError>(())
            });
            let error = ended.await.unwrap_err();
            let cause = doomed(&error);
            assert_eq!(told(cause), swallowed);
            let cause = cause.as_database_error().unwrap();
            assert_eq!(format!("{:?}", cause.kind()), "ExclusionViolation");
            assert_eq!(cause.constraint(), Some("apart"));
            assert_eq!(cause.table(), Some("areas"));
            assert!(cause.message().contains("exclusion"), "{cause}");
        }
    }
}

//! Settings of PostgreSQL's that end with the transaction.

mod beside;
mod ends;
mod joined;
mod row_level_security;
mod values;

use sqlx_transactional::{ReadTx, Tx, on};
use sqlx_transactional_tests::{Backend, Engine, Setup, TestDb, for_each_engine};

use crate::{
    expect::own,
    sql::{ids, insert},
    wire_text::assert_sent,
};

/// What the setting is on this connection: nothing, where it never was anything.
async fn user<DB: Backend>(connection: &mut DB::Connection) -> String {
    let ask = "select coalesce(current_setting('app.user', true), '')";
    DB::texts(connection, ask).await.unwrap().remove(0)
}

for_each_engine! {
    #[test(Setup::wired())]
    async fn it_is_in_the_message_of_begin(db: &TestDb<DB>) {
        let block = || on(&db.pool).setting("app.user", "Ada").setting("app.tenant", 7);
        let mut ran = false;
        let ended = block().run(async |tx: &mut Tx<'_, DB>| {
            ran = true;
            insert(tx, 1).await
        });
        let ended = ended.await;
        let reader = block().read(async |tx: &mut ReadTx<'_, DB>| ids(tx).await).await;
        if db.engine() == Engine::Postgres {
            ended.unwrap();
            assert_eq!(reader.unwrap(), [1]);
            let set = "SELECT set_config(E'app.user', E'Ada', true); \
                       SELECT set_config(E'app.tenant', E'7', true)";
            assert_eq!(
                db.wire().take_statements(),
                [
                    &format!("BEGIN; {set}"),
                    "insert into notes (id, body) values (1, 'body')",
                    "COMMIT",
                    &format!("BEGIN READ ONLY; {set}"),
                    "select id from notes order by id",
                    "COMMIT",
                ]
            );
            return db.assert_whole().await;
        }
        // No other engine has it.
        let error = ended.unwrap_err();
        assert!(own(&error).is_unsupported(), "{error:?}");
        assert_eq!(own(&error).sqlstate(), "0A000");
        assert!(error.to_string().contains("`settings`"), "{error}");
        assert!(own(&reader.unwrap_err()).is_unsupported());
        assert!(!ran);
        assert_sent(db, "");
        assert_eq!(db.rows().await, [0; 0]);
        db.assert_whole().await;
    }
}

//! What joins runs for somebody already: it may name the same, and nobody else.

use sqlx_transactional::{ReadTx, Tx, on};
use sqlx_transactional_tests::{Setup, TestDb, for_engines};

use super::user;
use crate::{
    app::AppError,
    expect::own,
    options::assert_stored,
    sql::insert,
    wire_text::{assert_sent, sent},
};

/// What the outermost names, what joins it names, and whether that may.
type Case = (&'static [Named], &'static [Named], bool);
type Named = (&'static str, &'static str);

const CASES: [Case; 11] = [
    // PostgreSQL makes no difference between capital and small letters.
    (&[("app.user", "Ada")], &[("App.USER", "Ada")], true),
    (&[("App.User", "Ada")], &[("app.user", "ada")], false),
    (&[("app.user", "Ada")], &[("app.user", "Ada")], true),
    (&[("app.user", "Ada")], &[], true),
    (&[("app.user", "Ada")], &[("app.user", "Bob")], false),
    (&[("app.user", "Ada")], &[("app.user", "")], false),
    (&[("app.user", "Ada")], &[("app.tenant", "Ada")], false),
    (&[], &[("app.user", "Ada")], false),
    (&[], &[("app.user", "")], false),
    (
        &[("app.user", "Ada"), ("app.tenant", "7")],
        &[("app.tenant", "7"), ("app.user", "Ada")],
        true,
    ),
    (
        &[("app.user", "Ada"), ("app.tenant", "7")],
        &[("app.user", "Ada"), ("app.tenant", "8")],
        false,
    ),
];

/// A block on `$place` with these settings.
macro_rules! block {
    ($place:expr, $named:expr) => {{
        let named: &[Named] = $named;
        let mut block = on($place);
        for (name, value) in named {
            block = block.setting(name, value);
        }
        block
    }};
}

/// Asserts that the error, if there is one, says that the settings are others.
fn assert_refused(ended: Result<(), AppError>) {
    if let Err(error) = ended {
        let error = error.into_database();
        assert!(own(&error).is_unsupported(), "{error:?}");
        assert!(error.to_string().contains("`settings`"), "{error}");
    }
}

for_engines! {
    [postgres]

    #[test(Setup::wired())]
    async fn another_value_or_one_that_is_not_set_is_refused(db: &TestDb<DB>) {
        for (outer, inner, may) in CASES {
            for savepoint in [false, true] {
                let mut ran = false;
                let ended = block!(&db.pool, outer).run(async |tx| {
                    insert(&mut *tx, 1).await?;
                    let block = block!(&mut *tx, inner);
                    let block = if savepoint { block.savepoint() } else { block };
                    let ended = block.run(async |tx: &mut Tx<'_, DB>| {
                        ran = true;
                        insert(tx, 2).await?;
                        Ok(())
                    });
                    assert_refused(ended.await);
                    Ok::<_, AppError>(())
                });
                let ended = ended.await;
                let case = format!("{inner:?} in {outer:?}");
                assert_eq!(ran, may, "{case}");
                assert_eq!(ended.is_ok(), may || savepoint, "{case}: {ended:?}");
                let sent = sent(db).unwrap();
                let (end, stored): (_, &[i64]) = match (may, savepoint) {
                    (true, false) => ("; insert 1; insert 2; COMMIT", &[1, 2]),
                    (true, true) => ("; insert 2; RELEASE SAVEPOINT s1; COMMIT", &[1, 2]),
                    (false, true) => ("; insert 1; COMMIT", &[1]),
                    (false, false) => ("; insert 1; ROLLBACK", &[]),
                };
                assert!(sent.ends_with(end), "{case}: {sent}");
                assert_stored(db, stored).await;
            }
        }
        db.assert_whole().await;
    }

    /// Also before the outermost has sent BEGIN.
    #[test(Setup::wired())]
    async fn before_anything_was_sent(db: &TestDb<DB>) {
        let ended = on(&db.pool).setting("app.user", "Ada").run(async |tx| {
            let other = on(&mut *tx).setting("app.user", "Bob");
            assert_refused(other.run(async |tx| Ok(insert(tx, 2).await?)).await);
            Ok::<_, AppError>(())
        });
        ended.await.unwrap_err();
        assert_sent(db, "");
        let ended = on(&db.pool).setting("app.user", "Ada").run(async |tx| {
            let same = on(tx).setting("app.user", "Ada");
            same.read(async |tx: &mut ReadTx<'_, DB>| {
                Ok::<_, AppError>(user::<DB>(tx.connection().await?).await)
            }).await
        });
        assert_eq!(ended.await.unwrap(), "Ada");
        db.assert_whole().await;
    }

    /// They would outlive the savepoint, and be the owner's.
    #[test(Setup::wired())]
    async fn in_a_transaction_of_sqlxs_they_are_refused(db: &TestDb<DB>) {
        let mut owner = db.pool.begin().await.unwrap();
        insert(&mut *owner, 1).await.unwrap();
        let _ = sent(db);
        let mut ran = false;
        let ended = on(&mut owner).setting("app.user", "Ada").run(async |tx| {
            ran = true;
            insert(tx, 2).await?;
            Ok(())
        });
        assert_refused(ended.await);
        assert!(!ran);
        assert_sent(db, "");
        owner.commit().await.unwrap();
        assert_stored(db, &[1]).await;
        db.assert_whole().await;
    }
}

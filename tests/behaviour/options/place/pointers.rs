//! A pointer to a place is the same place, with all that it says.

use std::sync::Arc;

use sqlx_transactional::{Isolation, Limits, Source, on};
use sqlx_transactional_tests::{Setup, TestDb, for_each_engine};

use super::{Says, db as place_of, level, ms, own_place};
use crate::{sql::insert, traces::Traces};

for_each_engine! {
    /// Everything it says is heard through `place`.
    async fn assert_same<S: Source<DB>>(db: &TestDb<DB>, place: S, id: i64) {
        let call = on(&place).run(async |tx| insert(tx, id).await);
        let (traces, ended) = Traces::of(call).await;
        ended.unwrap();
        assert_eq!(traces.spans()[0].field("db"), "notes");
        assert_eq!(place.limits(), Limits::new().lock_timeout(ms(3_000)));
        if let Some(wire) = &db.wire {
            let sent = wire.take_statements();
            assert!(sent[0].contains(level::sql(Isolation::Serializable)), "{sent:?}");
            assert!(sent[0].contains("timeout = 3"), "{sent:?}");
            db.settle().await;
            let _ = wire.take_log();
        }
    }

    fn says() -> Says {
        Says {
            name: Some("notes"),
            isolation: Some(Isolation::Serializable),
            limits: Limits::new().lock_timeout(ms(3_000)),
            ..Says::default()
        }
    }

    #[test(Setup::wired())]
    async fn a_reference_an_arc_and_a_clone(db: &TestDb<DB>) {
        let place = place_of(db, says());
        assert_same(db, &place, 1).await;
        assert_same(db, &&place, 2).await;
        assert_same(db, Arc::new(place.clone()), 3).await;
        assert_same(db, place, 4).await;
        let own = Arc::new(own_place(db, says()));
        assert_same(db, &own, 5).await;
        assert_same(db, Arc::clone(&own), 6).await;
        assert_eq!(own.diary.read(), "place committed, place committed");
        assert_eq!(db.rows().await, [1, 2, 3, 4, 5, 6]);
        db.assert_whole().await;
    }

    /// What it shows of itself has no address of a database, nor a password.
    #[test]
    async fn it_can_be_printed(db: &TestDb<DB>) {
        let text = format!("{:?}", place_of(db, says()));
        assert!(text.contains("notes") && text.contains("Serializable"), "{text}");
        assert!(!text.contains("://") && !text.contains("test.db"), "{text}");
    }
}

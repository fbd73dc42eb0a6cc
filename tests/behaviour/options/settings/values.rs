//! Any value arrives as it was, and none is anything but a value.

use proptest::{
    strategy::{Just, Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use sqlx_transactional::{Tx, on};
use sqlx_transactional_tests::{Backend, Setup, TestDb, for_engines};

use super::user;
use crate::{
    app::AppError,
    expect::{engine_code, own},
    sql::{insert, run},
    wire_text::assert_sent,
};

/// How many random values.
const VALUES: usize = 10_000;

/// Values that end a literal, where it is done wrongly.
const HOSTILE: [&str; 20] = [
    "",
    "'",
    "''",
    "\\",
    "\\'",
    "'\\",
    "\\\\'",
    "', true); drop table notes; --",
    "\\', true); drop table notes; --",
    "'; commit; --",
    "$$",
    "$1",
    "E'",
    "\n\r\t\u{8}",
    "\\x27",
    "\\u0027",
    "/* -- */",
    "ʼ＇ß\u{10ffff}\u{feff}",
    "\u{1}\u{7f}\u{85}\u{2028}",
    "a;b",
];

/// Random values, most of which have something to do with SQL's quotes.
fn values(seed: u64) -> impl Iterator<Item = String> {
    let piece = proptest::prop_oneof![
        Just("'".to_owned()),
        Just("\\".to_owned()),
        Just("\"".to_owned()),
        Just("; rollback; --".to_owned()),
        proptest::char::range('\u{1}', '~').prop_map(String::from),
        proptest::char::any().prop_map(|any| if any == '\0' {
            "0".to_owned()
        } else {
            any.into()
        }),
    ];
    let value = proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    std::iter::from_fn(move || value.new_tree(&mut runner).ok().map(|tree| tree.current()))
}

for_engines! {
    [postgres]

    /// What the server says the value is.
    async fn echo(db: &TestDb<DB>, value: &str) -> String {
        let ended = on(&db.pool).setting("app.user", value).run(async |tx| {
            Ok::<_, AppError>(user::<DB>(tx.connection().await?).await)
        });
        ended.await.unwrap()
    }

    /// In sessions that read plain literals in either way.
    async fn set_strings(db: &TestDb<DB>, conforming: &str) {
        let set = format!("set standard_conforming_strings = {conforming}");
        run(&db.pool, &set).await.unwrap();
        let told = "show standard_conforming_strings";
        let mut connection = db.pool.acquire().await.unwrap();
        assert_eq!(DB::texts(&mut connection, told).await.unwrap(), [conforming]);
    }

    #[test]
    async fn a_hostile_value_arrives_as_it_was(db: &TestDb<DB>) {
        insert(&db.observer, 1).await.unwrap();
        for conforming in ["on", "off"] {
            set_strings(db, conforming).await;
            for value in HOSTILE {
                assert_eq!(echo(db, value).await, value, "strings are {conforming}");
            }
        }
        assert_eq!(db.rows().await, [1], "nothing of it ran");
        db.assert_whole().await;
    }

    /// Many settings to a BEGIN, because it is the literals that are looked at.
    #[test]
    async fn random_values_arrive_as_they_were(db: &TestDb<DB>) {
        let names: Vec<&'static str> = (0..100).map(|n| &*format!("v.n{n}").leak()).collect();
        let ask: Vec<_> = names.iter().map(|name| format!("current_setting('{name}')")).collect();
        let ask = format!("select unnest(array[{}])", ask.join(", "));
        let seed = fastrand::u64(..);
        let all: Vec<_> = values(seed).take(VALUES).collect();
        let quoted = all.iter().filter(|value| value.contains('\'') && value.contains('\\'));
        assert!(quoted.count() > VALUES / 10, "seed {seed}: they are too tame");
        for conforming in ["on", "off"] {
            set_strings(db, conforming).await;
            for some in all.chunks(names.len()) {
                let mut block = on(&db.pool);
                for (name, value) in names.iter().zip(some) {
                    block = block.setting(name, value);
                }
                let ended = block.run(async |tx: &mut Tx<'_, DB>| {
                    DB::texts(tx.connection().await?, &ask).await
                });
                assert_eq!(ended.await.unwrap(), some, "seed {seed}, strings are {conforming}");
            }
        }
        db.assert_whole().await;
    }

    /// PostgreSQL cannot be told one.
    #[test(Setup::wired())]
    async fn a_nul_is_refused_before_anything_is_sent(db: &TestDb<DB>) {
        let block = || on(&db.pool);
        for block in [
            block().setting("app.user", "Ada\0"),
            block().setting("app.user", "\0"),
            block().setting("app.user", "Ada").setting("app.tenant", "a\0b"),
            block().setting("app.\0", "Ada"),
            block().setting("", "Ada"),
        ] {
            let mut ran = false;
            let ended = block.run(async |tx| {
                ran = true;
                insert(tx, 1).await
            });
            let error = ended.await.unwrap_err();
            assert_eq!(own(&error).sqlstate(), "22021");
            assert!(!own(&error).is_unsupported() && !own(&error).is_doomed(), "{error:?}");
            assert!(!error.to_string().contains("Ada"), "{error}");
            assert!(!ran);
            assert_sent(db, "");
        }
        db.assert_whole().await;
    }

    /// What PostgreSQL itself refuses is the first statement's error, and nothing
    /// runs without it.
    #[test(Setup::wired())]
    async fn a_value_that_is_none_fails_the_first_statement(db: &TestDb<DB>) {
        for (name, value, code) in [
            ("work_mem", "much", "22023"),
            ("no_such_setting", "1", "42704"),
            ("1.2", "1", "42602"),
        ] {
            let ended = on(&db.pool).setting(name, value).run(async |tx| {
                let first = insert(&mut *tx, 1).await.unwrap_err();
                insert(tx, 2).await.unwrap_err();
                Err::<(), _>(first)
            });
            let error = ended.await.unwrap_err();
            assert_eq!(engine_code(&error), code, "{name}");
            let sent = db.wire().take_statements();
            assert_eq!(sent.len(), 2, "it is asked for once, and rolled back: {sent:?}");
            assert_eq!(db.rows().await, [0; 0]);
            db.assert_whole().await;
            let _ = db.wire().take_log();
        }
    }

    /// It is nobody's parameter, but it may be somebody's name.
    #[test]
    async fn no_trace_holds_a_value(db: &TestDb<DB>) {
        const SECRET: &str = "s3cr3t-7f1d";
        let call = on(&db.pool).setting("app.user", SECRET).run(async |tx| {
            insert(&mut *tx, 1).await?;
            let other = on(&mut *tx).setting("app.user", "other");
            let _ = other.run(async |tx| insert(tx, 2).await).await;
            Ok::<_, AppError>(())
        });
        let (traces, ended) = crate::traces::Traces::of(call).await;
        assert!(!format!("{:?}", ended.unwrap_err()).contains(SECRET));
        let own: Vec<_> = traces.spans().into_iter().chain(traces.events()).collect();
        assert!(!format!("{own:?}").contains(SECRET));
    }
}

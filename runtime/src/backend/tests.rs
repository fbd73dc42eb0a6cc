//! What each engine's errors do to a transaction, by their codes.

use std::io;

use super::{is_cut, is_supported};
use crate::said::said;

#[test]
fn a_database_is_known_by_its_whole_name() {
    assert_eq!(is_supported("PostgreSQL"), cfg!(feature = "postgres"));
    assert_eq!(is_supported("MySQL"), cfg!(feature = "mysql"));
    assert_eq!(is_supported("SQLite"), cfg!(feature = "sqlite"));
    for other in ["Any", "", "SQL", "mySQL", "MySQL2", "MySQl", "PostgreSQl"] {
        assert!(!is_supported(other), "{other}");
    }
}

/// What the driver says of itself, whatever the engine.
fn of_the_driver() -> [(sqlx::Error, bool); 6] {
    let broken = io::Error::from(io::ErrorKind::BrokenPipe);
    [
        (broken.into(), true),
        (sqlx::Error::WorkerCrashed, true),
        (sqlx::Error::Protocol("out of step".to_owned()), false),
        (sqlx::Error::BeginFailed, false),
        (sqlx::Error::RowNotFound, false),
        (sqlx::Error::PoolTimedOut, false),
    ]
}

#[test]
fn connection_that_was_cut_is_known_by_what_cut_it() {
    for (error, is) in of_the_driver() {
        assert_eq!(is_cut(&error), is, "{error}");
    }
    assert!(!is_cut(&said("08006")));
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
#[test]
fn connection_may_be_out_of_step_after_what_the_driver_did_not_expect() {
    for (error, is_cut) in of_the_driver() {
        let is_unexpected = matches!(error, sqlx::Error::Protocol(_) | sqlx::Error::BeginFailed);
        assert_eq!(super::is_broken(&error), is_cut || is_unexpected, "{error}");
    }
}

#[cfg(feature = "postgres")]
mod on_postgres {
    use sqlx::Postgres;

    use super::said;
    use crate::backend::{Damage, Refusal, of};

    #[test]
    fn the_code_says_what_is_lost_and_whether_it_may_go_away() {
        use Damage::{Connection, Scope, Session};
        for (code, damage, transient) in [
            ("23505", Scope, false),
            ("57014", Scope, false),
            ("40003", Scope, false),
            ("40001", Scope, true),
            ("40P01", Scope, true),
            ("08006", Connection, true),
            // Of a copy nobody knows whether the session went on.
            ("08P01", Scope, false),
            ("57P01", Session, true),
            ("57P02", Session, true),
            ("57P04", Session, false),
            ("57P05", Session, true),
            ("25P03", Session, false),
            ("25P04", Session, false),
        ] {
            let error = said(code);
            assert_eq!(of::<Postgres>().damage(&error), damage, "{code}");
            assert_eq!(of::<Postgres>().is_transient(&error), transient, "{code}");
        }
        for (error, transient) in super::of_the_driver() {
            let unsent = matches!(error, sqlx::Error::RowNotFound | sqlx::Error::PoolTimedOut);
            let damage = if unsent { Damage::None } else { Connection };
            assert_eq!(of::<Postgres>().damage(&error), damage, "{error}");
            assert_eq!(of::<Postgres>().is_transient(&error), transient, "{error}");
        }
    }

    #[test]
    fn the_code_says_whether_commit_was_refused_or_nobody_knows() {
        use Refusal::{Definite, Unknown};
        for (code, refusal) in [
            ("23503", Definite),
            ("40001", Definite),
            ("25P03", Definite),
            ("25P04", Definite),
            ("40003", Unknown),
            ("08007", Unknown),
            ("57P01", Unknown),
            ("08006", Unknown),
        ] {
            assert_eq!(of::<Postgres>().refusal(&said(code)), refusal, "{code}");
        }
        let crashed = sqlx::Error::WorkerCrashed;
        assert_eq!(of::<Postgres>().refusal(&crashed), Unknown);
    }

    #[test]
    fn a_begin_that_is_refused_is_no_fault_of_the_connection() {
        for (code, unfit) in [
            ("25P02", true),
            ("25001", true),
            ("08006", true),
            ("57P01", true),
            // A setting that there is not, or without such a value.
            ("42704", false),
            ("22023", false),
        ] {
            let error = said(code);
            assert_eq!(of::<Postgres>().is_found_unfit(&error), unfit, "{code}");
        }
        let unsent = sqlx::Error::PoolTimedOut;
        assert!(!of::<Postgres>().is_found_unfit(&unsent));
        assert!(of::<Postgres>().is_found_unfit(&sqlx::Error::BeginFailed));
    }
}

#[cfg(feature = "sqlite")]
mod on_sqlite {
    use sqlx::Sqlite;

    use super::said;
    use crate::backend::{Damage, Refusal, of};

    /// <https://sqlite.org/rescode.html>
    #[test]
    fn the_code_says_what_is_lost_and_whether_it_may_go_away() {
        use Damage::{Suspect, Transaction};
        for (code, damage, transient) in [
            ("1", Suspect, false),
            ("2067", Suspect, false),
            // BUSY, BUSY_RECOVERY, BUSY_SNAPSHOT, LOCKED, LOCKED_SHAREDCACHE
            ("5", Suspect, true),
            ("261", Suspect, true),
            ("517", Transaction, true),
            ("6", Suspect, true),
            ("262", Suspect, true),
            // PROTOCOL: a race between two that begin.
            ("15", Suspect, true),
            // NOMEM, INTERRUPT, IOERR, IOERR_FSYNC, CORRUPT, FULL
            ("7", Transaction, false),
            ("9", Transaction, false),
            ("10", Transaction, false),
            ("1034", Transaction, false),
            ("11", Transaction, false),
            ("13", Transaction, false),
        ] {
            let error = said(code);
            assert_eq!(of::<Sqlite>().damage(&error), damage, "{code}");
            assert_eq!(of::<Sqlite>().is_transient(&error), transient, "{code}");
            assert_eq!(of::<Sqlite>().refusal(&error), Refusal::Definite, "{code}");
        }
        let crashed = sqlx::Error::WorkerCrashed;
        assert_eq!(of::<Sqlite>().damage(&crashed), Damage::Connection);
        assert!(of::<Sqlite>().is_transient(&crashed));
        assert_eq!(of::<Sqlite>().refusal(&crashed), Refusal::Unknown);
        // A wrong parameter is not worth a database in memory.
        let parameter = sqlx::Error::Protocol("a parameter".to_owned());
        for unsent in [sqlx::Error::RowNotFound, parameter] {
            assert_eq!(of::<Sqlite>().damage(&unsent), Damage::None);
            assert!(!of::<Sqlite>().is_transient(&unsent));
        }
        let begun = sqlx::Error::BeginFailed;
        assert_eq!(of::<Sqlite>().damage(&begun), Transaction);
    }

    #[test]
    fn a_begin_that_finds_a_lock_is_no_fault_of_the_connection() {
        // BUSY, IOERR
        assert!(!of::<Sqlite>().is_found_unfit(&said("5")));
        assert!(of::<Sqlite>().is_found_unfit(&said("10")));
        let crashed = sqlx::Error::WorkerCrashed;
        assert!(of::<Sqlite>().is_found_unfit(&crashed));
        let unsent = sqlx::Error::PoolTimedOut;
        assert!(!of::<Sqlite>().is_found_unfit(&unsent));
    }
}

#[cfg(feature = "mysql")]
mod on_mysql {
    use sqlx::MySql;

    use super::said;
    use crate::backend::{Damage, Refusal, of};

    /// The number is in sqlx's own type alone; the tests on a server have it.
    #[test]
    fn without_a_number_the_class_is_looked_at() {
        let lost = said("08S01");
        assert_eq!(of::<MySql>().damage(&lost), Damage::Connection);
        assert!(of::<MySql>().is_transient(&lost));
        for (error, transient) in super::of_the_driver() {
            let unsent = matches!(error, sqlx::Error::RowNotFound | sqlx::Error::PoolTimedOut);
            let damage = if unsent {
                Damage::None
            } else {
                Damage::Connection
            };
            assert_eq!(of::<MySql>().damage(&error), damage, "{error}");
            assert_eq!(of::<MySql>().is_transient(&error), transient, "{error}");
        }
        let unsent = sqlx::Error::RowNotFound;
        assert_eq!(of::<MySql>().refusal(&unsent), Refusal::Unknown);
    }

    #[test]
    fn a_begin_that_is_refused_is_no_fault_of_the_connection() {
        for (code, unfit) in [("08S01", true), ("42000", false)] {
            let error = said(code);
            assert_eq!(of::<MySql>().is_found_unfit(&error), unfit, "{code}");
        }
        let unsent = sqlx::Error::PoolTimedOut;
        assert!(!of::<MySql>().is_found_unfit(&unsent));
    }
}

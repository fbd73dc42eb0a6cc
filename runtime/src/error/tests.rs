//! What each kind of error is told by: one predicate, one code, its own words.

use std::{error::Error as StdError, io, sync::Arc};

use sqlx::error::{DatabaseError, ErrorKind};

use super::{Error, Kind};
use crate::said::said;

const JOINED_FAILED: Kind = Kind::JoinedFailed("rename");

/// Every kind but [`Kind::Transient`], whose code is its cause's.
const KINDS: [(Kind, &str, &str); 19] = [
    (Kind::Refused, "doomed", "25P02"),
    (Kind::Doomed, "doomed", "25P02"),
    (Kind::Interrupted, "doomed", "25P02"),
    (JOINED_FAILED, "doomed", "25P02"),
    (Kind::JoinedDropped("rename"), "doomed", "25P02"),
    (Kind::SavepointInterrupted, "doomed", "25P02"),
    (Kind::OutcomeUnknown, "outcome_unknown", "08007"),
    (Kind::EndedEarly, "ended_early", "25P01"),
    (Kind::Control, "transaction_control", "2D000"),
    (Kind::Unsupported("not here"), "unsupported", "0A000"),
    (Kind::TimedOut, "timed_out", "57014"),
    (Kind::TimedOutUnseen, "timed_out", "57014"),
    (Kind::StatementTimedOut, "timed_out", "57014"),
    (Kind::LockTimedOut, "timed_out", "55P03"),
    (Kind::AlreadyDone, "already_done", "23505"),
    (Kind::PoolExhausted, "pool_exhausted", "53300"),
    (Kind::SecondTransaction, "second_transaction", "25001"),
    (Kind::Vetoed, "vetoed", "40000"),
    (Kind::SettingUnfit, "", "22021"),
];

/// The predicates that are true of `error`.
fn names(error: &Error) -> String {
    let predicates = [
        ("doomed", error.is_doomed()),
        ("outcome_unknown", error.is_outcome_unknown()),
        ("ended_early", error.is_ended_early()),
        ("transaction_control", error.is_transaction_control()),
        ("unsupported", error.is_unsupported()),
        ("timed_out", error.is_timed_out()),
        ("already_done", error.is_already_done()),
        ("pool_exhausted", error.is_pool_exhausted()),
        ("second_transaction", error.is_second_transaction()),
        ("vetoed", error.is_vetoed()),
    ];
    let found = predicates.iter().filter(|(_, is_true)| *is_true);
    let found: Vec<_> = found.map(|(name, _)| *name).collect();
    found.join(", ")
}

#[test]
fn each_kind_answers_to_one_name_and_one_code() {
    for (kind, name, code) in KINDS {
        let error = Error::new(kind);
        assert_eq!(names(&error), name, "{kind:?}");
        assert_eq!(error.sqlstate(), code, "{kind:?}");
        assert_eq!(error.code().as_deref(), Some(code), "{kind:?}");
        assert_eq!(error.attempts(), None, "{kind:?}");
        assert_eq!(error.constraint(), None, "{kind:?}");
        assert_eq!(error.table(), None, "{kind:?}");
        let is_unique = matches!(DatabaseError::kind(&error), ErrorKind::UniqueViolation);
        assert_eq!(is_unique, kind == Kind::AlreadyDone, "{kind:?}");
    }
}

/// The message of an error of sqlx's is not made when it is asked for, so it has
/// no name in it.
#[test]
fn each_kind_has_its_own_words() {
    for (kind, ..) in KINDS {
        let error = Error::new(kind);
        let message = match kind {
            Kind::JoinedFailed(_) | Kind::JoinedDropped(_) => "a joined function failed",
            _ => &error.to_string(),
        };
        assert_eq!(error.message(), message);
        assert_eq!(
            error.to_label(),
            format!("{} ({error})", error.sqlstate()),
            "{kind:?}"
        );
        assert!(error.to_string().len() > 5, "{kind:?}");
    }
    let joined = Error::new(JOINED_FAILED).to_string();
    assert_eq!(joined, "the joined function `rename` returned an error");
}

/// It is as good as the engine's own, to whoever matches on that.
#[test]
fn the_error_of_a_last_attempt_is_the_engines_with_a_number() {
    for (code, told) in [
        ("40001", "40001"),
        ("1213", "40001"),
        ("40P01", "40P01"),
        ("57P01", "08006"),
        ("08003", "08006"),
    ] {
        let error = Error::transient(said(code), 3);
        assert_eq!(error.attempts(), Some(3));
        assert_eq!(error.sqlstate(), told, "{code}");
        assert_eq!(error.code().as_deref(), Some(code));
        assert_eq!(error.message(), "the engine's words");
        assert_eq!(error.constraint(), Some("a_constraint"));
        assert_eq!(error.table(), Some("a_table"));
        assert_eq!(names(&error), "");
        let source = error.source().and_then(|source| source.downcast_ref());
        assert!(
            matches!(source, Some(sqlx::Error::Database(_))),
            "{source:?}"
        );
        let whole = format!("given up after attempt 3: error returned from database: said {code}");
        assert_eq!(error.to_string(), whole);
    }
}

#[test]
fn a_last_attempt_that_lost_its_connection_says_so() {
    let lost = io::Error::from(io::ErrorKind::BrokenPipe);
    let error = Error::transient(lost.into(), 2);
    assert_eq!(error.sqlstate(), "08006");
    assert_eq!(error.code().as_deref(), Some("08006"));
    assert_eq!(error.message(), "the connection was lost");
    assert_eq!((error.constraint(), error.table()), (None, None));
}

/// Only the error of a last attempt stands for its cause; the others are the
/// transaction's own.
#[test]
fn a_cause_does_not_shine_through() {
    let error = Error::because(Kind::Doomed, Arc::new(said("23503")));
    assert_eq!(error.code().as_deref(), Some("25P02"));
    assert_eq!((error.constraint(), error.table()), (None, None));
    assert_ne!(error.message(), "the engine's words");
    let source = error.source().and_then(|source| source.downcast_ref());
    assert!(
        matches!(source, Some(sqlx::Error::Database(_))),
        "{source:?}"
    );
}

#[test]
fn a_hooks_own_words_are_kept_and_an_error_of_sqlx_is_given_as_it_is() {
    let refused = Error::refused("not on a Sunday".into());
    let found = Error::find(&refused).unwrap();
    assert!(found.is_vetoed());
    assert_eq!(found.source().unwrap().to_string(), "not on a Sunday");
    assert!(found.to_string().ends_with("refused: not on a Sunday"));
    let given = Error::refused(Box::new(sqlx::Error::RowNotFound));
    assert!(matches!(given, sqlx::Error::RowNotFound));
}

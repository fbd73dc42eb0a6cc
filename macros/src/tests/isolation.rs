//! `#[transactional(isolation = level)]` and `deferrable`.

use expect_test::{Expect, expect};

use super::{FUNCTION, check_difference, check_errors};

#[test]
fn each_level_is_a_variant() {
    check_difference(
        "isolation = read_uncommitted",
        FUNCTION,
        &expect![[r#"
        .isolation(::sqlx_transactional::Isolation::ReadUncommitted);
    "#]],
    );
    check_difference(
        "isolation = read_committed",
        FUNCTION,
        &expect![[r#"
        .isolation(::sqlx_transactional::Isolation::ReadCommitted);
    "#]],
    );
    check_difference(
        "isolation = repeatable_read",
        FUNCTION,
        &expect![[r#"
        .isolation(::sqlx_transactional::Isolation::RepeatableRead);
    "#]],
    );
    check_difference(
        "isolation = serializable",
        FUNCTION,
        &expect![[r#"
        .isolation(::sqlx_transactional::Isolation::Serializable);
    "#]],
    );
}

#[test]
fn deferrable_asks_for_an_access_that_can() {
    check_difference(
        "isolation = serializable, deferrable",
        FUNCTION,
        &expect![[r#"
        .isolation(::sqlx_transactional::Isolation::Serializable)
        .deferrable::<::sqlx_transactional::AccessOf<Tx<'static, Db>>>();
    "#]],
    );
    check_difference(
        "deferrable, isolation = serializable",
        FUNCTION,
        &expect![[r#"
        .deferrable::<::sqlx_transactional::AccessOf<Tx<'static, Db>>>()
        .isolation(::sqlx_transactional::Isolation::Serializable);
    "#]],
    );
}

#[track_caller]
fn refused(options: &str, expected: &Expect) {
    check_errors(options, FUNCTION, expected);
}

#[test]
fn deferrable_alone_would_change_nothing() {
    refused(
        "deferrable",
        &expect![[r#"
        deferrable => `deferrable` has no effect without `isolation = serializable`, because PostgreSQL ignores DEFERRABLE at every other level: write `#[transactional(isolation = serializable, deferrable)]`, or leave `deferrable` out
    "#]],
    );
    refused(
        "timeout = \"5s\", deferrable, isolation = repeatable_read",
        &expect![[r#"
        deferrable => `deferrable` has no effect without `isolation = serializable`, because PostgreSQL ignores DEFERRABLE at every other level: write `#[transactional(isolation = serializable, timeout = "5s", deferrable)]`, or leave `deferrable` out
    "#]],
    );
}

#[test]
fn deferrable_with_a_level_that_cannot_be_read_gets_no_second_error() {
    refused(
        "deferrable, isolation = \"serializable\"",
        &expect![[r#"
        "serializable" => write `isolation = serializable`; the levels are `read_uncommitted`, `read_committed`, `repeatable_read` and `serializable`
    "#]],
    );
}

#[test]
fn deferrable_with_a_value() {
    refused(
        "isolation = serializable, deferrable = true",
        &expect![[r#"
        = true => `deferrable` takes no value: write `deferrable` alone, or leave it out
    "#]],
    );
}

#[test]
fn a_level_in_quotes() {
    refused(
        "isolation = \"serializable\"",
        &expect![[r#"
        "serializable" => write `isolation = serializable`; the levels are `read_uncommitted`, `read_committed`, `repeatable_read` and `serializable`
    "#]],
    );
    refused(
        "isolation = \"READ COMMITTED\"",
        &expect![[r#"
        "READ COMMITTED" => write `isolation = read_committed`; the levels are `read_uncommitted`, `read_committed`, `repeatable_read` and `serializable`
    "#]],
    );
}

#[test]
fn a_level_in_capital_letters() {
    refused(
        "isolation = ReadCommitted",
        &expect![[r#"
        ReadCommitted => write `isolation = read_committed`; the levels are `read_uncommitted`, `read_committed`, `repeatable_read` and `serializable`
    "#]],
    );
    refused(
        "isolation = Isolation::RepeatableRead",
        &expect![[r#"
        Isolation::RepeatableRead => write `isolation = repeatable_read`; the levels are `read_uncommitted`, `read_committed`, `repeatable_read` and `serializable`
    "#]],
    );
    refused(
        "isolation = READ_UNCOMMITTED",
        &expect![[r#"
        READ_UNCOMMITTED => write `isolation = read_uncommitted`; the levels are `read_uncommitted`, `read_committed`, `repeatable_read` and `serializable`
    "#]],
    );
}

#[test]
fn a_level_of_another_name() {
    refused(
        "isolation = snapshot",
        &expect![[r#"
        snapshot => write `isolation = repeatable_read`; the levels are `read_uncommitted`, `read_committed`, `repeatable_read` and `serializable`
    "#]],
    );
    refused(
        "isolation = serialisable",
        &expect![[r#"
        serialisable => write `isolation = serializable`; the levels are `read_uncommitted`, `read_committed`, `repeatable_read` and `serializable`
    "#]],
    );
    refused(
        "isolation = strict",
        &expect![[r#"
        strict => the levels are `read_uncommitted`, `read_committed`, `repeatable_read` and `serializable`
    "#]],
    );
    refused(
        "isolation = 3",
        &expect![[r#"
        3 => the levels are `read_uncommitted`, `read_committed`, `repeatable_read` and `serializable`
    "#]],
    );
    refused(
        "isolation = read committed",
        &expect![[r#"
        read committed => write `isolation = read_committed`; the levels are `read_uncommitted`, `read_committed`, `repeatable_read` and `serializable`
    "#]],
    );
}

#[test]
fn no_level() {
    refused(
        "isolation",
        &expect![[r#"
        isolation => write a value: `isolation = serializable`
    "#]],
    );
    refused(
        "isolation =",
        &expect![[r#"
        = => write a value: `isolation = serializable`
    "#]],
    );
    refused(
        "isolation(serializable)",
        &expect![[r#"
        isolation => write a value: `isolation = serializable`
    "#]],
    );
}

#[test]
fn two_levels() {
    refused(
        "isolation = serializable, isolation = read_committed",
        &expect![[r#"
        isolation => `isolation` is given twice: remove one
    "#]],
    );
}

//! `#[transactional(immediate)]`, `deferred` and `exclusive`.

use expect_test::expect;

use super::{FUNCTION, check_difference, check_errors};

#[test]
fn each_asks_for_a_database_that_can() {
    check_difference(
        "immediate",
        FUNCTION,
        &expect![[r#"
        .immediate::<
        <::sqlx_transactional::AccessOf<
        Tx<'static, Db>,
        > as ::sqlx_transactional::Access>::Database,
        >();
    "#]],
    );
    check_difference(
        "deferred",
        FUNCTION,
        &expect![[r#"
        .deferred::<
        <::sqlx_transactional::AccessOf<
        Tx<'static, Db>,
        > as ::sqlx_transactional::Access>::Database,
        >();
    "#]],
    );
    check_difference(
        "exclusive",
        FUNCTION,
        &expect![[r#"
        .exclusive::<
        <::sqlx_transactional::AccessOf<
        Tx<'static, Db>,
        > as ::sqlx_transactional::Access>::Database,
        >();
    "#]],
    );
}

#[test]
fn two_of_them() {
    check_errors(
        "immediate, exclusive",
        FUNCTION,
        &expect![[r#"
        exclusive => `exclusive` conflicts with `immediate`, because a transaction begins in one way: write `#[transactional(immediate)]`, or `#[transactional(exclusive)]`
    "#]],
    );
    check_errors(
        "on = self.pool, deferred, name = \"a\", immediate",
        FUNCTION,
        &expect![[r#"
        deferred => `deferred` conflicts with `immediate`, because a transaction begins in one way: write `#[transactional(on = self.pool, name = "a", immediate)]`, or `#[transactional(on = self.pool, deferred, name = "a")]`
    "#]],
    );
}

#[test]
fn all_of_them() {
    check_errors(
        "exclusive, immediate, deferred",
        FUNCTION,
        &expect![[r#"
        deferred => `deferred` conflicts with `immediate`, because a transaction begins in one way: write `#[transactional(immediate)]`, or `#[transactional(deferred)]`
        exclusive => `exclusive` conflicts with `immediate`, because a transaction begins in one way: write `#[transactional(immediate)]`, or `#[transactional(exclusive)]`
    "#]],
    );
}

#[test]
fn a_value() {
    check_errors(
        "immediate = true",
        FUNCTION,
        &expect![[r#"
        = true => `immediate` takes no value: write `immediate` alone, or leave it out
    "#]],
    );
}

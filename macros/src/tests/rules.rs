//! `#[transactional(commit_on(pattern))]` and `rollback_on`.

use expect_test::{Expect, expect};

use super::{FUNCTION, check, check_difference, check_errors};

#[test]
fn what_ran_is_judged_before_it_ends() {
    check(
        "commit_on(Err(AppError::Full)), rollback_on(Ok(0))",
        "async fn f(tx: &mut DbTx<'_>) -> Result<u64, AppError> { Ok(1) }",
        &expect![[r#"
            async fn f(
                mut tx: impl ::sqlx_transactional::Begin<
                    ::sqlx_transactional::AccessOf<DbTx<'static>>,
                >,
            ) -> Result<u64, AppError> {
                let __options = ::sqlx_transactional::__private::Options::new(
                    ::core::concat!(::core::module_path!(), "::f"),
                );
                let mut __handle = ::sqlx_transactional::__private::begin::<
                    ::sqlx_transactional::AccessOf<DbTx<'static>>,
                    _,
                >(&mut tx, __options);
                let mut __bounds = ::sqlx_transactional::__private::bounds::<
                    ::sqlx_transactional::AccessOf<DbTx<'static>>,
                >(&mut __handle, __options);
                let __ran = {
                    let tx: &mut DbTx<'_> = &mut __handle;
                    ::sqlx_transactional::__private::run(
                            &mut __bounds,
                            ::core::pin::pin!(async move {
                                if false {
                                    return ::sqlx_transactional::__private::declared::<
                                        Result<u64, AppError>,
                                    >();
                                }
                                '__body: { Ok(1) }
                            }),
                        )
                        .await
                };
                let __ran = ::sqlx_transactional::__private::judge::<
                    ::sqlx_transactional::AccessOf<DbTx<'static>>,
                    _,
                >(
                    &mut __handle,
                    __ran,
                    |__returned: &Result<u64, AppError>| match __returned {
                        Ok(0) => ::sqlx_transactional::__private::Verdict::RollBack,
                        Err(AppError::Full) => ::sqlx_transactional::__private::Verdict::Commit,
                        _ => ::sqlx_transactional::__private::Verdict::Usual,
                    },
                );
                ::sqlx_transactional::__private::end::<
                    ::sqlx_transactional::AccessOf<DbTx<'static>>,
                    _,
                >(__handle, &mut __bounds, __ran)
                    .await
            }
        "#]],
    );
}

#[test]
fn one_of_them() {
    check_difference(
        "commit_on(Err(AppError::Full))",
        FUNCTION,
        &expect![[r#"
            let __ran = ::sqlx_transactional::__private::judge::<
            >(
            &mut __handle,
            __ran,
            |__returned: &R| match __returned {
            Err(AppError::Full) => ::sqlx_transactional::__private::Verdict::Commit,
            _ => ::sqlx_transactional::__private::Verdict::Usual,
            },
        "#]],
    );
    check_difference(
        "rollback_on(Ok(Status::Stale))",
        FUNCTION,
        &expect![[r#"
            let __ran = ::sqlx_transactional::__private::judge::<
            >(
            &mut __handle,
            __ran,
            |__returned: &R| match __returned {
            Ok(Status::Stale) => ::sqlx_transactional::__private::Verdict::RollBack,
            _ => ::sqlx_transactional::__private::Verdict::Usual,
            },
        "#]],
    );
}

#[test]
fn any_pattern() {
    check_difference(
        "commit_on(| Err(AppError::Full | AppError::Limit { .. }) | Err(e @ AppError::Other(1..=5)))",
        FUNCTION,
        &expect![[r#"
            let __ran = ::sqlx_transactional::__private::judge::<
            >(
            &mut __handle,
            __ran,
            |__returned: &R| match __returned {
            Err(AppError::Full | AppError::Limit { .. })
            | Err(e @ AppError::Other(1..=5)) => {
            ::sqlx_transactional::__private::Verdict::Commit
            _ => ::sqlx_transactional::__private::Verdict::Usual,
            },
        "#]],
    );
    check_difference(
        "rollback_on(_)",
        FUNCTION,
        &expect![[r#"
            let __ran = ::sqlx_transactional::__private::judge::<
            >(
            &mut __handle,
            __ran,
            |__returned: &R| match __returned {
            _ => ::sqlx_transactional::__private::Verdict::RollBack,
            _ => ::sqlx_transactional::__private::Verdict::Usual,
            },
        "#]],
    );
    check_difference(
        "rollback_on(ok!())",
        FUNCTION,
        &expect![[r#"
            let __ran = ::sqlx_transactional::__private::judge::<
            >(
            &mut __handle,
            __ran,
            |__returned: &R| match __returned {
            ok!() => ::sqlx_transactional::__private::Verdict::RollBack,
            _ => ::sqlx_transactional::__private::Verdict::Usual,
            },
        "#]],
    );
}

#[test]
fn a_condition() {
    check_difference(
        "commit_on(Err(e) if e.is_full() && limit > 3)",
        FUNCTION,
        &expect![[r#"
            let __ran = ::sqlx_transactional::__private::judge::<
            >(
            &mut __handle,
            __ran,
            |__returned: &R| match __returned {
            Err(e) if e.is_full() && limit > 3 => {
            ::sqlx_transactional::__private::Verdict::Commit
            _ => ::sqlx_transactional::__private::Verdict::Usual,
            },
        "#]],
    );
}

#[test]
fn impl_trait_in_the_result_becomes_an_underscore() {
    check_difference(
        "rollback_on(Err(_))",
        "async fn f(tx: &mut Tx<'_, Db>) -> Result<impl Display + use<>, E> { Ok(()) }",
        &expect![[r#"
            ) -> Result<impl Display + use<>, E> {
            return ::sqlx_transactional::__private::declared::<
            Result<_, E>,
            >();
            let __ran = ::sqlx_transactional::__private::judge::<
            >(
            &mut __handle,
            __ran,
            |__returned: &Result<_, E>| match __returned {
            Err(_) => ::sqlx_transactional::__private::Verdict::RollBack,
            _ => ::sqlx_transactional::__private::Verdict::Usual,
            },
        "#]],
    );
}

#[track_caller]
fn refused(options: &str, expected: &Expect) {
    check_errors(options, FUNCTION, expected);
}

#[test]
fn no_parentheses() {
    refused(
        "commit_on",
        &expect![[r#"
        commit_on => write a pattern for the result: `commit_on(Err(AppError::Full))`
    "#]],
    );
    refused(
        "rollback_on = Err(_)",
        &expect![[r#"
            rollback_on = Err(_) => write a pattern for the result: `rollback_on(Ok(Status::Stale))`
        "#]],
    );
    refused(
        "commit_on { Err(_) }",
        &expect![[r#"
        commit_on { Err(_) } => write a pattern for the result: `commit_on(Err(AppError::Full))`
    "#]],
    );
}

#[test]
fn nothing_in_the_parentheses() {
    refused(
        "commit_on()",
        &expect![[r#"
        commit_on() => write a pattern for the result: `commit_on(Err(AppError::Full))`
    "#]],
    );
}

#[test]
fn something_that_is_no_pattern() {
    refused(
        "commit_on(Err(_) if)",
        &expect![[r#"
        ) => unexpected end of input, expected an expression
    "#]],
    );
    refused(
        "commit_on(+)",
        &expect![[r#"
        + => expected one of: identifier, `::`, `<`, `_`, literal, `const`, `ref`, `mut`, `&`, parentheses, square brackets, `..`, `const`
    "#]],
    );
    refused(
        "commit_on(Err(_) |)",
        &expect![[r#"
        ) => unexpected end of input, expected one of: identifier, `::`, `<`, `_`, literal, `const`, `ref`, `mut`, `&`, parentheses, square brackets, `..`, `const`
    "#]],
    );
    refused(
        "commit_on(+ 1, 2), savepoint = 3",
        &expect![[r#"
        + => expected one of: identifier, `::`, `<`, `_`, literal, `const`, `ref`, `mut`, `&`, parentheses, square brackets, `..`, `const`
        = 3 => `savepoint` takes no value: write `savepoint` alone, or leave it out
    "#]],
    );
}

#[test]
fn a_name_that_would_match_everything() {
    refused(
        "rollback_on(AppError)",
        &expect![[r#"
        AppError => `AppError` is a new name here, which every result matches: write a pattern such as `Ok(_)` or `Err(AppError::Full)`, or `_` if you mean every result
    "#]],
    );
    refused(
        "commit_on(error), rollback_on(mut x)",
        &expect![[r#"
        error => `error` is a new name here, which every result matches: write a pattern such as `Ok(_)` or `Err(AppError::Full)`, or `_` if you mean every result
        mut x => `mut x` is a new name here, which every result matches: write a pattern such as `Ok(_)` or `Err(AppError::Full)`, or `_` if you mean every result
    "#]],
    );
    check_difference(
        "commit_on(result if result.is_err())",
        FUNCTION,
        &expect![[r#"
            let __ran = ::sqlx_transactional::__private::judge::<
            >(
            &mut __handle,
            __ran,
            |__returned: &R| match __returned {
            result if result.is_err() => ::sqlx_transactional::__private::Verdict::Commit,
            _ => ::sqlx_transactional::__private::Verdict::Usual,
            },
        "#]],
    );
}

#[test]
fn several_patterns() {
    refused(
        "commit_on(Err(A), Err(B))",
        &expect![[r#"
        , Err(B) => write `|` between alternatives, and `if` before a condition
    "#]],
    );
    refused(
        "commit_on(Err(A) => true)",
        &expect![[r#"
        => true => write `|` between alternatives, and `if` before a condition
    "#]],
    );
    refused(
        "commit_on(Err(A)), commit_on(Err(B))",
        &expect![[r#"
        commit_on => `commit_on` is given twice: remove one
    "#]],
    );
}

//! `#[transactional]` without options.

use expect_test::expect;

use super::{check, check_difference, tokens, transactional};

#[test]
fn a_function_begins_runs_its_body_and_ends() {
    check(
        "",
        "/// Renames.
        #[must_use]
        pub async fn rename(tx: &mut DbTx<'_>, id: &str, title: String) -> Result<u64, AppError> {
            let rows = update(tx, id, &title).await?;
            Ok(rows)
        }",
        &expect![[r#"
            /// Renames.
            #[must_use]
            pub async fn rename(
                mut tx: impl ::sqlx_transactional::Begin<
                    ::sqlx_transactional::AccessOf<DbTx<'static>>,
                >,
                id: &str,
                title: String,
            ) -> Result<u64, AppError> {
                let __options = ::sqlx_transactional::__private::Options::new(
                    ::core::concat!(::core::module_path!(), "::rename"),
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
                                '__body: {
                                    let rows = update(tx, id, &title).await?;
                                    Ok(rows)
                                }
                            }),
                        )
                        .await
                };
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
fn a_reader_differs_in_nothing_but_its_type() {
    check_difference(
        "",
        "async fn f(tx: &mut ReadTx<'_, Db>) -> R { Ok(()) }",
        &expect![[r#"
            ::sqlx_transactional::AccessOf<ReadTx<'static, Db>>,
            ::sqlx_transactional::AccessOf<ReadTx<'static, Db>>,
            ::sqlx_transactional::AccessOf<ReadTx<'static, Db>>,
            let tx: &mut ReadTx<'_, Db> = &mut __handle;
            ::sqlx_transactional::AccessOf<ReadTx<'static, Db>>,
        "#]],
    );
}

#[test]
fn a_half_typed_body_is_copied_token_for_token() {
    let body = "{ let x = ; tx. }";
    let item = format!("async fn f(tx: &mut Tx<'_, Db>) -> R {body}");
    let (function, errors) = transactional("", &item);
    assert_eq!(errors, "");
    let copied = format!("'__body : {}", tokens(body));
    assert!(function.to_string().contains(&copied), "{function}");
}

#[test]
fn nothing_in_the_output_changes_a_lint_level() {
    for options in ["", "savepoint", "on = pool, outermost", "retry, commit_on(_)"] {
        let (function, _) = transactional(options, super::FUNCTION);
        assert!(!function.to_string().contains('#'), "{function}");
    }
}

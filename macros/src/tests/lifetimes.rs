//! Lifetimes in the type of the handle and in the signature.

use expect_test::expect;

use super::{check_difference, check_signature};

#[test]
fn a_parameter_that_only_the_transaction_used_is_gone() {
    check_signature(
        "",
        "async fn f<'t, 'id, T>(tx: &'t mut Tx<'t, Db>, id: &'id T) -> Result<&'id T, E> { Ok(id) }",
        &expect![[r#"
            impl Type {
                async fn f<'id, T>(
                    mut tx: impl ::sqlx_transactional::Begin<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    >,
                    id: &'id T,
                ) -> Result<&'id T, E> {}
            }
        "#]],
    );
}

#[test]
fn a_parameter_that_another_input_a_bound_or_the_body_uses_stays() {
    check_signature(
        "",
        "async fn f<'a, 'b, 'c: 'b, 'd>(tx: &mut Tx<'a, Db<'b, 'd>>, id: Id<'a>) -> R { let x: &'d str; }",
        &expect![[r#"
            impl Type {
                async fn f<'a, 'b, 'c: 'b, 'd>(
                    mut tx: impl ::sqlx_transactional::Begin<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db<'static, 'static>>>,
                    >,
                    id: Id<'a>,
                ) -> R {}
            }
        "#]],
    );
}

#[test]
fn a_parameter_that_was_unused_before_stays() {
    check_signature(
        "",
        "async fn f<'a>(tx: &mut Tx<'_, Db>) -> R { x }",
        &expect![[r#"
            impl Type {
                async fn f<'a>(
                    mut tx: impl ::sqlx_transactional::Begin<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    >,
                ) -> R {}
            }
        "#]],
    );
}

#[test]
fn lifetimes_are_replaced_at_any_depth() {
    check_difference(
        "",
        "async fn f(tx: &mut app::Tx<'_, (&'static str, &Db, Box<dyn Any + 'a>)>) -> R { Ok(()) }",
        &expect![[r#"
            ::sqlx_transactional::AccessOf<
            app::Tx<'static, (&'static str, &'static Db, Box<dyn Any + 'static>)>,
            ::sqlx_transactional::AccessOf<
            app::Tx<'static, (&'static str, &'static Db, Box<dyn Any + 'static>)>,
            ::sqlx_transactional::AccessOf<
            app::Tx<'static, (&'static str, &'static Db, Box<dyn Any + 'static>)>,
            let tx: &mut app::Tx<'_, (&'_ str, &'_ Db, Box<dyn Any + '_>)> = &mut __handle;
            ::sqlx_transactional::AccessOf<
            app::Tx<'static, (&'static str, &'static Db, Box<dyn Any + 'static>)>,
        "#]],
    );
}

#[test]
fn an_alias_without_arguments_stays_as_it_was_written() {
    check_difference(
        "",
        "async fn f(tx: &mut AppTx) -> R { Ok(()) }",
        &expect![[r#"
            mut tx: impl ::sqlx_transactional::Begin<::sqlx_transactional::AccessOf<AppTx>>,
            ::sqlx_transactional::AccessOf<AppTx>,
            ::sqlx_transactional::AccessOf<AppTx>,
            let tx: &mut AppTx = &mut __handle;
            ::sqlx_transactional::AccessOf<AppTx>,
        "#]],
    );
}

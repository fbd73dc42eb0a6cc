//! Everything else a signature and a body can have.

use expect_test::expect;
use proc_macro2::{Delimiter, Group, TokenStream};
use quote::quote;

use super::{FUNCTION, check_difference, check_signature, pretty, tokens};
use crate::expand::expand;

#[test]
fn generics_patterns_and_where_clauses_stay() {
    check_signature(
        "",
        "pub(crate) async fn get<DB: Store, T, const N: usize>(tx: &mut ReadTx<'_, DB>, [id]: [T; N]) -> Result<T, AppError>
        where T: Send
        { DB::get(tx, id).await }",
        &expect![[r#"
            impl Type {
                pub(crate) async fn get<DB: Store, T, const N: usize>(
                    mut tx: impl ::sqlx_transactional::Begin<
                        ::sqlx_transactional::AccessOf<ReadTx<'static, DB>>,
                    >,
                    [id,
                    ]: [T; N],
                ) -> Result<T, AppError>
                where
                    T: Send,
                {}
            }
        "#]],
    );
}

#[test]
fn an_unsafe_function_stays_unsafe() {
    check_signature(
        "",
        "async unsafe fn f(tx: &mut Tx<'_, Db>) -> R { x }",
        &expect![[r#"
            impl Type {
                async unsafe fn f(
                    mut tx: impl ::sqlx_transactional::Begin<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    >,
                ) -> R {}
            }
        "#]],
    );
}

#[test]
fn impl_trait_in_the_result_becomes_an_underscore_where_it_cannot_be_written() {
    check_difference(
        "",
        "async fn f(tx: &mut Tx<'_, Db>, by: impl Into<Order>) -> Result<Vec<impl Display + use<>>, E> { Ok(()) }",
        &expect![[r#"
            by: impl Into<Order>,
            ) -> Result<Vec<impl Display + use<>>, E> {
            return ::sqlx_transactional::__private::declared::<
            Result<Vec<_>, E>,
            >();
        "#]],
    );
}

#[test]
fn inner_attributes_move_out_of_the_body_to_the_function() {
    check_difference(
        "",
        "async fn f(tx: &mut Tx<'_, Db>) -> R {
            #![expect(unused)]
            //! Docs.
            #[cfg(all())]
            first();
            Ok(())
        }",
        &expect![[r#"
            #![expect(unused)]
            //! Docs.
            '__body: {
            #[cfg(all())] first();
            Ok(())
        "#]],
    );
}

#[test]
fn a_mutable_binding_is_mutable_in_the_body() {
    check_difference(
        "",
        "async fn f(mut tx: &mut Tx<'_, Db>) -> R { Ok(()) }",
        &expect![[r#"
            let mut tx: &mut Tx<'_, Db> = &mut __handle;
        "#]],
    );
}

#[test]
fn an_unused_parameter_keeps_its_name() {
    check_difference(
        "",
        "async fn f(_tx: &mut Tx<'_, Db>) -> R { Ok(()) }",
        &expect![[r#"
            mut _tx: impl ::sqlx_transactional::Begin<
            >(&mut _tx, __options);
            let _tx: &mut Tx<'_, Db> = &mut __handle;
        "#]],
    );
}

#[test]
fn an_underscore_and_other_patterns_get_a_name_the_body_cannot_use() {
    check_difference(
        "",
        "async fn f(_: &mut Tx<'_, Db>) -> R { Ok(()) }",
        &expect![[r#"
            mut __place: impl ::sqlx_transactional::Begin<
            >(&mut __place, __options);
            let _: &mut Tx<'_, Db> = &mut __handle;
        "#]],
    );
    check_difference(
        "",
        "async fn f(Tx { .. }: &mut Tx<'_, Db>) -> R { Ok(()) }",
        &expect![[r#"
            mut __place: impl ::sqlx_transactional::Begin<
            >(&mut __place, __options);
            let Tx { .. }: &mut Tx<'_, Db> = &mut __handle;
        "#]],
    );
}

#[test]
fn lint_levels_of_the_parameter_go_to_the_variable_and_the_rest_stays() {
    check_difference(
        "",
        "async fn f(#[cfg(all())] #[expect(unused, reason = \"later\")] tx: &mut Tx<'_, Db>) -> R { Ok(()) }",
        &expect![[r##"
            #[cfg(all())]
            #[expect(unused, reason = "later")]
        "##]],
    );
}

#[test]
fn the_invisible_brackets_of_macro_rules_are_seen_through() {
    let hidden = |text: &str| Group::new(Delimiter::None, tokens(text));
    let (ty, handle) = (hidden("&mut (Tx<'_, Db>)"), hidden("Tx<'_, Db>"));
    let body = hidden("{ Ok(()) }");
    let plain = pretty(expand(TokenStream::new(), tokens(FUNCTION)));
    for item in [
        quote!(async fn f(tx: #ty) -> R #body),
        quote!(async fn f(tx: &mut #handle) -> R { Ok(()) }),
    ] {
        assert_eq!(pretty(expand(TokenStream::new(), item)), plain);
    }
}

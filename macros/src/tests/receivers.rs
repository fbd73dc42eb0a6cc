//! Methods.

use expect_test::expect;

use super::{check, check_signature};

#[test]
fn the_transaction_follows_the_receiver() {
    check(
        "",
        "async fn rename(&self, tx: &mut Tx<'_, Db>, id: &str) -> Result<&str, E> { self.go(tx, id).await }",
        &expect![[r#"
            async fn rename(
                &self,
                mut tx: impl ::sqlx_transactional::Begin<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >,
                id: &str,
            ) -> Result<&str, E> {
                let __options = ::sqlx_transactional::__private::Options::new(
                    ::core::concat!(::core::module_path!(), "::rename"),
                );
                let mut __handle = ::sqlx_transactional::__private::begin::<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    _,
                >(&mut tx, __options);
                let mut __bounds = ::sqlx_transactional::__private::bounds::<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                >(&mut __handle, __options);
                let __ran = {
                    let tx: &mut Tx<'_, Db> = &mut __handle;
                    ::sqlx_transactional::__private::run(
                            &mut __bounds,
                            ::core::pin::pin!(async move {
                                if false {
                                    return ::sqlx_transactional::__private::declared::<
                                        Result<&str, E>,
                                    >();
                                }
                                '__body: { self.go(tx, id).await }
                            }),
                        )
                        .await
                };
                ::sqlx_transactional::__private::end::<
                    ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    _,
                >(__handle, &mut __bounds, __ran)
                    .await
            }
        "#]],
    );
}

#[test]
fn a_mutable_reference_stays() {
    check_signature(
        "",
        "async fn f(&mut self, tx: &mut Tx<'_, Db>) -> R { x }",
        &expect![[r#"
            impl Type {
                async fn f(
                    &mut self,
                    mut tx: impl ::sqlx_transactional::Begin<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    >,
                ) -> R {}
            }
        "#]],
    );
}

#[test]
fn a_value_stays() {
    check_signature(
        "",
        "async fn f(mut self, tx: &mut Tx<'_, Db>) -> R { x }",
        &expect![[r#"
            impl Type {
                async fn f(
                    mut self,
                    mut tx: impl ::sqlx_transactional::Begin<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    >,
                ) -> R {}
            }
        "#]],
    );
}

#[test]
fn a_smart_pointer_stays() {
    check_signature(
        "",
        "async fn f(self: Arc<Self>, tx: &mut Tx<'_, Db>) -> R { x }",
        &expect![[r#"
            impl Type {
                async fn f(
                    self: Arc<Self>,
                    mut tx: impl ::sqlx_transactional::Begin<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    >,
                ) -> R {}
            }
        "#]],
    );
}

#[test]
fn a_lifetime_of_the_receiver_stays() {
    check_signature(
        "",
        "async fn f<'a>(&'a self, tx: &mut Tx<'a, Db>) -> R { x }",
        &expect![[r#"
            impl Type {
                async fn f<'a>(
                    &'a self,
                    mut tx: impl ::sqlx_transactional::Begin<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    >,
                ) -> R {}
            }
        "#]],
    );
}

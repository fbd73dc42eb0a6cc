//! Methods of traits.

use expect_test::{Expect, expect};
use quote::quote;

use super::{check_errors, check_signature, pretty, transactional};

#[track_caller]
fn check_declaration(options: &str, item: &str, expected: &Expect) {
    let (method, errors) = transactional(options, item);
    assert_eq!(errors, "");
    expected.assert_eq(&pretty(quote!(trait Repository { #method })));
}

#[test]
fn of_a_declaration_only_the_parameter_changes() {
    check_declaration(
        "",
        "/// Loads.
        async fn load(&self, tx: &mut Tx<'_, Postgres>, id: u32) -> Result<Thread, AppError>;",
        &expect![[r#"
            trait Repository {
                /// Loads.
                async fn load(
                    &self,
                    tx: impl ::sqlx_transactional::Begin<
                        ::sqlx_transactional::AccessOf<Tx<'static, Postgres>>,
                    >,
                    id: u32,
                ) -> Result<Thread, AppError>;
            }
        "#]],
    );
}

#[test]
fn the_pattern_of_a_declaration_stays_because_it_can_have_no_mut() {
    check_declaration(
        "",
        "async fn load(_: &mut Tx<'_, Db>) -> R;",
        &expect![[r#"
            trait Repository {
                async fn load(
                    _: impl ::sqlx_transactional::Begin<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    >,
                ) -> R;
            }
        "#]],
    );
    check_declaration(
        "",
        "async fn load(#[warn(unused)] tx: &mut Tx<'_, Db>) -> R;",
        &expect![[r#"
            trait Repository {
                async fn load(
                    #[warn(unused)]
                    tx: impl ::sqlx_transactional::Begin<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    >,
                ) -> R;
            }
        "#]],
    );
}

#[test]
fn a_declaration_can_ask_for_the_outermost_call() {
    check_declaration(
        "outermost, crate = ::renamed",
        "async fn load(&self, tx: &mut Tx<'_, Postgres>) -> R;",
        &expect![[r#"
            trait Repository {
                async fn load(
                    &self,
                    tx: impl ::renamed::Outermost<::renamed::AccessOf<Tx<'static, Postgres>>>,
                ) -> R;
            }
        "#]],
    );
}

#[test]
fn a_provided_method_is_a_transaction() {
    check_signature(
        "",
        "async fn load(&self, tx: &mut Tx<'_, Db>) -> R { self.find(tx).await }",
        &expect![[r#"
            impl Type {
                async fn load(
                    &self,
                    mut tx: impl ::sqlx_transactional::Begin<
                        ::sqlx_transactional::AccessOf<Tx<'static, Db>>,
                    >,
                ) -> R {}
            }
        "#]],
    );
}

#[test]
fn options_about_the_body_are_refused() {
    let item = "async fn load(&self, tx: &mut Tx<'_, Db>) -> R;";
    check_errors(
        "savepoint, name = \"load\"",
        item,
        &expect![[r#"
            savepoint => `savepoint` says how a body runs, and a declaration has none: write it where the method is implemented, and declare the method without it
            name => `name` says how a body runs, and a declaration has none: write it where the method is implemented, and declare the method without it
        "#]],
    );
    check_errors(
        "on = self.pool",
        item,
        &expect![[r#"
        on => `on` says how a body runs, and a declaration has none: write it where the method is implemented, and declare the method without it and the parameter
    "#]],
    );
    check_errors(
        "outermost, isolation = serializable, immediate, retry, idempotent, settings(\"a\" = 1), commit_on(Err(_)), rollback_on(Ok(_))",
        "async fn load(&mut self, tx: &mut Tx<'_, Db>) -> R;",
        &expect![[r#"
            isolation => `isolation` says how a body runs, and a declaration has none: write it where the method is implemented, and declare the method without it
            immediate => `immediate` says how a body runs, and a declaration has none: write it where the method is implemented, and declare the method without it
            retry => `retry` says how a body runs, and a declaration has none: write it where the method is implemented, and declare the method without it
            idempotent => `idempotent` says how a body runs, and a declaration has none: write it where the method is implemented, and declare the method without it
            settings => `settings` says how a body runs, and a declaration has none: write it where the method is implemented, and declare the method without it
            commit_on => `commit_on` says how a body runs, and a declaration has none: write it where the method is implemented, and declare the method without it
            rollback_on => `rollback_on` says how a body runs, and a declaration has none: write it where the method is implemented, and declare the method without it
        "#]],
    );
}

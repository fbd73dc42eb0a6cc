//! `#[transactional(savepoint)]`.

use expect_test::expect;

use super::{FUNCTION, check_difference};

#[test]
fn the_wish_is_passed_to_begin() {
    check_difference(
        "savepoint",
        FUNCTION,
        &expect![[r#"
            .savepoint();
        "#]],
    );
}

//! The collector.

use crate::errors::Errors;

#[test]
#[should_panic(expected = "the errors were never emitted")]
fn errors_that_are_dropped_panic() {
    drop(Errors::new());
}

#[test]
fn errors_that_are_emitted_do_not() {
    let errors = Errors::new();
    errors.at(quote::quote!(a), "first");
    errors.at(quote::quote!(b), "second");
    assert_eq!(errors.count(), 2);
    let emitted = errors.finish().to_string();
    assert!(emitted.contains("first") && emitted.contains("second"), "{emitted}");
}

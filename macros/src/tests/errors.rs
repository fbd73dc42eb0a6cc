//! The collector.

use std::{fs, path::Path};

use crate::errors::Errors;

#[test]
#[should_panic(expected = "the errors were never emitted")]
fn errors_that_are_dropped_panic() {
    drop(Errors::new());
}

#[test]
fn errors_that_are_emitted_do_not() {
    let errors = Errors::new();
    errors.say(quote::quote!(a), "const", &[]);
    errors.say(quote::quote!(b), "async", &[&"second"]);
    assert_eq!(errors.count(), 2);
    let emitted = errors.finish().to_string();
    assert!(emitted.contains("remove `const`") && emitted.contains("async fn second"), "{emitted}");
}

#[test]
fn every_message_is_said_somewhere() {
    let sources = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("sources");
    let sources = sources.map(|entry| entry.expect("an entry").path());
    let sources = sources.filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    let code: String = sources.map(|path| fs::read_to_string(path).expect("a source")).collect();
    for line in include_str!("../messages.txt").lines() {
        let (name, _) = line.split_once(": ").expect("a name and a message");
        assert!(code.contains(&format!("\"{name}\"")), "nobody says `{name}`");
    }
}

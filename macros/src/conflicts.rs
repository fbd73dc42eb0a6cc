//! What options say about each other.

use std::fmt::Display;

use syn::LitInt;

use crate::{errors::Errors, options::Options};

/// SQLite's ways to begin.
const MODES: [&str; 3] = ["immediate", "deferred", "exclusive"];

impl Options {
    pub(crate) fn refuse_conflicts(&mut self, errors: &Errors) {
        let own = match (self.find("on"), self.find("outermost")) {
            (Some(_), _) => Some(("on", "begins a transaction of its own")),
            (None, Some(_)) => Some(("outermost", "is never called inside a transaction")),
            (None, None) => None,
        };
        if let Some((other, why)) = own {
            let (own, inside) = (self.without(&["savepoint"]), self.without(&["on", "outermost"]));
            self.refuse("savepoint", errors, "savepoint", &[&other, &why, &own, &inside]);
        }
        let given: Vec<_> = MODES.into_iter().filter(|mode| self.find(mode).is_some()).collect();
        for mode in given.iter().skip(1) {
            let others: Vec<_> = given.iter().copied().filter(|other| other != mode).collect();
            let (first, second) = (self.without(&given[1..]), self.without(&others));
            self.refuse(mode, errors, "modes", &[mode, &given[0], &first, &second]);
        }
        // A level that could not be read may have been the right one.
        let level = self.find("isolation").map(|level| level.value.to_string());
        if level.map_or(!self.has_tried("isolation"), |level| level != "Serializable") {
            let why = "PostgreSQL ignores DEFERRABLE at every other level";
            self.refuse_alone("deferrable", "isolation", "isolation = serializable", why, errors);
        }
        if !self.has_tried("retry") {
            let why = "it lets a retry follow an outcome that is not known";
            self.refuse_alone("idempotent", "retry", "retry", why, errors);
        }
    }

    /// Refuses pauses of `retry` that cannot be kept.
    pub(crate) fn refuse_pauses(&mut self, errors: &Errors) {
        let pause = |name| syn::parse2::<LitInt>(self.find(name)?.value.clone()).ok();
        let pause = |name| pause(name)?.base10_parse::<u64>().ok();
        if pause("base").zip(pause("cap")).is_some_and(|(base, cap)| base > cap) {
            self.refuse("base", errors, "pauses", &[]);
        }
    }

    /// Refuses an option that changes nothing, because `needed` is not there.
    fn refuse_alone(&mut self, name: &str, other: &str, needed: &str, why: &str, errors: &Errors) {
        let others = self.without(&[other]);
        self.refuse(name, errors, "alone", &[&name, &needed, &why, &needed, &others, &name]);
    }

    /// Makes an option as if it were absent.
    fn refuse(&mut self, name: &str, errors: &Errors, message: &str, parts: &[&dyn Display]) {
        for refused in self.given.extract_if(.., |option| option.word == name) {
            errors.say(refused.word, message, parts);
        }
    }
}

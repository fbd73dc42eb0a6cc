//! Which cases are wanted.
//!
//! The text of a case has four parts, `form/fault/direction/position`.

use sqlx_transactional_tests::campaign::Goal;
use std::ops::RangeInclusive;

/// More positions than any call has.
pub(crate) const MAX: usize = 400;

/// What the command line chose.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// Empty means all.
    pub(crate) goals: Vec<Goal>,
    pub(crate) case: Option<String>,
}

impl Selection {
    /// Whether a goal is asked for.
    pub(crate) fn has(&self, goal: Goal) -> bool {
        self.goals.is_empty() || self.goals.contains(&goal)
    }

    /// Whether one of these goals is asked for by name.
    pub(crate) fn names(&self, goals: &[Goal]) -> bool {
        goals.iter().any(|goal| self.goals.contains(goal))
    }

    /// Whether a case of any text is wanted: the one of the text that was given,
    /// or one that begins with it. What ends with a number is one case, so that
    /// 1 is not 10 as well.
    pub(crate) fn wants(&self, case: &str) -> bool {
        let Some(wanted) = &self.case else {
            return true;
        };
        let last = wanted.rsplit('/').next();
        let is_whole = last.is_some_and(|last| last.parse::<usize>().is_ok());
        case == wanted || (!is_whole && case.starts_with(wanted))
    }

    /// Whether a case of which the text begins with `stem` can be wanted.
    pub(crate) fn reaches(&self, stem: &str) -> bool {
        let wanted = self.case.as_deref().unwrap_or_default();
        wanted.starts_with(stem) || stem.starts_with(wanted)
    }

    /// Whether all positions there are were asked for, and not one.
    pub(crate) fn is_open(&self) -> bool {
        self.pinned().is_none()
    }

    /// The positions to try of the cases that begin with `stem`, a text of three
    /// parts, and are tried for `goals`. `None` when there are none.
    pub(crate) fn positions(&self, goals: &[Goal], stem: &str) -> Option<RangeInclusive<usize>> {
        if !goals.iter().any(|goal| self.has(*goal)) {
            return None;
        }
        match (&self.case, self.pinned()) {
            (_, Some((wanted, position))) => (wanted == stem).then_some(position..=position),
            (Some(case), None) => {
                let wanted = format!("{stem}/").starts_with(case.as_str());
                wanted.then_some(1..=MAX)
            }
            (None, None) => Some(1..=MAX),
        }
    }

    /// The stem and the position, where the text names a case exactly.
    fn pinned(&self) -> Option<(&str, usize)> {
        let (stem, position) = self.case.as_deref()?.rsplit_once('/')?;
        if stem.matches('/').count() != 2 {
            return None;
        }
        Some((stem, position.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(case: &str) -> Selection {
        Selection {
            goals: vec![Goal::R4],
            case: Some(case.to_owned()),
        }
    }

    #[test]
    fn a_whole_text_is_one_case() {
        let selection = of("block/cut/client/3");
        let stem = "block/cut/client";
        assert_eq!(selection.positions(&[Goal::R4], stem), Some(3..=3));
        assert_eq!(selection.positions(&[Goal::R4], "block/cut/server"), None);
        assert_eq!(selection.positions(&[Goal::R3], stem), None);
        assert!(!selection.is_open());
    }

    #[test]
    fn a_beginning_is_every_case_with_it() {
        for case in [
            "b",
            "block",
            "block/cut/",
            "block/cut/client",
            "block/cut/client/",
        ] {
            let selection = of(case);
            let positions = selection.positions(&[Goal::R4], "block/cut/client");
            assert_eq!(positions, Some(1..=MAX), "{case}");
            assert!(selection.is_open(), "{case}");
        }
        assert_eq!(of("lock").positions(&[Goal::R4], "block/cut/client"), None);
    }

    #[test]
    fn other_texts_are_compared_as_a_whole() {
        let one = of("nesting/tree/1");
        assert!(one.wants("nesting/tree/1") && !one.wants("nesting/tree/10"));
        assert!(one.reaches("nesting/") && !one.reaches("isolation/"));
        let some = of("isolation/serial");
        assert!(some.wants("isolation/serializable/history/1"));
        assert!(some.reaches("isolation/"));
        assert!(Selection::default().wants("a/b") && Selection::default().reaches("a/"));
        assert!(one.names(&[Goal::R3, Goal::R4]) && !one.names(&[Goal::R3]));
    }

    #[test]
    fn everything_is_wanted_unless_chosen() {
        let selection = Selection::default();
        assert_eq!(selection.positions(&[Goal::R4], "a/b/c"), Some(1..=MAX));
        assert!(selection.has(Goal::R7));
    }
}

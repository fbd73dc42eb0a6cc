//! What runs side by side.
//!
//! A sweep waits most of its time, and its messages are counted on a wire of its
//! own, so that another one beside it changes no position.

use sqlx_transactional_tests::Engine;

/// A share of the work on one engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) engine: Engine,
    index: usize,
    of: usize,
}

impl Lane {
    /// The lanes of an engine, more for one with more to do.
    pub(crate) fn of(engine: Engine) -> impl Iterator<Item = Self> {
        let of = match engine {
            Engine::Sqlite | Engine::MySql => 1,
            Engine::Postgres => 4,
        };
        (0..of).map(move |index| Self { engine, index, of })
    }

    /// This lane's share of `all`.
    pub(crate) fn share<T>(self, all: &[T]) -> impl Iterator<Item = &T> {
        all.iter().skip(self.index).step_by(self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lanes_together_do_everything_once() {
        let all: Vec<usize> = (0..17).collect();
        for engine in Engine::ALL {
            let shares = Lane::of(engine).flat_map(|lane| lane.share(&all).copied());
            let mut done: Vec<usize> = shares.collect();
            done.sort_unstable();
            assert_eq!(done, all, "{engine}");
        }
    }
}

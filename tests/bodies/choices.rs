//! What the documentation leaves open, and all that may come of it.

/// How many outcomes of one program are looked at.
const OUTCOMES: usize = 2_000;

/// One way through everything that is left open.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choices {
    taken: Vec<bool>,
    next: usize,
}

impl Choices {
    /// One of two that are both right.
    pub(crate) fn either(&mut self) -> bool {
        if self.next == self.taken.len() {
            self.taken.push(false);
        }
        self.next += 1;
        self.taken[self.next - 1]
    }

    /// Goes on to the next way, if there is one.
    fn advance(&mut self) -> bool {
        self.next = 0;
        while self.taken.last() == Some(&true) {
            self.taken.pop();
        }
        self.taken.last_mut().is_some_and(|last| {
            *last = true;
            true
        })
    }
}

/// What comes of every way; nothing if there are too many.
pub(crate) fn every<T>(mut one: impl FnMut(&mut Choices) -> T) -> Option<Vec<T>> {
    let mut choices = Choices::default();
    let mut outcomes = Vec::new();
    loop {
        outcomes.push(one(&mut choices));
        if !choices.advance() {
            return Some(outcomes);
        }
        if outcomes.len() == OUTCOMES {
            return None;
        }
    }
}

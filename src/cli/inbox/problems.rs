//! What went wrong with single entries of many.

use crate::cli::complain;

/// Those that are named.
const MOST_NAMED: usize = 20;

/// What went wrong: the first few in words, all by their number.
#[derive(Debug, Default)]
pub(super) struct Problems {
    named: Vec<String>,
    count: usize,
}

impl Problems {
    /// One more.
    pub(super) fn add(&mut self, problem: String) {
        self.count += 1;
        if self.named.len() < MOST_NAMED {
            self.named.push(problem);
        }
    }

    /// Whether all went well.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// In words, and how many more there are.
    pub(super) fn lines(&self) -> Vec<String> {
        let more = self.count - self.named.len();
        let rest = (more > 0).then(|| format!("and {more} more"));
        self.named.iter().cloned().chain(rest).collect()
    }

    /// Says them on standard error.
    pub(super) fn tell(&self) {
        self.lines().iter().for_each(complain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_named_and_the_rest_is_counted() {
        let mut problems = Problems::default();
        assert!(problems.is_empty() && problems.lines().is_empty());
        for at in 0..MOST_NAMED {
            problems.add(at.to_string());
        }
        assert_eq!(problems.lines().len(), MOST_NAMED);
        problems.add("one more".into());
        problems.add("another".into());
        assert_eq!(problems.lines()[MOST_NAMED], "and 2 more");
    }
}

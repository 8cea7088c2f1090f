//! One budget of memory for all client connections together, and which of them go when it is overrun.

/// The part of the budget that is free again after connections were closed: one in this many.
const FREED: usize = 8;

/// What the connections of a port hold together: what they have sent in part, what they have not taken in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// `quorate.clientMemory`, in bytes.
    limit: usize,
    held: usize,
}

/// What one connection makes the server hold, in bytes. Connections are compared by what the client has to
/// take in or to finish. Requests in process wait for the server: they count where nothing else differs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Held {
    /// Unfinished frames, unsent answers and events, watches.
    pub(super) left: usize,
    /// Requests in process.
    pub(super) in_process: usize,
    /// Which connection.
    pub(super) index: usize,
}

impl Held {
    /// All of it.
    pub(super) fn bytes(&self) -> usize {
        self.left + self.in_process
    }
}

impl Budget {
    /// A budget of which nothing is used.
    pub(super) fn new(limit: usize) -> Self {
        Budget { limit, held: 0 }
    }

    /// Another budget from now on.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// A connection holds `now` bytes instead of `before`.
    pub(super) fn account(&mut self, before: usize, now: usize) {
        self.held = self.held - before + now;
    }

    /// What the connections hold, in bytes.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Whether the connections and what others hold for them is more than the budget.
    pub(super) fn is_overrun(&self, others: usize) -> bool {
        self.held.saturating_add(others) > self.limit
    }

    /// The connections that hold the most, as many as must go until an eighth of the budget is free; in all
    /// they hold `total` bytes. One pass frees much, so the passes together stay cheap.
    pub(super) fn greediest(&self, mut each: Vec<Held>, total: usize) -> Vec<Held> {
        each.sort_unstable_by(|one, other| other.cmp(one));
        let mut left = total;
        let goal = self.limit - self.limit / FREED;
        let goes = |held: &Held| {
            let goes = left > goal && held.bytes() > 0;
            left = left.saturating_sub(held.bytes());
            goes
        };
        each.into_iter().take_while(goes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indices(goes: Vec<Held>) -> Vec<usize> {
        goes.iter().map(|held| held.index).collect()
    }

    fn unsent((left, index): (usize, usize)) -> Held {
        Held { left, in_process: 0, index }
    }

    #[test]
    fn those_that_hold_the_most_go_first() {
        let mut budget = Budget::new(800);
        budget.account(0, 900);
        assert!(budget.is_overrun(0));
        let each: Vec<Held> = [100, 400, 50, 350].into_iter().zip(0..).map(unsent).collect();
        assert_eq!(indices(budget.greediest(each.clone(), 900)), [1], "500 are left, 700 may be");
        assert_eq!(indices(budget.greediest(each.clone(), 1200)), [1, 3], "others hold 300");
        assert_eq!(
            indices(budget.greediest(each, 5000)),
            [1, 3, 0, 2],
            "and all that hold something, if it must be"
        );
    }

    #[test]
    fn one_that_holds_nothing_stays() {
        let budget = Budget::new(100);
        assert_eq!(indices(budget.greediest(vec![unsent((0, 0)), unsent((10, 1))], 5000)), [1]);
    }

    #[test]
    fn one_that_waits_for_the_server_goes_last() {
        let budget = Budget::new(100);
        let waits = Held { left: 0, in_process: 90, index: 0 };
        assert_eq!(indices(budget.greediest(vec![waits, unsent((40, 1))], 130)), [1, 0]);
        assert_eq!(indices(budget.greediest(vec![waits, unsent((40, 1))], 125)), [1]);
    }

    #[test]
    fn what_is_given_back_counts_no_more() {
        let mut budget = Budget::new(100);
        budget.account(0, 80);
        assert!(!budget.is_overrun(20) && budget.is_overrun(21));
        budget.account(80, 30);
        assert_eq!(budget.held(), 30);
    }
}

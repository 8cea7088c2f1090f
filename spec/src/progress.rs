//! What the graph of a model's states as a whole shows.

/// Where a model wants to get.
#[derive(Debug)]
pub struct Goal<S> {
    /// Whether the goal is reached.
    pub reached: fn(&S) -> bool,
    /// Whether nothing is under way: a cycle through such a state delivers all that is sent on it.
    pub calm: fn(&S) -> bool,
}

/// What the graph shows.
#[derive(Debug)]
pub struct Progress {
    /// What is shown if nothing is wrong.
    pub claim: &'static str,
    /// States from which the goal cannot be reached any more.
    pub hopeless: usize,
    /// Whether some way avoids the goal for ever, or ends without it. If not, every way of enough
    /// steps reaches it, whatever the order of steps.
    pub avoidable: bool,
    /// The shortest way to a state with nothing under way that lies on a cycle without the goal, and
    /// the shortest such cycle.
    pub lasso: Option<Lasso>,
}

/// A way into a cycle.
#[derive(Debug)]
pub struct Lasso {
    /// The steps before the cycle, in words.
    pub stem: Vec<String>,
    /// The steps of the cycle, in words.
    pub cycle: Vec<String>,
    /// The state in which the cycle begins and ends, in words.
    pub state: String,
    /// Both together as numbers: of the initial state, then of each action among those that are possible.
    pub indices: Vec<usize>,
}

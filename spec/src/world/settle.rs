//! The reduction: deliveries that only their receiver can notice happen at once.

use quorate_core::ZabState;
use quorate_core::election::ServerState;
use quorate_core::timer::Timer;
use quorate_core::zab::Packet;

use super::{Action, End, Modelled, Side, World, bit};

impl<P: Modelled> World<P> {
    /// One delivery that commutes with everything else, if there is one.
    ///
    /// * A learner sees its connection down as soon as nothing is left to read. Until then it could do
    ///   nothing that others notice, and afterwards it can do more.
    /// * A leader reads a newcomer's first packet at once: a connection from which no packet was read is the
    ///   same as none.
    /// * DIFF, and COMMIT before UPTODATE, change one note in the learner and nothing on disk.
    /// * A vote that reaches a server which has a leader is answered at once. Late votes of this
    ///   kind, which may reach it when it looks again, are the election models' business.
    pub(super) fn settle(&mut self) -> bool {
        let has_leader = |to: usize| self.state(to).is_some_and(|state| state != ServerState::Looking);
        let n = self.servers.len();
        if let Some(slot) = (0..n * n).find(|slot| self.is_under_way(*slot) && has_leader(slot % n)) {
            self.vote(slot);
            return true;
        }
        let found = self.connections.iter().enumerate().find_map(|(c, connection)| {
            let in_sync = || self.servers[connection.learner].zab() == Some(ZabState::Synchronization);
            if connection.sees_down(Side::Learner) {
                return Some(Action::Down(c, Side::Learner));
            }
            if connection.leader_end == End::Unannounced && !connection.to_leader.is_empty() {
                return Some(Action::Deliver(c, Side::Leader));
            }
            let quiet = match connection.to_learner.front()? {
                Packet::Diff { .. } => true,
                Packet::Commit { .. } => in_sync(),
                _ => false,
            };
            (quiet && connection.learner_end == End::Open).then_some(Action::Deliver(c, Side::Learner))
        });
        match found {
            Some(Action::Deliver(c, side)) => self.deliver(c, side),
            Some(Action::Down(c, side)) => self.down(c, side),
            _ => return false,
        }
        true
    }

    /// A server that will try to connect again does so, if there is one: only an attempt that succeeds is a
    /// step.
    pub(super) fn redial(&mut self) -> bool {
        let waits = |i: &usize| self.servers[*i].alarms & bit(Timer::Redial) != 0;
        let found = (0..self.servers.len()).find(waits);
        found.inspect(|i| self.alarm(*i, Timer::Redial)).is_some()
    }
}

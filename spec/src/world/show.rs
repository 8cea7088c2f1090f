//! A world in words.

use super::World;

impl std::fmt::Display for World {
    /// One line per server that is of interest to a reader of a counterexample.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, server) in self.servers.iter().enumerate() {
            let disk = &server.disk.durable;
            let epochs = (disk.accepted_epoch, disk.current_epoch);
            write!(f, "    {}: ", i + 1)?;
            match &server.peer {
                None => write!(f, "down")?,
                Some(peer) => {
                    let s = peer.status();
                    write!(f, "{:?}/{:?}", s.state, s.zab)?;
                    if let Some(leader) = s.leader {
                        write!(f, " of {leader}")?;
                    }
                    write!(f, " round {} epochs {}/{}", s.round, s.accepted_epoch, s.current_epoch)?;
                    write!(f, " last {:?} applied {:?}", s.last_zxid, s.applied)?;
                }
            }
            writeln!(f, " | disk {epochs:?} {:?} pending {:?}", disk.history(), server.disk.pending)?;
        }
        for connection in &self.connections {
            let (learner, leader) = (connection.learner + 1, connection.leader + 1);
            let state = if connection.cut { "cut" } else { "" };
            writeln!(
                f,
                "    {learner}→{leader} #{} {state} {:?}/{:?}: {:?} / {:?}",
                connection.generation,
                connection.learner_end,
                connection.leader_end,
                connection.to_leader,
                connection.to_learner
            )?;
        }
        let votes = self.votes.iter().enumerate().filter_map(|(slot, v)| Some((slot, v.as_ref()?)));
        for (slot, vote) in votes {
            let n = self.servers.len();
            let (from, to) = (slot / n + 1, slot % n + 1);
            writeln!(
                f,
                "    vote {from}→{to}: {:?} for {} round {}",
                vote.state, vote.vote.leader, vote.round
            )?;
        }
        writeln!(f, "    budget {:?}", self.budget)
    }
}

//! What goes wrong in a run: chosen by the seed, done, and undone after a while.

use std::fmt;
use std::time::Duration;

use super::super::failure::Failure;
use super::super::value::Random;
use super::relay::{Party, Ways};
use super::servers::Servers;

/// A fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// A server's process is killed (SIGKILL).
    Kill(Party),
    /// A server's process stands still (SIGSTOP).
    Pause(Party),
    /// Nothing passes between two parties.
    Cut(Party, Party),
    /// Nothing passes from one party to another.
    OneWay(Party, Party),
    /// Nothing passes between a server and the other servers.
    Isolate(Party),
    /// Nothing passes from a server to the other servers.
    Mute(Party),
    /// What one party sends to another arrives this many milliseconds later.
    Delay(Party, Party, u32),
    /// A server's disk has room for no more than this number of bytes.
    FullDisk(Party, u64),
}

/// Which fault comes when, and for how long.
#[derive(Debug)]
pub(super) struct Schedule {
    random: Random,
    servers: usize,
    /// Whether the disks can be full.
    disks: bool,
}

impl Schedule {
    /// The faults of a seed for this number of servers.
    pub(super) fn new(seed: u64, servers: usize, disks: bool) -> Schedule {
        Schedule { random: Random::new(seed ^ 0xC4A0_5C4A_05C4_A05C), servers, disks }
    }

    /// How long nothing new happens.
    pub(super) fn pause(&mut self) -> Duration {
        Duration::from_millis(150 + self.random.below(1500))
    }

    /// The next fault and how long it lasts. Half of them concern the leader, if there is one.
    pub(super) fn next(&mut self, leader: Option<Party>) -> (Fault, Duration) {
        let any = self.random.below(self.servers as u64) as usize;
        let to_leader = self.random.below(2) == 0;
        let one = leader.filter(|_| to_leader).unwrap_or(any);
        // Another server, or the clients.
        let step = 1 + self.random.below(self.servers as u64) as usize;
        let other = (one + step) % (self.servers + 1);
        let ms = 5 + self.random.below(200) as u32;
        let fault = match self.random.below(if self.disks { 12 } else { 10 }) {
            0 | 1 => Fault::Kill(one),
            2 | 3 => Fault::Pause(one),
            4 => Fault::Cut(one, other),
            5 => Fault::OneWay(one, other),
            6 => Fault::OneWay(other, one),
            7 => Fault::Isolate(one),
            8 => Fault::Mute(one),
            10 | 11 => Fault::FullDisk(one, u64::from(ms) << 10),
            _ => Fault::Delay(one, other, ms),
        };
        // Most are over before a session expires, some are not.
        let longest = if self.random.below(6) == 0 { 6000 } else { 1800 };
        (fault, Duration::from_millis(100 + self.random.below(longest)))
    }
}

impl Fault {
    /// Let it happen.
    ///
    /// # Errors
    /// A disk cannot be filled.
    pub(super) fn begin(self, servers: &mut Servers, ways: &Ways) -> Result<(), Failure> {
        match self {
            Fault::Kill(server) => servers.kill(server),
            Fault::Pause(server) => servers.pause(server, true),
            Fault::FullDisk(server, leave) => return servers.fill(server, leave),
            _ => self.wires(servers.len(), ways, true),
        }
        Ok(())
    }

    /// Undo it.
    ///
    /// # Errors
    /// A server cannot be started.
    pub(super) fn end(self, servers: &mut Servers, ways: &Ways) -> Result<(), Failure> {
        match self {
            Fault::Kill(server) => servers.start(server),
            Fault::Pause(server) => {
                servers.pause(server, false);
                Ok(())
            }
            Fault::FullDisk(server, _) => servers.free(server),
            _ => {
                self.wires(servers.len(), ways, false);
                Ok(())
            }
        }
    }

    fn wires(self, servers: usize, ways: &Ways, cut: bool) {
        let others = |one: Party| (0..servers).filter(move |other| *other != one);
        match self {
            Fault::Kill(_) | Fault::Pause(_) | Fault::FullDisk(..) => {}
            Fault::Cut(one, other) => {
                ways.cut(one, other, cut);
                ways.cut(other, one, cut);
            }
            Fault::OneWay(from, to) => ways.cut(from, to, cut),
            Fault::Isolate(one) => others(one).for_each(|other| {
                ways.cut(one, other, cut);
                ways.cut(other, one, cut);
            }),
            Fault::Mute(one) => others(one).for_each(|other| ways.cut(one, other, cut)),
            Fault::Delay(from, to, ms) => ways.delay(from, to, if cut { ms } else { 0 }),
        }
    }

    /// What it is in words; the party behind the last server is the clients.
    pub(super) fn tell(self, servers: usize) -> String {
        let name = |party: Party| Name(party, servers);
        match self {
            Fault::Kill(one) => format!("{} is killed", name(one)),
            Fault::Pause(one) => format!("{} stands still", name(one)),
            Fault::Cut(one, other) => format!("nothing passes between {} and {}", name(one), name(other)),
            Fault::OneWay(from, to) => format!("nothing passes from {} to {}", name(from), name(to)),
            Fault::Isolate(one) => format!("nothing passes between {} and the other servers", name(one)),
            Fault::Mute(one) => format!("nothing passes from {} to the other servers", name(one)),
            Fault::Delay(from, to, ms) => format!("{ms} ms from {} to {}", name(from), name(to)),
            Fault::FullDisk(one, leave) => {
                format!("the disk of {} has room for {} KiB", name(one), leave >> 10)
            }
        }
    }

    /// The fault's kind, for counting.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Fault::Kill(_) => "kills",
            Fault::Pause(_) => "pauses",
            Fault::Cut(..) | Fault::OneWay(..) | Fault::Isolate(_) | Fault::Mute(_) => "cuts",
            Fault::Delay(..) => "delays",
            Fault::FullDisk(..) => "full disks",
        }
    }
}

struct Name(Party, usize);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name(party, servers) if party == servers => f.write_str("the clients"),
            Name(party, _) => write!(f, "server {}", party + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn draw(seed: u64, disks: bool) -> Vec<(Fault, Duration)> {
        let mut schedule = Schedule::new(seed, 3, disks);
        (0..300).map(|n| schedule.next((n % 2 == 0).then_some(2))).collect()
    }

    #[test]
    fn a_seed_brings_its_faults_back_and_every_kind_comes() {
        assert_eq!(draw(7, true), draw(7, true));
        assert_ne!(draw(7, true), draw(8, true));
        let told: BTreeSet<String> = draw(7, true).iter().map(|(fault, _)| fault.tell(3)).collect();
        let words = [
            "server 1 is killed",
            "server 3 stands still",
            "and the clients",
            "the other servers",
            "the disk of",
        ];
        for words in words {
            assert!(told.iter().any(|line| line.contains(words)), "{words}: {told:?}");
        }
        let kinds = |disks| draw(7, disks).iter().map(|(fault, _)| fault.kind()).collect::<BTreeSet<&str>>();
        assert_eq!((kinds(true).len(), kinds(false).len()), (5, 4));
        let oneself = |fault: &Fault| matches!(fault, Fault::Cut(a, b) | Fault::OneWay(a, b) if a == b);
        assert!(!draw(7, true).iter().any(|(fault, _)| oneself(fault)));
    }
}

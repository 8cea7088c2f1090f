//! Elections in which a vote of an earlier round is for something that is no longer true. A synchronisation
//! has changed the histories in between.

use quorate_core::config::ElectionMode;
use quorate_core::election::ServerState;
use quorate_core::ids::{ServerId, Zxid};
use quorate_core::quorum::{Group, QuorumVerifier};
use quorate_core::timer::Timer;

use super::ensemble::{Ensemble, Reachable};
use super::model_spec::{Expected, ModelSpec, Variant};
use super::prepared::{NOTHING, Run, quorum_follows};
use super::worlds::{leads, setting_of};
use crate::byte::Byte;
use crate::properties;
use crate::world::{Action, Budget, Durable, QuorumPort, Setting, World};

pub(super) fn catalogue() -> Vec<ModelSpec> {
    vec![
        ModelSpec {
            name: "shrunk",
            composes: "as election, begun when the server that others vote for has been truncated since",
            bounds: "4 servers with weights 1, 1, 1, 2; one looks in its first round, two in their second, one claims to lead; no fault",
            unique: 73_383,
            expected: Expected::Holds,
            build: |variant| Box::new(shrunk(variant)),
        },
        ModelSpec {
            name: "grown",
            composes: "as election, begun when a server has become better than the one it had voted for",
            bounds: "4 servers with weights 1, 1, 1, 2; two have a leader, one looks in its first round, one in its \
                     second; no fault",
            unique: 7_005,
            expected: Expected::Holds,
            build: |variant| Box::new(grown(variant)),
        },
    ]
}

/// A disk of this epoch whose log holds the first `len` transactions of epoch 1.
fn disk(epoch: u32, len: u32) -> Durable {
    let log = (1..=len).map(|c| Zxid::new(1, c)).map(|zxid| (zxid, Byte::logged(zxid))).collect();
    Durable { accepted_epoch: epoch, current_epoch: epoch, log, ..Durable::empty() }
}

/// No server hears another's vote or gives its leader up: what is between a leader and its learners happens.
fn quorum_port(action: &Action) -> bool {
    !matches!(action, Action::Vote { .. } | Action::Decide(_) | Action::PhaseLimit(_))
}

fn hear(run: &mut Run, from: usize, to: usize) {
    run.act(&Action::Vote { from, to });
}

fn votes(world: &World) -> Ensemble {
    let mut world = world.with_quorum_port(QuorumPort::Absent);
    world.allow(Budget { elections: u8::MAX, ..NOTHING });
    Ensemble {
        init: vec![world],
        invariants: properties::ELECTION,
        sometimes: &[],
        terminal: |w| w.peers().all(|(_, p)| p.state() != ServerState::Looking) && quorum_follows(w),
        goal: None,
    }
}

/// Four servers, of which the last weighs as much as two.
fn four(disks: [Durable; 4], variant: Variant) -> Run {
    let members = (1..).map(ServerId).zip([1, 1, 1, 2]).collect();
    let verifier = QuorumVerifier::Hierarchical(vec![Group { members }]);
    // A vote may also be late for a server that has a leader by then.
    let setting = Setting { eager: false, ..setting_of(&verifier, 0, ElectionMode::Fast, variant) };
    Run::start(setting, disks.into())
}

/// A server that has waited long enough for a better vote decides.
fn decide(run: &mut Run, servers: &[usize]) {
    for i in servers.iter().filter(|i| run.0.armed(**i, Timer::ElectionDecide)).copied().collect::<Vec<_>>() {
        run.act(&Action::Decide(i));
    }
}

/// Server 1 has a tail that no other server has, and 2 votes for it. But 4 is of a later epoch, led 1 and
/// truncated it, and then lost it without noticing; 3 followed 4 in vain.
fn shrunk(variant: Variant) -> Ensemble {
    let mut run = four([disk(1, 2), disk(1, 1), disk(1, 1), disk(2, 1)], variant);
    for (from, to) in [(0, 1), (3, 0), (0, 3), (3, 2)] {
        hear(&mut run, from, to);
    }
    decide(&mut run, &[0, 2, 3]);
    run.go_on(
        |_, a| quorum_port(a) && *a != Action::Connect(2),
        |w| w.servers().next().is_some_and(|s| s.disk.durable.log.len() == 1),
    );
    run.cut(0, 3);
    run.go_on(|_, a| matches!(a, Action::Down(..) | Action::Sync(_)), |_| false);
    run.0.fire(2, Timer::PhaseLimit);
    Ensemble {
        sometimes: &[Reachable {
            name: "server 3 leads those who look",
            reached: |w| w.peers().all(|(i, p)| i == 3 || p.status().leader == Some(ServerId(3))),
        }],
        ..votes(&run.0)
    }
}

/// Server 3 has heard 2 vote for it. But 2 has followed 4 since, which synchronised it; 1 gave 4 up before
/// that.
fn grown(variant: Variant) -> Ensemble {
    let mut run = four([disk(1, 1), disk(1, 1), disk(1, 1), disk(2, 1)], variant);
    for (from, to) in [(2, 1), (1, 2), (3, 0), (3, 1), (0, 3), (1, 3)] {
        hear(&mut run, from, to);
    }
    decide(&mut run, &[0, 1, 3]);
    run.go_on(
        |_, a| quorum_port(a) && *a != Action::Connect(0),
        |w| w.servers().nth(1).is_some_and(|s| s.disk.durable.current_epoch == 3),
    );
    run.go_on(|_, a| matches!(a, Action::Sync(_)), |_| false);
    run.0.fire(0, Timer::PhaseLimit);
    Ensemble {
        sometimes: &[Reachable { name: "everybody follows server 4", reached: |w| leads(w, 3) }],
        ..votes(&run.0)
    }
}

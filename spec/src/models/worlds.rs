//! Worlds that several models begin with, and states that they look for.

use std::sync::Arc;

use quorate_core::QuorumPeer;
use quorate_core::config::{Constant, ElectionMode, PeerConfig, SettingsOf, SizeLimit};
use quorate_core::election::ServerState;
use quorate_core::ids::{ServerId, Zxid};
use quorate_core::membership::Membership;
use quorate_core::quorum::QuorumVerifier;
use quorate_core::zab::Packet;

use super::ensemble::{Ensemble, Reachable};
use crate::byte::Byte;
use crate::models::model_spec::Variant;
use crate::properties;
use crate::world::{Action, Budget, Durable, Harsh, Modelled, QuorumPort, Setting, World};

pub(crate) fn setting(n: usize, election: ElectionMode, variant: Variant) -> Setting {
    let voters = QuorumVerifier::Majority((1..=n as i64).map(ServerId).collect());
    setting_of(&voters, 0, election, variant)
}

/// Voters that decide like this, numbered from 1, and `observers` observers after them.
pub(crate) fn setting_of(
    verifier: &QuorumVerifier,
    observers: usize,
    election: ElectionMode,
    variant: Variant,
) -> Setting {
    setting_with(verifier, observers, election, variant, |_| ())
}

/// Such voters and observers, for any payload.
pub(crate) fn setting_with<P: Modelled>(
    verifier: &QuorumVerifier,
    observers: usize,
    election: ElectionMode,
    variant: Variant,
    settings: impl Fn(ServerId) -> SettingsOf<P>,
) -> Setting<P> {
    let voters = verifier.voters().count() as i64;
    let observers: Vec<ServerId> = (1..=observers as i64).map(|i| ServerId(voters + i)).collect();
    let config = |id| {
        // One server forgets what it has applied, and sends the state rather than two transactions.
        let forgetful = id == ServerId(1);
        Constant::new(PeerConfig::<P> {
            election,
            commit_log_count: if forgetful { 0 } else { 500 },
            diff_limit: if forgetful { SizeLimit { bytes: 1, percent: 0 } } else { SizeLimit::NONE },
            init_limit: 1,
            tick_ms: 1000,
            sync_limit: 1,
            #[cfg(feature = "mutants")]
            mutation: variant.mutation,
            ..PeerConfig::new(id, Membership::new(verifier.clone(), observers.clone()), settings(id))
        })
    };
    Setting {
        configs: (1..=voters + observers.len() as i64).map(|i| config(ServerId(i))).collect(),
        quorum_port: QuorumPort::Open,
        submit_anywhere: false,
        syncs: false,
        eager: true,
        redials: true,
        votes_wait: false,
        harsh: Harsh::default(),
        fragile: None,
        forged: None,
        java: Vec::new(),
        interchangeable: Vec::new(),
        salt: variant.salt,
    }
}

/// Elections from every small assignment of (currentEpoch, last zxid).
pub fn election(n: usize, budget: Budget, variant: Variant) -> Ensemble {
    let codes: Vec<usize> = (0..1 << (2 * n)).collect();
    let setting = Setting { eager: false, ..setting(n, ElectionMode::Fast, variant) };
    election_in(setting, budget, &codes)
}

/// An election of an ensemble of any shape.
pub(crate) fn election_in(mut setting: Setting, budget: Budget, codes: &[usize]) -> Ensemble {
    setting.quorum_port = QuorumPort::Absent;
    let n = setting.configs.len();
    let setting = Arc::new(setting);
    let disk = |kind: usize| {
        let (epoch, len) = (kind as u32 % 2 + 1, kind as u32 / 2 + 1);
        let log = (1..=len).map(|c| Zxid::new(1, c)).map(|zxid| (zxid, Byte::logged(zxid))).collect();
        Durable { accepted_epoch: 2, current_epoch: epoch, log, ..Durable::empty() }
    };
    let world = |code: usize| {
        let disks = (0..n).map(|i| disk(code >> (2 * i) & 3)).collect();
        World::new(Arc::clone(&setting), disks, budget)
    };
    Ensemble {
        init: codes.iter().map(|code| world(*code)).collect(),
        invariants: properties::ELECTION,
        sometimes: &[
            Reachable { name: "server 1 leads", reached: |w| leads(w, 0) },
            Reachable { name: "server 2 leads", reached: |w| leads(w, 1) },
            Reachable { name: "server 3 leads", reached: |w| leads(w, 2) },
        ],
        terminal: led_by_quorum,
        goal: None,
    }
}

/// A quorum follows one that leads. A voter may still follow one that changed its mind (ZOOKEEPER-3109): it
/// cannot connect and looks again.
pub(crate) fn led_by_quorum(w: &World) -> bool {
    let follows = |voter: ServerId, leader: ServerId| {
        w.peers().any(|(i, p)| i as i64 + 1 == voter.0 && p.status().leader == Some(leader))
    };
    let mut leaders = w.peers().filter(|(_, p)| p.state() == ServerState::Leading);
    leaders.any(|(_, l)| l.membership().is_quorum(|id| follows(id, l.config().id)))
}

/// At least one server has a leader or leads. Where no server gives up, this is all that can be asked of more
/// than three. A server that leads without a quorum, or follows one that does not lead (ZOOKEEPER-3109),
/// stays where it is. Servers that look for a leader wait for it.
pub(crate) fn somebody_has_a_leader(w: &World) -> bool {
    w.peers().any(|(_, p)| p.state() != ServerState::Looking)
}

pub(crate) fn leads(world: &World, i: usize) -> bool {
    let follows = |(j, peer): (usize, &QuorumPeer<Byte>)| {
        j == i || peer.status().leader == Some(ServerId(i as i64 + 1))
    };
    let leading = |s: ServerState| s == ServerState::Leading;
    world.peers().any(|(j, p)| j == i && leading(p.state())) && world.peers().all(follows)
}

/// All servers have been started, and nothing has arrived yet.
pub(crate) fn all_started(ensemble: Ensemble) -> Ensemble {
    let start = |mut world: World| {
        (0..world.servers().count()).for_each(|i| world.act(&Action::Start(i)));
        world
    };
    Ensemble { init: ensemble.init.into_iter().map(start).collect(), ..ensemble }
}

/// A whole ensemble, all servers up, that elects, synchronises and broadcasts.
pub fn zab(
    n: usize,
    election: ElectionMode,
    budget: Budget,
    disks: Vec<Durable>,
    variant: Variant,
) -> Ensemble {
    ensemble(setting(n, election, variant), disks, budget)
}

/// A whole ensemble of any shape, all servers up, that elects, synchronises and broadcasts.
pub(crate) fn ensemble(setting: Setting, disks: Vec<Durable>, budget: Budget) -> Ensemble {
    let n = disks.len();
    let mut world = World::new(Arc::new(setting), disks, budget);
    (0..n).for_each(|i| world.act(&Action::Start(i)));
    Ensemble {
        init: vec![world],
        invariants: properties::ZAB,
        sometimes: ZAB_REACHES,
        terminal: quiet_ensemble_agrees,
        goal: None,
    }
}

/// The first that may lead does, the others follow, and no server has anything to do any more.
pub(crate) fn lead_undisturbed(world: &mut World) {
    let mut actions = Vec::new();
    loop {
        actions.clear();
        world.actions(&mut actions);
        // The others follow before anything times out.
        match actions.iter().find(|a| !matches!(a, Action::PhaseLimit(_))) {
            Some(action) => world.act(action),
            None => break,
        }
    }
}

/// The beginning, without faults and without timeouts: a server that is elected comes to lead.
pub(crate) fn quiet(variant: Variant) -> Ensemble {
    let setting = Arc::new(setting(3, ElectionMode::Fast, variant));
    Ensemble {
        init: vec![World::new(setting, vec![Durable::empty(); 3], Budget::default())],
        sometimes: &[
            Reachable { name: "server 2 leads", reached: |w| leads_established(w, 1) },
            Reachable { name: "server 3 leads", reached: |w| leads_established(w, 2) },
            Reachable { name: "everybody serves", reached: |w| w.servers().all(|s| s.serving()) },
        ],
        terminal: |w| led(w) && serving_agree(w),
        ..zab(3, ElectionMode::Fast, Budget::default(), vec![Durable::empty(); 3], variant)
    }
}

pub(crate) fn leads_established(world: &World, i: usize) -> bool {
    world.peers().any(|(j, p)| j == i && p.established_epoch().is_some())
}

pub(crate) fn sends(world: &World, what: impl Fn(&Packet<Byte>) -> bool) -> bool {
    world.connections().iter().any(|c| c.to_learner.iter().any(&what))
}

pub(crate) const ZAB_REACHES: &[Reachable] = &[
    Reachable { name: "a transaction is delivered", reached: |w| !w.ghost().delivered.is_empty() },
    Reachable { name: "a proposal is discarded", reached: |w| !w.ghost().discarded.is_empty() },
    Reachable {
        name: "a second epoch begins with what the first committed",
        reached: |w| {
            let first = w.ghost().delivered.first().map(|(zxid, _)| zxid.epoch());
            w.peers().any(|(_, p)| p.established_epoch() > Some(1) && first == Some(1))
        },
    },
    Reachable { name: "everybody serves", reached: |w| w.servers().all(|s| s.serving()) },
];

/// Where nothing can happen any more, every server that serves has everything that was delivered, and one of
/// them is an established leader. Or there is none, and the bound on elections is used up.
pub(crate) fn quiet_ensemble_agrees(w: &World) -> bool {
    (led(w) || w.elections_used_up()) && serving_agree(w)
}

pub(crate) fn led(w: &World) -> bool {
    w.peers().any(|(_, p)| p.established_epoch().is_some())
}

/// Every server that serves has delivered the same, and a leader has committed what it proposed.
pub(crate) fn serving_agree(w: &World) -> bool {
    let mut serving = w.peers().filter(|(_, p)| p.serving());
    let outstanding = |p: &QuorumPeer<Byte>| p.history().last() != p.history().applied();
    serving.all(|(_, p)| {
        let stuck = p.established_epoch().is_some() && outstanding(p);
        **p.service().applied() == w.ghost().delivered && !stuck
    })
}

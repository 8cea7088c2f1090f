//! Which models there are, with their bounds and the counts they must come to.

use std::sync::Arc;

use quorate_core::QuorumPeer;
use quorate_core::config::{Constant, ElectionMode, PeerConfig, SettingsOf, SizeLimit};
use quorate_core::election::ServerState;
use quorate_core::ids::{ServerId, Zxid};
use quorate_core::membership::Membership;
use quorate_core::quorum::QuorumVerifier;
use quorate_core::zab::Packet;

use super::{Ensemble, Reachable, faults, groups, observers, recovery, sync};
use crate::byte::Byte;
use crate::properties;
use crate::search::Searchable;
use crate::world::{Action, Budget, Durable, Harsh, Modelled, QuorumPort, Setting, World};

/// A model and what is known of it.
pub struct ModelSpec {
    /// The model's name.
    pub name: &'static str,
    /// What is composed.
    pub composes: &'static str,
    /// The model's bounds in words.
    pub bounds: &'static str,
    /// How many unique states it has: a search that comes to another number has found a change.
    pub unique: usize,
    /// What must come out.
    pub expected: Expected,
    /// The model.
    pub build: fn(Variant) -> Box<dyn Searchable>,
}

/// What must come out of a search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    /// All properties hold.
    Holds,
    /// This property is violated, at best in this number of steps; the others hold.
    Violates(&'static str, usize),
    /// All properties hold, but a way of so many steps leads into a cycle of so many that reaches no goal,
    /// though every message on it is delivered.
    Livelock(usize, usize),
}

/// How a model is built, apart from its bounds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Variant {
    /// Goes into every fingerprint: equal counts under two salts make a hidden collision unlikely.
    pub salt: u64,
    /// The rule that every server breaks.
    #[cfg(feature = "mutants")]
    pub mutation: Option<quorate_core::Mutation>,
    /// The rule that every client breaks.
    #[cfg(feature = "mutants")]
    pub client: Option<quorate_client::Mutation>,
}

impl Variant {
    /// The shipped rules, with this salt.
    pub fn salted(salt: u64) -> Self {
        Variant {
            salt,
            #[cfg(feature = "mutants")]
            mutation: None,
            #[cfg(feature = "mutants")]
            client: None,
        }
    }

    /// One rule broken.
    #[cfg(feature = "mutants")]
    pub fn broken(rule: impl Into<crate::rule::Rule>) -> Self {
        match rule.into() {
            crate::rule::Rule::Core(mutation) => Variant { mutation: Some(mutation), ..Variant::default() },
            crate::rule::Rule::Client(mutation) => Variant { client: Some(mutation), ..Variant::default() },
        }
    }
}

/// Every model.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn catalogue() -> Vec<ModelSpec> {
    let mut models = vec![
        ModelSpec {
            name: "election",
            composes: "QuorumPeer with the election port alone; every order of votes, each delayed until a newer one replaces it",
            bounds: "3 servers started in any order, all 64 assignments of (epoch, last zxid) in {1,2}²",
            unique: 136_192,
            expected: Expected::Holds,
            build: |variant| {
                Box::new(election(3, Budget { elections: u8::MAX, ..Budget::default() }, variant))
            },
        },
        ModelSpec {
            name: "zab-oracle",
            composes: "QuorumPeer with an election oracle, quorum port, disks with separate write and sync",
            bounds: "3 servers, 2 elections, 1 transaction, 1 fault (crash, cut, silence, timeout)",
            unique: 297_238,
            expected: Expected::Holds,
            build: |variant| {
                let budget = Budget { faults: 1, txns: 1, elections: 2, resends: 0 };
                Box::new(zab(3, ElectionMode::Oracle, budget, vec![Durable::empty(); 3], variant))
            },
        },
        ModelSpec {
            name: "zab-two",
            composes: "as zab-oracle, with two transactions",
            bounds: "3 servers, 2 elections, 2 transactions, 1 fault",
            unique: 2_460_204,
            expected: Expected::Holds,
            build: |variant| {
                let budget = Budget { faults: 1, txns: 2, elections: 2, resends: 0 };
                Box::new(zab(3, ElectionMode::Oracle, budget, vec![Durable::empty(); 3], variant))
            },
        },
        ModelSpec {
            name: "zab-faults",
            composes: "as zab-oracle, with two faults",
            bounds: "3 servers, 2 elections, 1 transaction, 2 faults",
            unique: 4_690_275,
            expected: Expected::Holds,
            build: |variant| {
                let budget = Budget { faults: 2, txns: 1, elections: 2, resends: 0 };
                Box::new(zab(3, ElectionMode::Oracle, budget, vec![Durable::empty(); 3], variant))
            },
        },
        ModelSpec {
            name: "zab-four",
            composes: "as zab-oracle, with four servers, of which half are no quorum and three may change places",
            bounds: "4 servers, 2 elections, 1 transaction, 1 fault",
            unique: 1_110_293,
            expected: Expected::Holds,
            build: |variant| Box::new(more(4, 1, variant)),
        },
        ModelSpec {
            name: "zab-five",
            composes: "as zab-oracle, with five servers, of which four may change places",
            bounds: "5 servers, 2 elections, 1 transaction, no fault",
            unique: 185_945,
            expected: Expected::Holds,
            build: |variant| Box::new(more(5, 0, variant)),
        },
        ModelSpec {
            name: "zab-sync",
            composes: "as zab-oracle, from every divergence of logs: DIFF, TRUNC, SNAP",
            bounds: "3 servers, logs of ≤ 2 transactions over 2 epochs, 2 elections, no fault",
            unique: 334_353,
            expected: Expected::Holds,
            build: |variant| Box::new(sync::everywhere(variant)),
        },
        ModelSpec {
            name: "sync-faults",
            composes: "as zab-sync, and somebody dies in the middle of DIFF, TRUNC and SNAP; window of committed \
                       proposals too small",
            bounds: "3 servers, 3 divergences of logs, 2 elections, 1 fault",
            unique: 270_151,
            expected: Expected::Holds,
            build: |variant| Box::new(sync::interrupted(variant)),
        },
        ModelSpec {
            name: "election-faults",
            composes: "as election; servers die, start again, and give their leader up",
            bounds: "3 servers, the first with the best epoch, 1 fault (crash, or giving up without cause), 2 rounds",
            unique: 528_529,
            expected: Expected::Holds,
            build: |variant| Box::new(faults::election(variant)),
        },
        ModelSpec {
            name: "election-reconnect",
            composes: "as election-faults; votes wait for servers that are down, the last one is sent again after a \
                       reconnect",
            bounds: "3 servers, the first with the best epoch, 1 fault (crash, or giving up without cause), 1 round",
            unique: 100_137,
            expected: Expected::Holds,
            build: |variant| Box::new(faults::reconnecting(variant)),
        },
        ModelSpec {
            name: "election-late",
            composes: "as election; one server looks for the leader of a running ensemble while a former leader still \
                       claims to lead",
            bounds: "5 voters of which 3 have a leader, or these and an observer that looks",
            unique: 3_116,
            expected: Expected::Holds,
            build: |variant| Box::new(faults::late(variant)),
        },
        ModelSpec {
            name: "election-observer",
            composes: "as election, with an observer that asks for the leader",
            bounds: "2 voters, 1 observer, started in any order, 2 assignments of (epoch, last zxid), 1 repeated vote",
            unique: 4_122,
            expected: Expected::Holds,
            build: |variant| Box::new(observers::election(variant)),
        },
        ModelSpec {
            name: "observer",
            composes: "as zab-oracle, with an observer; clients write at every server, observers and followers forward",
            bounds: "3 voters, 1 observer, an established leader, 1 more election, 1 transaction, 1 fault",
            unique: 183_763,
            expected: Expected::Holds,
            build: |variant| Box::new(observers::zab(variant)),
        },
        ModelSpec {
            name: "election-weights",
            composes: "as election, with hierarchical quorums",
            bounds: "3 servers in one group, started in any order; weights 2, 1, 1 or 1, 1, 0; 2 assignments of (epoch, \
                     last zxid) each; 2 rounds",
            unique: 86_557,
            expected: Expected::Holds,
            build: |variant| Box::new(groups::weights(variant)),
        },
        ModelSpec {
            name: "groups",
            composes: "as zab-oracle, with hierarchical quorums",
            bounds: "4 servers in groups {1}, {2}, {3, 4}, 2 elections, 1 transaction, no fault",
            unique: 100_895,
            expected: Expected::Holds,
            build: |variant| Box::new(groups::zab(variant)),
        },
        ModelSpec {
            name: "cut-off",
            composes: "from every state of zab-oracle, all connections lead nowhere for good: everybody gives up",
            bounds: "3 servers, 1 election, 1 transaction, no fault before the cut",
            unique: 9_002,
            expected: Expected::Holds,
            build: |variant| Box::new(recovery::cut_off(variant)),
        },
        ModelSpec {
            name: "recovers",
            composes: "from every state of zab-oracle, faults over: everybody can serve again",
            bounds: "3 servers, 1 election and 1 fault before, 1 election after",
            unique: 41_713,
            expected: Expected::Holds,
            build: |variant| Box::new(recovery::recovers(variant)),
        },
        ModelSpec {
            name: "whole",
            composes: "QuorumPeer whole: election, quorum port, disks with separate write and sync",
            bounds: "3 servers, 2 epochs, 1 transaction, 1 fault (crash, cut, silence, timeout); in the first round \
                     of an election the pause for a better vote may be too short",
            unique: 3_770_886,
            expected: Expected::Holds,
            build: |variant| {
                let budget = Budget { faults: 1, txns: 1, elections: 1, resends: 0 };
                Box::new(zab(3, ElectionMode::Fast, budget, vec![Durable::empty(); 3], variant))
            },
        },
        ModelSpec {
            name: "quiet",
            composes: "as whole: an election that nothing disturbs ends with a leader",
            bounds: "3 servers started in any order, no fault, pauses that are long enough, no timeout",
            unique: 2_142,
            expected: Expected::Holds,
            build: |variant| Box::new(quiet(variant)),
        },
    ];
    models.extend(super::prepared::catalogue());
    models.extend(super::ballots::catalogue());
    models.extend(super::joins::catalogue());
    models.extend(super::syncs::catalogue());
    models.extend(super::disks::catalogue());
    models.extend(super::dirty::catalogue());
    models.extend(super::java::catalogue());
    models.extend(super::strangers::catalogue());
    models.extend(super::leases::catalogue());
    models.extend(super::comparison::catalogue());
    models.extend(super::served::catalogue());
    models.extend(super::sessions::catalogue());
    models.extend(super::harsh::catalogue());
    models.extend(super::recipes::catalogue());
    models
}

pub(crate) fn setting(n: usize, election: ElectionMode, variant: Variant) -> Setting {
    let voters = QuorumVerifier::Majority((1..=n as i64).map(ServerId).collect());
    setting_of(&voters, 0, election, variant)
}

/// Voters who decide like this, numbered from 1, and so many observers after them.
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

/// The same of any shape.
pub(super) fn election_in(mut setting: Setting, budget: Budget, codes: &[usize]) -> Ensemble {
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
pub(super) fn led_by_quorum(w: &World) -> bool {
    let follows = |voter: ServerId, leader: ServerId| {
        w.peers().any(|(i, p)| i as i64 + 1 == voter.0 && p.status().leader == Some(leader))
    };
    let mut leaders = w.peers().filter(|(_, p)| p.state() == ServerState::Leading);
    leaders.any(|(_, l)| l.membership().is_quorum(|id| follows(id, l.config().id)))
}

/// Not everybody looks for a leader in silence. Where nobody gives up, this is all that can be asked of more
/// than three: who leads without a quorum, or follows one that does not lead (ZOOKEEPER-3109), stays where it
/// is, and those who look wait for it.
pub(super) fn somebody_has_a_leader(w: &World) -> bool {
    w.peers().any(|(_, p)| p.state() != ServerState::Looking)
}

pub(super) fn leads(world: &World, i: usize) -> bool {
    let follows = |(j, peer): (usize, &QuorumPeer<Byte>)| {
        j == i || peer.status().leader == Some(ServerId(i as i64 + 1))
    };
    let leading = |s: ServerState| s == ServerState::Leading;
    world.peers().any(|(j, p)| j == i && leading(p.state())) && world.peers().all(follows)
}

/// Everybody has been started, and nothing has arrived yet.
pub(super) fn all_started(ensemble: Ensemble) -> Ensemble {
    let start = |mut world: World| {
        (0..world.servers().count()).for_each(|i| world.act(&Action::Start(i)));
        world
    };
    Ensemble { init: ensemble.init.into_iter().map(start).collect(), ..ensemble }
}

/// A whole ensemble, everybody up, that elects, synchronises and broadcasts.
pub fn zab(
    n: usize,
    election: ElectionMode,
    budget: Budget,
    disks: Vec<Durable>,
    variant: Variant,
) -> Ensemble {
    ensemble(setting(n, election, variant), disks, budget)
}

/// The same of any shape.
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

/// More than three servers, two of which may lead at a time, followed by some each.
fn more(n: usize, faults: u8, variant: Variant) -> Ensemble {
    let budget = Budget { faults, txns: 1, elections: 2, resends: 0 };
    let ensemble = Ensemble {
        sometimes: &[
            Reachable { name: "a transaction is delivered", reached: |w| !w.ghost().delivered.is_empty() },
            Reachable {
                name: "two lead, and the others follow",
                reached: |w| {
                    let count = |state| w.peers().filter(|(_, p)| p.state() == state).count();
                    count(ServerState::Leading) == 2
                        && count(ServerState::Following) == w.servers().count() - 2
                },
            },
            Reachable { name: "everybody serves", reached: |w| w.servers().all(|s| s.serving()) },
        ],
        ..zab(n, ElectionMode::Oracle, budget, vec![Durable::empty(); n], variant)
    };
    ensemble.with_symmetry()
}

/// The first that may lead does, the others follow, and nobody has anything to do any more.
pub(super) fn lead_undisturbed(world: &mut World) {
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

/// The beginning, without faults and without timeouts: whoever is elected comes to lead.
pub(super) fn quiet(variant: Variant) -> Ensemble {
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

pub(super) fn leads_established(world: &World, i: usize) -> bool {
    world.peers().any(|(j, p)| j == i && p.established_epoch().is_some())
}

pub(super) fn sends(world: &World, what: impl Fn(&Packet<Byte>) -> bool) -> bool {
    world.connections().iter().any(|c| c.to_learner.iter().any(&what))
}

pub(super) const ZAB_REACHES: &[Reachable] = &[
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

/// Where nothing can happen any more, everybody who serves has everything that was delivered, an
/// established leader among them; or there is none, and the bound on elections is used up.
pub(super) fn quiet_ensemble_agrees(w: &World) -> bool {
    (led(w) || w.elections_used_up()) && serving_agree(w)
}

pub(super) fn led(w: &World) -> bool {
    w.peers().any(|(_, p)| p.established_epoch().is_some())
}

/// Everybody who serves has delivered the same, and whoever leads has committed what it proposed.
pub(super) fn serving_agree(w: &World) -> bool {
    let mut serving = w.peers().filter(|(_, p)| p.serving());
    let outstanding = |p: &QuorumPeer<Byte>| p.history().last() != p.history().applied();
    serving.all(|(_, p)| {
        let stuck = p.established_epoch().is_some() && outstanding(p);
        **p.service().applied() == w.ghost().delivered && !stuck
    })
}

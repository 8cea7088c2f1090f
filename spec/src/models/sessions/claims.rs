//! What is claimed of sessions in an ensemble: what clients are told, and what the servers keep.

use std::collections::BTreeSet;
use std::slice;

use quorate_core::QuorumPeer;
use quorate_core::ids::{SessionId, Zxid};

use super::State;
use crate::deed::Deed;
use crate::models::clients::State as ClientState;
use crate::models::clients::broadcast::Change;
use crate::models::clients::claims as clients;
use crate::models::clients::client::{Armed, Client, Link, Wrong, exists};
use crate::models::protocol::Claim;
use crate::properties::invariant::Invariant;
use crate::properties::scene::Searched;
use crate::properties::{
    ack_implies_durable, committed_survives, discarded_stays_dead, epochs_monotone, integrity, leadership,
    memory_matches_disk, no_offence, prefix_consistency, primary_integrity, serving_leader_has_quorum,
    stored_data_is_accepted,
};
use crate::world::{Action, World};

/// Every claim: those of ZAB, those of clients, those of sessions.
pub const CLAIMS: &[Claim<State>] = &[
    zab(&prefix_consistency::PREFIX_CONSISTENCY, |s| prefix_consistency::holds(&scene(s))),
    zab(&leadership::LEADERSHIP, |s| leadership::holds(&scene(s))),
    zab(&integrity::INTEGRITY, |s| integrity::holds(&scene(s))),
    zab(&primary_integrity::PRIMARY_INTEGRITY, |s| primary_integrity::holds(&scene(s))),
    zab(&committed_survives::COMMITTED_SURVIVES, |s| committed_survives::holds(&scene(s))),
    zab(&discarded_stays_dead::DISCARDED_STAYS_DEAD, |s| discarded_stays_dead::holds(&scene(s))),
    zab(&serving_leader_has_quorum::SERVING_LEADER_HAS_QUORUM, |s| {
        serving_leader_has_quorum::holds(&scene(s))
    }),
    zab(&ack_implies_durable::ACK_IMPLIES_DURABLE, |s| ack_implies_durable::holds(&scene(s))),
    zab(&epochs_monotone::EPOCHS_MONOTONE, |s| epochs_monotone::holds(&scene(s))),
    zab(&memory_matches_disk::MEMORY_MATCHES_DISK, |s| memory_matches_disk::holds(&scene(s))),
    zab(&stored_data_is_accepted::STORED_DATA_IS_ACCEPTED, |s| stored_data_is_accepted::holds(&scene(s))),
    zab(&no_offence::NO_OFFENCE, |s| no_offence::holds(&scene(s))),
    client(&clients::SEQUENTIAL_CONSISTENCY, |s| never(s, Wrong::Inconsistent)),
    client(&clients::NEVER_BACK, |s| never(s, Wrong::WentBack)),
    client(&clients::EVENT_BEFORE_DATA, |s| never(s, Wrong::EventLate)),
    client(&clients::REARMED_WATCH_FIRES, |s| never(s, Wrong::RearmedSilent)),
    client(&clients::PERSISTENT_TELLS_ALL, |s| never(s, Wrong::PersistentSilent)),
    client(&clients::AT_MOST_ONCE, |s| never(s, Wrong::EventUnasked)),
    ACKNOWLEDGED_SURVIVES,
    WRITES_IN_REAL_TIME,
    EVERY_REQUEST_ANSWERED,
    SERVERS_SHOW_DELIVERED,
    EPOCH_IS_SHOWN,
    LEADER_TRACKS_OPEN_SESSIONS,
    EPHEMERALS_LIVE_WITH_SESSION,
    ENDS_FOR_A_REASON,
    END_IS_TOLD,
    TOLD_FOR_A_REASON,
];

/// What a search must come across.
pub const REACHES: &[Claim<State>] = &[
    Claim {
        name: "a session lives on under another leader",
        says: "",
        holds: |s| (0..2).any(|c| home(s, c).is_some_and(|peer| peer.status().current_epoch > 1)),
    },
    Claim {
        name: "a session has moved to another server",
        says: "",
        holds: |s| (0..2).any(|c| matches!(s.clients[c].link, Link::Up(i, _) if i != s.left.homes[c])),
    },
    Claim {
        name: "a write that nobody was told of is done under another leader",
        says: "",
        holds: |s| {
            let done = s.chosen.iter().any(|deed| deed.changes.contains(&created(s)));
            let told = s.acknowledged.iter().any(|write| write.session == s.clients[0].session);
            done && !told && s.left.asks[0] == 0 && s.world.ghost().newest > Some((1, super::LEADER))
        },
    },
    Claim {
        name: "an ephemeral dies with its session, and its watcher is told",
        says: "",
        holds: |s| {
            let owned = s.chosen.iter().any(|deed| deed.changes.contains(&created(s)));
            let told = |w: &Armed| Some(w.at) == ended(s, s.clients[0].session);
            owned && s.clients[1].armed.iter().any(told)
        },
    },
    Claim {
        name: "a client is told that its session is over",
        says: "",
        holds: |s| s.clients[0].link == Link::Over,
    },
    Claim {
        name: "the end of a session is proposed and lost with its leader",
        says: "",
        holds: |s| {
            let session = s.clients[0].session;
            let tracked = |peer: &QuorumPeer<Deed>| peer.service().get().tracked().any(|t| t == session);
            let established = s.world.peers().filter(|(_, peer)| peer.established_epoch() > Some(1));
            s.clients[0].link == Link::Over && established.map(|(_, peer)| peer).any(tracked)
        },
    },
];

const fn zab(property: &'static Invariant, holds: fn(&State) -> bool) -> Claim<State> {
    Claim { name: property.name, says: property.claim, holds }
}

const fn client(claim: &Claim<ClientState>, holds: fn(&State) -> bool) -> Claim<State> {
    Claim { name: claim.name, says: claim.says, holds }
}

fn scene(state: &State) -> Searched<'_, Deed> {
    Searched(slice::from_ref(&state.world), &state.world)
}

fn never(state: &State, wrong: Wrong) -> bool {
    state.clients.iter().all(|client| !client.wrong.has(wrong))
}

/// The servers that serve.
fn serving(state: &State) -> impl Iterator<Item = &QuorumPeer<Deed>> {
    state.world.peers().map(|(_, peer)| peer).filter(|peer| peer.serving())
}

/// The server that a client speaks to.
fn home(state: &State, c: usize) -> Option<&QuorumPeer<Deed>> {
    let Link::Up(server, _) = state.clients[c].link else { return None };
    state.world.peers().find(|(i, _)| *i == server).map(|(_, peer)| peer)
}

/// The first client's ephemeral.
fn created(state: &State) -> Change {
    Change::Created("/a/b".into(), Some(state.clients[0].session))
}

/// When a session ended.
fn ended(state: &State, session: SessionId) -> Option<Zxid> {
    state.chosen.iter().find(|deed| deed.changes.contains(&Change::Ended(session))).map(|deed| deed.zxid)
}

/// The sessions that are open after these transactions.
fn open<'a>(deeds: impl Iterator<Item = &'a Deed>) -> BTreeSet<SessionId> {
    let mut open = BTreeSet::new();
    for change in deeds.flat_map(|deed| &deed.changes) {
        match change {
            Change::Opened(session) => drop(open.insert(*session)),
            Change::Ended(session) => drop(open.remove(session)),
            _ => {}
        }
    }
    open
}

/// The promise that everything else is for.
pub const ACKNOWLEDGED_SURVIVES: Claim<State> = Claim {
    name: "AcknowledgedSurvives",
    says: "a write that was answered OK was delivered under the zxid of its answer, and is in the state of the newest \
           established leader",
    holds: |s| {
        s.acknowledged.iter().all(|write| {
            let done = |deed: &Deed| deed.zxid == write.zxid && deed.is_of(write.session, write.xid);
            let newest = s.world.ghost().newest;
            let mut leaders = s.world.peers().filter(|(i, peer)| {
                peer.established_epoch().is_some_and(|epoch| newest == Some((epoch, *i)))
            });
            s.chosen.iter().any(done) && leaders.all(|(_, peer)| peer.service().deeds().iter().any(done))
        })
    },
};

/// Writes are linearizable.
pub const WRITES_IN_REAL_TIME: Claim<State> = Claim {
    name: "WritesInRealTime",
    says: "a write that is sent after another was answered OK has a higher zxid, whichever clients and servers",
    holds: |s| !s.unordered,
};

/// No request is forgotten.
pub const EVERY_REQUEST_ANSWERED: Claim<State> = Claim {
    name: "EveryRequestAnswered",
    says: "a request, also for a session, is answered or its connection closed: where nothing is under way between the \
           servers, no client waits",
    holds: |s| {
        let waits = |client: &Client| match client.link {
            Link::Up(..) => !client.waiting.is_empty(),
            Link::Greeting(..) => true,
            Link::Nowhere | Link::Over => false,
        };
        !s.clients.iter().any(waits) || is_under_way(&s.world)
    },
};

/// Whether something has to happen, faults and the clients aside.
fn is_under_way(world: &World<Deed>) -> bool {
    let mut actions = Vec::new();
    world.actions(&mut actions);
    actions.iter().any(|action| match action {
        Action::Crash(..) | Action::Cut(_) | Action::Silence(_) => false,
        Action::PhaseLimit(i) => world.has_waited(*i),
        _ => true,
    })
}

/// What was delivered is visible.
pub const SERVERS_SHOW_DELIVERED: Claim<State> = Claim {
    name: "ServersShowDelivered",
    says: "a server that serves has the znodes and the sessions of what was delivered up to the zxid it shows",
    holds: |s| {
        serving(s).all(|peer| {
            let service = peer.service().get();
            let shown = service.status().applied;
            let upto = s.chosen.iter().take_while(|deed| deed.zxid <= shown);
            let there = |path: &str| service.tree().get(path).map(|node| service.tree().stat(&node).mzxid);
            service.sessions().map(|(session, _)| session).eq(open(upto))
                && ["/a", "/a/b"].iter().all(|path| there(path) == exists(path, shown, &s.chosen))
        })
    },
};

/// A client that was answered in an epoch is not let in by a server of an earlier one.
pub const EPOCH_IS_SHOWN: Claim<State> = Claim {
    name: "EpochIsShown",
    says: "a server that serves shows no zxid before the start of its epoch",
    holds: |s| {
        serving(s)
            .all(|peer| peer.service().get().status().applied >= Zxid::new(peer.status().current_epoch, 0))
    },
};

/// No session is immortal, none is unknown.
pub const LEADER_TRACKS_OPEN_SESSIONS: Claim<State> = Claim {
    name: "LeaderTracksOpenSessions",
    says: "a leader knows the sessions that are open, or whose creation it has proposed, and no others; each whose end is \
           not proposed expires",
    holds: |s| {
        let leaders = s.world.peers().filter(|(_, peer)| peer.established_epoch().is_some());
        leaders.map(|(_, peer)| peer).all(|peer| {
            let service = peer.service().get();
            let mut known = open(peer.service().deeds().iter());
            let proposed =
                || peer.history().after(peer.history().applied()).flat_map(|(_, deed)| &deed.changes);
            known.extend(proposed().filter_map(|change| match change {
                Change::Opened(session) => Some(*session),
                _ => None,
            }));
            let ends: BTreeSet<SessionId> = proposed()
                .filter_map(|change| match change {
                    Change::Ended(session) => Some(*session),
                    _ => None,
                })
                .collect();
            let expires: BTreeSet<SessionId> =
                service.expiry().into_iter().flat_map(|queue| queue.after(None)).map(|(.., s)| s).collect();
            service.tracked().eq(known.iter().copied()) && expires == &known - &ends
        })
    },
};

/// Ephemerals live exactly as long as their sessions.
pub const EPHEMERALS_LIVE_WITH_SESSION: Claim<State> = Claim {
    name: "EphemeralsLiveWithSession",
    says: "on every server that serves, a session that is open owns what it created, and one that has ended owns nothing",
    holds: |s| {
        let session = s.clients[0].session;
        serving(s).all(|peer| {
            let deeds = || peer.service().deeds().iter().flat_map(|deed| &deed.changes);
            let owns =
                deeds().any(|change| *change == created(s)) && !deeds().any(|c| *c == Change::Ended(session));
            let owned = peer.service().get().owned().of_session(session);
            owned.map(|path| &**path).eq(owns.then_some("/a/b"))
        })
    },
};

/// A lost connection, or a lost leader, is no reason.
pub const ENDS_FOR_A_REASON: Claim<State> = Claim {
    name: "EndsForAReason",
    says: "a session ends because its client was silent for its timeout",
    holds: |s| (0..2).all(|c| ended(s, s.clients[c].session).is_none() || c == 0 && s.late),
};

/// No client is left in a session that has ended.
pub const END_IS_TOLD: Claim<State> = Claim {
    name: "EndIsTold",
    says: "no server keeps a connection, or lets one in, of a session whose end it has applied",
    holds: |s| {
        serving(s).all(|peer| {
            let ends = |session| {
                let deeds = peer.service().deeds().iter();
                deeds.flat_map(|deed| &deed.changes).any(|change| *change == Change::Ended(session))
            };
            !peer.service().get().served_sessions().any(ends)
        })
    },
};

/// A session outlives its servers and its leaders.
pub const TOLD_FOR_A_REASON: Claim<State> = Claim {
    name: "ToldForAReason",
    says: "a client is told that its session is over only after it was silent for its timeout, wherever it goes",
    holds: |s| (0..2).all(|c| s.clients[c].link != Link::Over || c == 0 && s.late),
};

/// Every client is where it can be, and the servers that serve agree.
pub fn may_end(state: &State) -> bool {
    let world = &state.world;
    let led = || world.peers().any(|(_, peer)| peer.established_epoch().is_some());
    let knows = |session| {
        let mut leaders = world.peers().filter(|(_, peer)| peer.established_epoch().is_some());
        leaders.any(|(_, peer)| peer.service().get().tracked().any(|tracked| tracked == session))
    };
    let clients = state.clients.iter().all(|client| match client.link {
        Link::Up(..) => client.waiting.is_empty() && ended(state, client.session).is_none(),
        // Its end may have been lost with the leader that proposed it: then it comes again.
        Link::Over => ended(state, client.session).is_some() || knows(client.session) || !led(),
        Link::Nowhere => serving(state).next().is_none(),
        Link::Greeting(..) => false,
    });
    let agree = serving(state).all(|peer| {
        let stuck = peer.established_epoch().is_some() && peer.history().last() != peer.history().applied();
        peer.service().deeds().len() == state.chosen.len() && !stuck
    });
    clients && agree && (led() || world.elections_used_up())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use quorate_core::ids::ConnId;
    use quorate_core::pipeline::ClientTxn;
    use quorate_core::wire::client::Request;

    use super::super::{Acknowledged, Sessions, Theme};
    use super::*;
    use crate::models::Variant;
    use crate::models::clients::broadcast::Chosen;
    use crate::models::clients::client::Waiting;
    use crate::models::paxos::Protocol;

    const QUIET: Theme = Theme {
        homes: [0, 1],
        asks: [0, 0],
        creates: true,
        faults: 0,
        elections: 0,
        cuts: 0,
        passes: false,
        pings: 0,
        observer: false,
        instant: true,
    };

    /// Claims say no to the states that are made for them, and no other claim does.
    #[test]
    fn hand_built_bad_states_are_rejected() {
        let model = Sessions { themes: &[QUIET], variant: Variant::default() };
        let good = model.begin().remove(0);
        let rejected = |change: &dyn Fn(&mut State)| -> Vec<&str> {
            let mut state = good.clone();
            change(&mut state);
            CLAIMS.iter().filter(|claim| !(claim.holds)(&state)).map(|claim| claim.name).collect()
        };
        let session = good.clients[1].session;
        let write = |counter| Acknowledged { session, xid: 1, zxid: Zxid::new(1, counter) };
        assert_eq!(rejected(&|_| {}), Vec::<&str>::new());
        // The third transaction is the second client's first write.
        assert_eq!(rejected(&|s| s.acknowledged.push(write(3))), Vec::<&str>::new());
        assert_eq!(rejected(&|s| s.acknowledged.push(write(2))), ["AcknowledgedSurvives"]);
        assert_eq!(rejected(&|s| s.unordered = true), ["WritesInRealTime"]);
        let waiting = || Waiting { xid: 1, request: Request::Ping, fresh: Zxid::ZERO };
        assert_eq!(rejected(&|s| s.clients[0].waiting.push_back(waiting())), ["EveryRequestAnswered"]);
        let greets = |s: &mut State| s.clients[0].link = Link::Greeting(0, ConnId(9));
        assert_eq!(rejected(&greets), ["EveryRequestAnswered"]);
        assert_eq!(rejected(&|s| drop(Arc::make_mut(&mut s.chosen).pop())), ["ServersShowDelivered"]);
        assert_eq!(rejected(&|s| s.clients[1].link = Link::Over), ["ToldForAReason"]);
        let ends = |s: &mut State| {
            let (txn, changes) = (ClientTxn(Bytes::new()), vec![Change::Ended(session)]);
            Arc::make_mut(&mut s.chosen).push(Deed::new(Chosen { zxid: Zxid::new(1, 4), txn, changes }));
        };
        assert_eq!(rejected(&ends), ["EndsForAReason"]);
        let mut state = good.clone();
        assert!(may_end(&state));
        ends(&mut state);
        assert!(!may_end(&state));
    }
}

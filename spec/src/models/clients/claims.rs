//! What is claimed to clients: of what they read, of their watches, of their sessions.

use std::collections::BTreeSet;

use quorate_core::ids::{SessionId, Zxid};

use super::State;
use super::broadcast::{Change, Chosen};
use super::client::{Armed, Kind, Link, Wrong};
use crate::models::protocol::Claim;

/// Every claim.
pub const CLAIMS: &[Claim<State>] = &[
    SEQUENTIAL_CONSISTENCY,
    NEVER_BACK,
    EVENT_BEFORE_DATA,
    REARMED_WATCH_FIRES,
    PERSISTENT_TELLS_ALL,
    AT_MOST_ONCE,
    SYNC_IS_FRESH,
    OLD_SERVER_REFUSED,
    EPHEMERALS_LIVE_WITH_SESSION,
    ENDS_FOR_A_REASON,
    END_IS_TOLD,
];

/// What the search must come across.
pub const REACHES: &[Claim<State>] = &[
    Claim { name: "a session has moved", says: "", holds: moved },
    Claim {
        name: "a moved session's old server is refused",
        says: "",
        holds: |s| s.broadcast.chosen.iter().any(|c| c.failed()) && moved(s),
    },
    Claim {
        name: "an expired session is told so",
        says: "",
        holds: |s| s.late && !s.clients[0].closes && s.clients[0].link == Link::Over,
    },
    Claim { name: "a creation and deletion go unnoticed", says: "", holds: |s| s.clients[0].gap },
    Claim {
        name: "a watch was set again",
        says: "",
        holds: |s| {
            s.clients[0].links > 1
                && up(s)
                && s.clients[0].waiting.is_empty()
                && !s.clients[0].armed.is_empty()
        },
    },
    Claim {
        name: "a persistent watch has told of something",
        says: "",
        holds: |s| s.clients[0].armed.iter().any(|w| w.kind == Kind::Persistent && w.at > s.clients[0].seen),
    },
    Claim {
        name: "a recursive watch has told of something below",
        says: "",
        holds: |s| {
            let created = |w: &Armed| {
                let it = |c: &Chosen| c.zxid == w.at && matches!(c.changes[..], [Change::Created(..)]);
                s.broadcast.chosen.iter().any(it)
            };
            let told = |w: &Armed| w.kind == Kind::Recursive && w.at > s.clients[0].seen;
            s.clients[0].armed.iter().any(|w| told(w) && created(w))
        },
    },
    Claim {
        name: "a client is let in by a server that is behind another",
        says: "",
        holds: |s| moved(s) && up(s) && s.broadcast.applied.iter().any(|n| *n < s.broadcast.chosen.len()),
    },
    Claim {
        name: "an ephemeral dies with its session",
        says: "",
        holds: |s| {
            let created = |c: &Chosen| matches!(c.changes[..], [Change::Created(_, Some(_))]);
            let ended = |c: &Chosen| matches!(c.changes[..], [Change::Deleted(_), Change::Ended(_)]);
            s.broadcast.chosen.iter().any(created) && s.broadcast.chosen.iter().any(ended)
        },
    },
];

fn up(state: &State) -> bool {
    matches!(state.clients[0].link, Link::Up(..))
}

fn moved(state: &State) -> bool {
    state.clients[0].links > 1 && state.owners[0] == state.owners[1]
}

fn never(state: &State, wrong: Wrong) -> bool {
    state.clients.iter().all(|client| !client.wrong.has(wrong))
}

/// Answers in turn, each read one state of the one order.
pub const SEQUENTIAL_CONSISTENCY: Claim<State> = Claim {
    name: "SequentialConsistency",
    says: "a client's requests are answered in order, and a read shows the state of its zxid",
    holds: |s| never(s, Wrong::Inconsistent),
};

/// No client goes back in time, across all servers.
pub const NEVER_BACK: Claim<State> = Claim {
    name: "NeverBack",
    says: "a client never sees a state before one that it has seen, whichever servers it goes to",
    holds: |s| never(s, Wrong::WentBack),
};

/// An event arrives before the data that it announces.
pub const EVENT_BEFORE_DATA: Claim<State> = Claim {
    name: "EventBeforeData",
    says: "a watch has told of a change before any answer shows it",
    holds: |s| never(s, Wrong::EventLate),
};

/// Nothing is lost on the way to another server, but for ZooKeeper's own gap.
pub const REARMED_WATCH_FIRES: Claim<State> = Claim {
    name: "RearmedWatchFires",
    says: "a one-shot watch that is set again tells what has changed meanwhile (a znode that came and went is no \
           change to a watch for its creation)",
    holds: |s| never(s, Wrong::RearmedSilent),
};

/// While it is set.
pub const PERSISTENT_TELLS_ALL: Claim<State> = Claim {
    name: "PersistentTellsAll",
    says: "a persistent watch tells of every change, in order, while its client is connected",
    holds: |s| never(s, Wrong::PersistentSilent),
};

/// No event without a cause.
pub const AT_MOST_ONCE: Claim<State> = Claim {
    name: "AtMostOnce",
    says: "an event is of a change that happened and of a watch that is set, once",
    holds: |s| never(s, Wrong::EventUnasked),
};

/// What `sync` is for.
pub const SYNC_IS_FRESH: Claim<State> = Claim {
    name: "SyncIsFresh",
    says: "behind a sync, a client sees all that was chosen when it sent it",
    holds: |s| never(s, Wrong::SyncStale),
};

/// One server speaks for a session.
pub const OLD_SERVER_REFUSED: Claim<State> = Claim {
    name: "OldServerRefused",
    says: "what a session's old server passes on after the session has moved changes nothing",
    holds: |s| never(s, Wrong::OldServerSpoke),
};

/// Ephemerals live exactly as long as their sessions.
pub const EPHEMERALS_LIVE_WITH_SESSION: Claim<State> = Claim {
    name: "EphemeralsLiveWithSession",
    says: "on every server, a session that is open owns what it created and no client deleted, and one that \
           has ended owns nothing",
    holds: |s| {
        s.servers.iter().zip(&s.broadcast.applied).all(|(served, applied)| {
            s.clients.iter().all(|client| {
                let owned = served.get().owned().of_session(client.session);
                owned.map(|path| path.to_string()).collect::<BTreeSet<_>>()
                    == ephemerals(s, client.session, *applied)
            })
        })
    },
};

/// The znodes that are a session's after the first `applied` transactions.
fn ephemerals(state: &State, session: SessionId, applied: usize) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for chosen in state.broadcast.chosen.iter().take(applied) {
        for change in &chosen.changes {
            match change {
                Change::Created(path, Some(owner)) if *owner == session => drop(paths.insert(path.clone())),
                Change::Deleted(path) => drop(paths.remove(path)),
                Change::Ended(ended) if *ended == session => return BTreeSet::new(),
                _ => {}
            }
        }
    }
    paths
}

fn ended(state: &State, session: SessionId) -> Option<Zxid> {
    state.broadcast.chosen.iter().find(|c| c.changes.contains(&Change::Ended(session))).map(|c| c.zxid)
}

/// A lost connection is no reason.
pub const ENDS_FOR_A_REASON: Claim<State> = Claim {
    name: "EndsForAReason",
    says: "a session ends because its client closed it, or was silent for its timeout",
    holds: |s| {
        let reason = |c: usize| s.clients[c].closes || c == 0 && s.late;
        (0..2).all(|c| ended(s, s.clients[c].session).is_none() || reason(c))
    },
};

/// No client is left in a session that has ended.
pub const END_IS_TOLD: Claim<State> = Claim {
    name: "EndIsTold",
    says: "no server keeps a connection, or lets one in, of a session whose end it has applied",
    holds: |s| {
        s.servers.iter().zip(&s.broadcast.applied).all(|(served, applied)| {
            let at = s.broadcast.chosen.get(applied.wrapping_sub(1)).map_or(Zxid::ZERO, |c| c.zxid);
            let over = |session| ended(s, session).is_some_and(|zxid| zxid <= at);
            served.get().served_sessions().all(|session| !over(session))
        })
    },
};

/// Every request is answered, and every client whose session has ended knows it.
pub fn may_end(state: &State) -> bool {
    state.clients.iter().all(|client| match client.link {
        Link::Up(..) => client.waiting.is_empty() && ended(state, client.session).is_none(),
        Link::Over => true,
        Link::Nowhere | Link::Greeting(..) => false,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use quorate_core::pipeline::{ClientReply, ClientTxn};
    use quorate_core::wire::client::{EventType, ReplyHeader, Request, Response, WatcherEvent, xid};

    use super::super::client::{Armed, Waiting};
    use super::super::menu::THEMES;
    use super::super::{Clients, Protocol, Step};
    use super::*;
    use crate::models::Variant;

    fn z(counter: u32) -> Zxid {
        Zxid::new(1, counter)
    }

    fn choose(s: &mut State, counter: u32, change: Change) {
        let chosen = Chosen { zxid: z(counter), txn: ClientTxn(Bytes::new()), changes: vec![change] };
        Arc::make_mut(&mut s.broadcast.chosen).push(chosen);
    }

    /// The first client waits for an answer to this, and hears this one.
    fn answer(s: &mut State, request: Request, xids: (i32, i32), zxid: Zxid) {
        let client = &mut s.clients[0];
        client.waiting.push_back(Waiting { xid: xids.0, request, fresh: z(3) });
        let header = ReplyHeader::ok(xids.1, zxid);
        client
            .hear(&ClientReply::Reply { op: 0, header, body: Response::Empty }, &s.broadcast.chosen.clone());
    }

    fn notify(s: &mut State, event: EventType, path: &str, zxid: i64) {
        let event = Arc::new(WatcherEvent::new(event, path.into()));
        s.clients[0].hear(&ClientReply::Notification { zxid, event }, &s.broadcast.chosen.clone());
    }

    fn watch(s: &mut State, path: &str, kind: Kind) {
        s.clients[0].armed.push(Armed { path: path.into(), kind, at: z(3) });
    }

    /// Every claim says no to the states that are made for it, and to no other.
    #[test]
    fn hand_built_bad_states_are_rejected() {
        let model = Clients { servers: 2, themes: THEMES, variant: Variant::default() };
        let good = model.begin().remove(0);
        let rejected = |change: &dyn Fn(&mut State)| -> Vec<&str> {
            let mut state = good.clone();
            change(&mut state);
            CLAIMS.iter().filter(|claim| !(claim.holds)(&state)).map(|claim| claim.name).collect()
        };
        let none = Vec::<&str>::new();
        let set = |s: &mut State| choose(s, 4, Change::Set("/a".into()));
        assert_eq!(rejected(&|_| {}), none);
        assert_eq!(rejected(&|s| answer(s, Request::Ping, (5, 5), z(3))), none);
        assert_eq!(rejected(&|s| answer(s, Request::Ping, (5, 6), z(3))), ["SequentialConsistency"]);
        assert_eq!(
            rejected(&|s| {
                s.clients[0].seen = z(3);
                answer(s, Request::Ping, (5, 5), z(2));
            }),
            ["NeverBack"]
        );
        let shows = |s: &mut State, kind: Kind, xid: i32| {
            set(s);
            watch(s, "/a", kind);
            answer(s, Request::Ping, (xid, xid), z(4));
        };
        assert_eq!(rejected(&|s| shows(s, Kind::Data, 5)), ["EventBeforeData"]);
        assert_eq!(rejected(&|s| shows(s, Kind::Data, xid::SET_WATCHES)), ["RearmedWatchFires"]);
        assert_eq!(rejected(&|s| shows(s, Kind::Persistent, 5)), ["PersistentTellsAll"]);
        assert_eq!(rejected(&|s| shows(s, Kind::Persistent, xid::SET_WATCHES)), none);
        assert_eq!(rejected(&|s| shows(s, Kind::Child, 5)), none);
        let tells = |s: &mut State, times: usize| {
            set(s);
            watch(s, "/a", Kind::Data);
            (0..times).for_each(|_| notify(s, EventType::NodeDataChanged, "/a", z(4).0 as i64));
            answer(s, Request::Ping, (5, 5), z(4));
        };
        assert_eq!(rejected(&|s| tells(s, 1)), none);
        assert_eq!(rejected(&|s| tells(s, 2)), ["AtMostOnce"]);
        assert_eq!(
            rejected(&|s| {
                watch(s, "/a", Kind::Data);
                notify(s, EventType::NodeDataChanged, "/a", z(4).0 as i64);
            }),
            ["AtMostOnce"]
        );
        assert_eq!(rejected(&|s| answer(s, Request::Sync(None), (5, 5), z(2))), ["SyncIsFresh"]);
        // It sets data through a server that is not its session's any more, and the leader does not know.
        let passed_on = |s: &mut State| {
            s.owners[0] = 0;
            s.act(Step::Ask(0, 5));
            s.act(Step::Lead(1));
        };
        assert_eq!(rejected(&passed_on), ["OldServerRefused"]);
        let session = good.clients[0].session;
        let owns = |s: &mut State| {
            choose(s, 4, Change::Created("/a/b".into(), Some(session)));
            s.broadcast.applied[0] += 1;
        };
        assert_eq!(rejected(&owns), ["EphemeralsLiveWithSession"]);
        assert_eq!(rejected(&|s| choose(s, 4, Change::Ended(session))), ["EndsForAReason"]);
        let ends = |s: &mut State| {
            s.clients[0].closes = true;
            choose(s, 4, Change::Ended(session));
            s.broadcast.applied[1] += 1;
        };
        assert_eq!(rejected(&ends), ["EndIsTold"]);
        let mut state = good.clone();
        ends(&mut state);
        assert!(may_end(&good) && !may_end(&state));
    }

    /// ZooKeeper's own gap: a creation and a deletion while a client is away are no event for a watch for the
    /// creation. Such a state is reached.
    #[test]
    fn what_came_and_went_is_a_gap() {
        let model = Clients { servers: 2, themes: THEMES, variant: Variant::default() };
        let mut state = model.begin().remove(0);
        choose(&mut state, 4, Change::Created("/a/b".into(), None));
        choose(&mut state, 5, Change::Deleted("/a/b".into()));
        watch(&mut state, "/a/b", Kind::Exist);
        answer(&mut state, Request::Ping, (xid::SET_WATCHES, xid::SET_WATCHES), z(5));
        assert!(CLAIMS.iter().all(|claim| (claim.holds)(&state)) && state.clients[0].gap);
    }
}

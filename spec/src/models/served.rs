//! The models of what serves clients and of the election link, with their bounds, counts and what must come
//! out.

use super::buckets::Buckets;
use super::clients::Clients;
use super::clients::menu::THEMES;
use super::links::Links;
use super::model_spec::{Expected, ModelSpec};
use super::protocol::Checked;
use super::road::Road;

pub(super) fn catalogue() -> Vec<ModelSpec> {
    vec![
        ModelSpec {
            name: "links",
            composes: "the election link of two servers, both ends, with the sockets between them",
            bounds: "3 votes, 1 fault (broken connection, failed attempt, restart)",
            unique: 370_458,
            expected: Expected::Holds,
            build: |variant| {
                let protocol = Links { votes: 3, faults: 1, variant };
                Box::new(Checked { protocol, salt: variant.salt })
            },
        },
        ModelSpec {
            name: "buckets",
            composes: "the leader's session tracker in time: touches, proposals of ends, a change of leaders",
            bounds: "2 sessions of 6 and 8 ms, buckets of 3 ms, 20 ms, 1 change of leaders, wall clock set once",
            unique: 133_810,
            expected: Expected::Holds,
            build: |variant| {
                let protocol = Buckets { until: 20, reigns: 1, jumps: 1, variant };
                Box::new(Checked { protocol, salt: variant.salt })
            },
        },
        ModelSpec {
            name: "road",
            composes: "requests of two clients at a leader that prepares ahead, beside one that takes them one by one",
            bounds: "3 requests of 23 kinds in every order, up to 3 outstanding, 2 sessions, 8 znodes, transactions of at most 160 bytes",
            unique: 39_187,
            expected: Expected::Holds,
            build: |variant| {
                Box::new(Checked { protocol: Road { requests: 3, variant }, salt: variant.salt })
            },
        },
        ModelSpec {
            name: "clients",
            composes: "services over an atomic broadcast; clients that watch, write, go from server to server, expire",
            bounds: "2 servers, 2 clients, 2 znodes. Watches: 2 requests each, 1 cut; sessions: 2 and 1, 1 \
                     cut, 1 silence; order: 3 and 1; recursive watch: 1 and 2, 1 cut",
            unique: 375_969,
            expected: Expected::Holds,
            build: |variant| {
                let protocol = Clients { servers: 2, themes: THEMES, variant };
                Box::new(Checked { protocol, salt: variant.salt })
            },
        },
    ]
}

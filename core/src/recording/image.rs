//! An image as a value in a recording: the znodes with their lists and stats, and the sessions.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{ServerId, SessionId, Zxid};
use crate::pipeline::{ImageBuilder, Settings, TreeImage};
use crate::wire::record::{Acl, StatPersisted};
use crate::wire::snapshot::NodeSource;
use crate::wire::state::Reach;

#[derive(Serialize, Deserialize)]
struct Stored {
    applied: Zxid,
    reach: Reach,
    sessions: Vec<(SessionId, i32)>,
    lists: Vec<(i64, Vec<Acl>)>,
    znodes: Vec<(String, Option<Vec<u8>>, i64, StatPersisted)>,
}

impl Serialize for TreeImage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut znodes = Vec::with_capacity(self.node_count());
        let mut nodes = self.nodes();
        while let Some(node) = nodes.next_node() {
            znodes.push((node.path.to_string(), node.data.map(<[u8]>::to_vec), node.acl, node.stat));
        }
        let lists = self.acls().map(|(index, list)| (index, list.to_vec())).collect();
        let (applied, reach) = (self.applied(), self.reach());
        Stored { applied, reach, sessions: self.sessions().collect(), lists, znodes }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TreeImage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        // The image's server is not known here. A reader that knows it reads the image again, with its
        // settings.
        let mut builder = ImageBuilder::new(&Settings::new(ServerId(0), 1));
        for (session, timeout_ms) in stored.sessions {
            builder.session(session, timeout_ms);
        }
        for (index, list) in &stored.lists {
            builder.acl(*index, list).map_err(D::Error::custom)?;
        }
        for (path, data, acl, stat) in &stored.znodes {
            builder.node(path, data.as_deref(), *acl, *stat).map_err(D::Error::custom)?;
        }
        let image = builder.finish(stored.applied).map_err(D::Error::custom)?;
        Ok(image.reaching(stored.reach))
    }
}

//! The fat form that every message of the quorum port has.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::wire::jute::{Jute, Reader, WireError, int_enum, write_buffer};
use crate::wire::record::Id;

int_enum! {
    /// What a packet is (`Leader.REQUEST` and so on).
    pub enum PacketType {
        /// Learner → leader: order this.
        Request = 1,
        /// Leader → follower: log this.
        Proposal = 2,
        /// Learner → leader: this is on disk.
        Ack = 3,
        /// Leader → follower: apply this.
        Commit = 4,
        /// Both ways: I am alive.
        Ping = 5,
        /// Both ways: is this session alive?
        Revalidate = 6,
        /// Leader → learner: your oldest sync is done.
        Sync = 7,
        /// Leader → observer: log and apply this.
        Inform = 8,
        /// Leader → follower: apply this and the configuration in it.
        CommitAndActivate = 9,
        /// Leader → learner: that was the history.
        NewLeader = 10,
        /// Follower → leader: I want to follow.
        FollowerInfo = 11,
        /// Leader → learner: serve.
        UpToDate = 12,
        /// Leader → learner: keep what you have.
        Diff = 13,
        /// Leader → learner: cut off your log.
        Trunc = 14,
        /// Leader → learner: here is the state.
        Snap = 15,
        /// Observer → leader: I want to watch.
        ObserverInfo = 16,
        /// Leader → learner: the new epoch.
        LeaderInfo = 17,
        /// Learner → leader: I promise.
        AckEpoch = 18,
        /// Leader → observer: log and apply this and the configuration in it.
        InformAndActivate = 19,
    }
}

/// A message of the quorum port. Nothing in it says how long it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct QuorumPacket {
    /// A [`PacketType`], if it is known.
    pub kind: i32,
    /// Usually a zxid; −1 where there is nothing to say.
    pub zxid: i64,
    /// What else there is, by type.
    pub data: Option<Bytes>,
    /// The identities of the client behind a REQUEST.
    pub authinfo: Option<Vec<Id>>,
}

impl QuorumPacket {
    /// A packet without authinfo.
    pub fn new(kind: PacketType, zxid: i64, data: Option<Bytes>) -> Self {
        QuorumPacket { kind: kind.to_i32(), zxid, data, authinfo: None }
    }
}

impl Jute for QuorumPacket {
    fn read(r: &mut Reader<'_>, _: &'static str) -> Result<Self, WireError> {
        let kind = r.int("QuorumPacket.type")?;
        let zxid = r.long("QuorumPacket.zxid")?;
        let data = r.buffer("QuorumPacket.data")?;
        let is_null = r.clone().int("QuorumPacket.authinfo")? == -1;
        let authinfo = r.vector("QuorumPacket.authinfo")?;
        Ok(QuorumPacket { kind, zxid, data, authinfo: (!is_null).then_some(authinfo) })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.kind.write(out);
        self.zxid.write(out);
        write_buffer(out, self.data.as_deref());
        match &self.authinfo {
            Some(ids) => ids.write(out),
            None => (-1i32).write(out),
        }
    }
}

//! The one message of the election port as bytes.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::election::{Notification, ServerState, Vote};
use crate::ids::{Epoch, ServerId, Zxid};
use crate::wire::client::write_frame;
use crate::wire::jute::{Jute, Reader, Why, WireError, write_buffer};

/// The version that is sent: with the sender's configuration.
pub const NOTIFICATION_VERSION: i32 = 2;

/// What a server without a vote (an observer) sends as leader, zxid and epoch.
const NO_VOTE: i64 = i64::MIN;
/// The zxid of a server without a trusted history.
const NO_HISTORY: i64 = -1;

/// A vote with what core does not ask for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct NotificationMessage {
    /// The vote and its circumstances.
    pub notification: Notification,
    /// The form in which it came: 0 (before 3.4), 1, or 2.
    pub version: i32,
    /// The text of the sender's configuration; since version 2.
    pub config: Option<Bytes>,
}

impl NotificationMessage {
    /// Read a frame of the election port, any version.
    ///
    /// # Errors
    /// What is wrong: the message is to be dropped, the connection may live on.
    pub fn read(frame: &Bytes) -> Result<Self, WireError> {
        let mut r = Reader::with_limit(frame, frame.len());
        let state = r.clone();
        let state = match r.int("Notification.state")? {
            0 => ServerState::Looking,
            1 => ServerState::Following,
            2 => ServerState::Leading,
            3 => ServerState::Observing,
            other => return Err(state.error("Notification.state", Why::Value(i64::from(other)))),
        };
        let leader = ServerId(r.long("Notification.leader")?);
        let at_zxid = r.clone();
        let zxid = r.long("Notification.zxid")?;
        let vote_zxid = match zxid {
            NO_VOTE | NO_HISTORY => None,
            0.. => Some(Zxid(zxid as u64)),
            _ => return Err(at_zxid.error("Notification.zxid", Why::Value(zxid))),
        };
        let at_round = r.clone();
        let round = r.long("Notification.electionEpoch")?;
        let bad_round = at_round.error("Notification.electionEpoch", Why::Value(round));
        let round = u64::try_from(round).map_err(|_| bad_round)?;
        // The oldest form ends here; the next one has four bytes more than the epoch and no version.
        let at_epoch = r.clone();
        let peer_epoch = if frame.len() == 28 { zxid >> 32 } else { r.long("Notification.peerEpoch")? };
        let peer_epoch = match Epoch::try_from(peer_epoch) {
            Ok(epoch) => epoch,
            Err(_) if vote_zxid.is_none() && peer_epoch < 0 => 0,
            Err(_) => return Err(at_epoch.error("Notification.peerEpoch", Why::Value(peer_epoch))),
        };
        let unversioned = matches!(frame.len(), 28 | 40);
        let version = if unversioned { 0 } else { r.int("Notification.version")? };
        let config = if version > 1 {
            let at_config = r.clone();
            let config = r.buffer("Notification.config")?;
            Some(config.ok_or_else(|| at_config.error("Notification.config", Why::Null))?)
        } else {
            None
        };
        let vote = Vote { leader, zxid: vote_zxid, peer_epoch };
        Ok(NotificationMessage { notification: Notification { state, vote, round }, version, config })
    }
}

/// Append a frame: the vote, in version 2, with the text of the sender's configuration.
pub fn write_notification(out: &mut Vec<u8>, notification: &Notification, config: &[u8]) {
    let Notification { state, vote, round } = notification;
    let state = match state {
        ServerState::Looking => 0i32,
        ServerState::Following => 1,
        ServerState::Leading => 2,
        ServerState::Observing => 3,
    };
    let no_vote = vote.zxid.is_none() && vote.leader.0 == NO_VOTE;
    let without = if no_vote { NO_VOTE } else { NO_HISTORY };
    let peer_epoch = if no_vote { NO_VOTE } else { i64::from(vote.peer_epoch) };
    write_frame(out, |out| {
        state.write(out);
        vote.leader.write(out);
        vote.zxid.map_or(without, |zxid| zxid.0 as i64).write(out);
        (*round as i64).write(out);
        peer_epoch.write(out);
        NOTIFICATION_VERSION.write(out);
        write_buffer(out, Some(config));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frame::FrameDecoder;
    use crate::wire::golden::recordings;
    use proptest::prelude::*;

    const ELECTION: &str = include_str!("../../../../tests/golden/05_election.txt");
    const FAKE_LEADER: &str = include_str!("../../../../tests/golden/08_fake_leader.txt");

    fn unframe(bytes: &[u8]) -> Bytes {
        let mut decoder = FrameDecoder::election();
        decoder.feed(bytes);
        let frame = decoder.next_frame().unwrap().expect("a whole frame");
        assert!(decoder.buffer().is_empty());
        frame
    }

    #[test]
    fn recorded() {
        let all = recordings(ELECTION).into_iter().skip(1);
        let all: Vec<_> =
            all.chain(recordings(FAKE_LEADER).into_iter().filter(|r| r.label.starts_with("FLE"))).collect();
        assert_eq!(all.len(), 8);
        for recorded in &all {
            let message = NotificationMessage::read(&unframe(&recorded.bytes)).unwrap();
            assert_eq!(message.version, NOTIFICATION_VERSION);
            let config = message.config.unwrap();
            assert!(config.starts_with(b"server.1=127.0.0.1:24211:24212:participant\n"));
            let mut again = Vec::new();
            write_notification(&mut again, &message.notification, &config);
            assert_eq!(again, recorded.bytes, "{}", recorded.label);
        }
        let following = NotificationMessage::read(&unframe(&all[2].bytes)).unwrap().notification;
        let vote = Vote { leader: ServerId(2), zxid: Some(Zxid(0)), peer_epoch: 1 };
        assert_eq!(following, Notification { state: ServerState::Following, vote, round: 1 });
        let looking = NotificationMessage::read(&unframe(&all[5].bytes)).unwrap().notification;
        assert_eq!((looking.state, looking.vote.leader), (ServerState::Looking, ServerId(3)));
        assert_eq!((looking.vote.zxid, looking.vote.peer_epoch), (Some(Zxid::new(5, 3)), 5));
    }

    /// state, leader, zxid, round, epoch
    fn message(fields: (i32, i64, i64, i64, i64)) -> Vec<u8> {
        let (state, leader, zxid, round, epoch) = fields;
        let mut out = state.to_bytes();
        [leader, zxid, round, epoch].iter().for_each(|v| v.write(&mut out));
        out
    }

    /// The form of 40 bytes.
    fn unversioned(fields: (i32, i64, i64, i64, i64)) -> Bytes {
        let mut out = message(fields);
        4711i32.write(&mut out);
        out.into()
    }

    #[test]
    fn old_forms() {
        let v40 = unversioned((2, 1, 0x7_0000_0001, 3, 8));
        let read = NotificationMessage::read(&v40).unwrap();
        assert_eq!((read.version, read.config), (0, None));
        assert_eq!(read.notification.vote.peer_epoch, 8);
        let v28 = NotificationMessage::read(&v40.slice(..28)).unwrap();
        assert_eq!(v28.notification.vote.peer_epoch, 7);
        for len in (0..28).chain(29..40) {
            assert!(NotificationMessage::read(&v40.slice(..len)).is_err(), "{len}");
        }
        let mut v44 = message((2, 1, 0x7_0000_0001, 3, 8));
        1i32.write(&mut v44);
        1i32.write(&mut v44);
        assert_eq!(NotificationMessage::read(&v44.clone().into()).unwrap().version, 1);
        v44[39] = 2;
        assert!(NotificationMessage::read(&v44.clone().into()).is_err(), "the configuration is missing");
        v44.push(b'x');
        let read = NotificationMessage::read(&v44.clone().into()).unwrap();
        assert_eq!(read.config.as_deref(), Some(&b"x"[..]));
    }

    #[test]
    fn servers_without_a_vote() {
        let observer = unversioned((0, NO_VOTE, NO_VOTE, 4, NO_VOTE));
        let notification = NotificationMessage::read(&observer).unwrap().notification;
        assert_eq!(notification.vote, Vote::none());
        let mut again = Vec::new();
        write_notification(&mut again, &notification, b"");
        assert_eq!(again[4..40], observer[..36]);
        let wiped = unversioned((0, 2, -1, 4, 0));
        let notification = NotificationMessage::read(&wiped).unwrap().notification;
        assert_eq!(notification.vote, Vote { leader: ServerId(2), zxid: None, peer_epoch: 0 });
        let mut again = Vec::new();
        write_notification(&mut again, &notification, b"");
        assert_eq!(again[4..40], wiped[..36]);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let field = |fields| NotificationMessage::read(&unversioned(fields)).unwrap_err().field;
        assert_eq!(field((4, 1, 0, 1, 0)), "Notification.state");
        assert_eq!(field((0, 1, -2, 1, 0)), "Notification.zxid");
        assert_eq!(field((0, 1, 0, -1, 0)), "Notification.electionEpoch");
        assert_eq!(field((0, 1, 0, 1, 1 << 32)), "Notification.peerEpoch");
        assert_eq!(field((0, 1, 0, 1, -1)), "Notification.peerEpoch");
    }

    proptest! {
        #[test]
        fn votes_come_back(
            state in prop_oneof![Just(ServerState::Looking), Just(ServerState::Leading)],
            leader in any::<i64>(),
            zxid in proptest::option::of(0..i64::MAX as u64),
            peer_epoch in any::<u32>(),
            round in 0..i64::MAX as u64,
            config in proptest::collection::vec(any::<u8>(), 0..50),
        ) {
            let peer_epoch = if leader == NO_VOTE && zxid.is_none() { 0 } else { peer_epoch };
            let vote = Vote { leader: ServerId(leader), zxid: zxid.map(Zxid), peer_epoch };
            let notification = Notification { state, vote, round };
            let mut out = Vec::new();
            write_notification(&mut out, &notification, &config);
            let read = NotificationMessage::read(&unframe(&out)).unwrap();
            prop_assert_eq!(read, NotificationMessage { notification, version: 2, config: Some(config.into()) });
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = NotificationMessage::read(&bytes.into());
        }
    }
}

//! What recorded servers answered to their clients, beside what the judge says.
//!
//! Each server has a [`Hearing`] of its own, which does a transaction when the server applies it. Reads are
//! judged at the zxid that their answers name. A state that a leader sent may have effects of later
//! transactions in it. A server with such a state is judged again once it serves.

use quorate_core::ids::{ConnId, Zxid};
use quorate_core::payload::Service;
use quorate_core::pipeline::{ClientEvent, ClientTxn, Settings, TreeImage, TreeService};
use quorate_core::recording::Header;
use quorate_core::wire::state::Reach;
use quorate_core::{Output, QuorumPeer};

use crate::judge::hearing::{Cases, Hearing};

/// All servers before the judge.
pub(super) struct Answers {
    cases: Cases,
    hearings: Vec<Option<Hearing>>,
    settings: Vec<Option<Settings>>,
    /// How many answers were judged.
    pub(super) judged: u64,
}

impl Answers {
    pub(super) fn new(servers: usize) -> Self {
        let hearings = (0..servers).map(|_| None).collect();
        Answers { cases: Cases::default(), hearings, settings: vec![None; servers], judged: 0 }
    }

    /// A process starts, with what it found on disk.
    pub(super) fn started(&mut self, i: usize, header: &Header) {
        let recovered = &header.recovered;
        self.settings[i] = Some(header.config.settings.clone());
        self.holds(i, recovered.base(), recovered.snapshot.as_ref().map(|(_, image)| image));
        if let Some(hearing) = &mut self.hearings[i] {
            recovered.entries.iter().for_each(|(zxid, txn)| hearing.logged(*zxid, txn));
        }
    }

    /// The server has this state.
    fn holds(&mut self, i: usize, zxid: Zxid, image: Option<&TreeImage>) {
        let exact = image.is_none_or(|image| image.reach() == Reach::Exact);
        let before = self.hearings[i].take();
        self.hearings[i] = self.settings[i].as_ref().map(|settings| {
            let service = TreeService::new(settings, image);
            let hearing = Hearing::new(i, settings, &service, zxid);
            let hearing = if exact { hearing } else { hearing.of_fuzzy() };
            match before {
                Some(before) => hearing.instead_of(before),
                None => hearing,
            }
        });
    }

    /// Something arrives from a client.
    pub(super) fn hears(&mut self, i: usize, conn: ConnId, event: &ClientEvent) {
        if let Some(hearing) = &mut self.hearings[i] {
            hearing.hears(&mut self.cases, conn, event);
        }
    }

    /// A step of a server has come to these outputs.
    ///
    /// # Errors
    /// What the judge says otherwise, in a sentence.
    pub(super) fn judge(
        &mut self,
        i: usize,
        outputs: &[Output<ClientTxn>],
        peer: &QuorumPeer<ClientTxn>,
    ) -> Result<(), String> {
        for output in outputs {
            if let Output::InstallSnapshot(_, zxid, image) = output {
                self.holds(i, *zxid, Some(image));
            }
            let Some(hearing) = &mut self.hearings[i] else { continue };
            match output {
                Output::Append(_, zxid, txn) => hearing.logged(*zxid, txn),
                Output::Truncate(_, zxid) => hearing.truncated(*zxid),
                Output::CloseClient(conn) => hearing.closed(*conn),
                Output::Reply(conn, reply) => {
                    self.judged += u64::from(hearing.answers(&mut self.cases, *conn, reply)?);
                }
                _ => {}
            }
        }
        let Some(hearing) = &mut self.hearings[i] else { return Ok(()) };
        let applied = peer.history().applied();
        hearing.applied(&mut self.cases, applied)?;
        if let Some(settings) = self.settings[i].as_ref().filter(|_| !hearing.is_judging() && peer.serving())
        {
            hearing.takes(settings, peer.service(), applied);
        }
        Ok(())
    }

    /// A process has ended: its znodes are what the judge has.
    ///
    /// # Errors
    /// The first that is not.
    pub(super) fn ended(&mut self, i: usize, peer: &QuorumPeer<ClientTxn>) -> Result<(), String> {
        self.hearings[i].take().map_or(Ok(()), |hearing| match hearing.difference(peer.service()) {
            None => Ok(()),
            Some(differs) => Err(format!("at the end, {differs}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use quorate_core::Recovered;
    use quorate_core::config::{Constant, PeerConfig};
    use quorate_core::ids::{ServerId, SessionId};
    use quorate_core::membership::Membership;
    use quorate_core::pipeline::ClientReply;
    use quorate_core::quorum::QuorumVerifier;
    use quorate_core::session::password::password;
    use quorate_core::wire::client::{ConnectResponse, ReplyHeader, Request, Response, WatchRequest};
    use quorate_core::wire::record::Stat;

    use super::*;
    use crate::models::service::frame;

    const CONN: ConnId = ConnId(1);

    /// A server whose client reads the root: what is said to this answer.
    fn judged(err: i32, change: impl Fn(&mut Stat)) -> Result<u64, String> {
        let voters = Membership::new(QuorumVerifier::Majority([ServerId(1)].into()), vec![]);
        let config = PeerConfig::new(ServerId(1), voters, Settings::new(ServerId(1), 2000));
        let recovered = Recovered::first_start();
        let header = Header { program: String::new(), wall_ms: 0, config, recovered: recovered.clone() };
        let peer = QuorumPeer::new(Constant::new(header.config.clone()), recovered);
        let mut answers = Answers::new(1);
        answers.started(0, &header);
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        answers.hears(
            0,
            CONN,
            &ClientEvent::Connect { frame: bytes::Bytes::new(), address, certificate: None },
        );
        let session = SessionId(7);
        let opened = ConnectResponse {
            protocol_version: 0,
            timeout_ms: 4000,
            session,
            password: password(session),
            read_only: None,
        };
        answers.judge(0, &[Output::Reply(CONN, ClientReply::Connect(opened))], &peer)?;
        let read = Request::GetData(WatchRequest { path: "/".into(), watch: false });
        answers.hears(0, CONN, &frame(1, &read));
        let tree = peer.service().tree();
        let mut stat = tree.stat(&tree.get("/").expect("it is there"));
        change(&mut stat);
        let body = Response::Data { data: Some(bytes::Bytes::new()), stat };
        let header = ReplyHeader { xid: 1, zxid: 0, err };
        answers.judge(0, &[Output::Reply(CONN, ClientReply::Reply { op: 0, header, body })], &peer)?;
        answers.ended(0, &peer)?;
        Ok(answers.judged)
    }

    #[test]
    fn a_wrong_answer_is_noticed() {
        assert_eq!(judged(0, |_| {}), Ok(1));
        let wrong = [
            judged(-101, |_| {}),
            judged(0, |stat| stat.cversion += 1),
            judged(0, |stat| stat.pzxid = Zxid(1)),
        ];
        for verdict in wrong {
            assert!(verdict.unwrap_err().contains("and the judge says Data("));
        }
    }
}

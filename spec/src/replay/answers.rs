//! What recorded servers answered to their clients, beside what the judge says.
//!
//! Each server has a [`Hearing`] of its own: it does a transaction when the server applies it, and reads are
//! judged at the zxid that their answers name. What a ZooKeeper leader sent while it applied transactions
//! has effects of later ones in it: such a server is not judged until it has another state.

use quorate_core::ids::{ConnId, Zxid};
use quorate_core::payload::Service;
use quorate_core::pipeline::{ClientEvent, ClientTxn, Reach, Settings, TreeImage, TreeService};
use quorate_core::recording::Header;
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
        let settings = self.settings[i].as_ref().filter(|_| exact);
        self.hearings[i] = settings.map(|settings| {
            let service = TreeService::new(settings, image);
            Hearing::new(i, settings, &service, zxid)
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
        match &mut self.hearings[i] {
            Some(hearing) => hearing.applied(&mut self.cases, peer.history().applied()),
            None => Ok(()),
        }
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

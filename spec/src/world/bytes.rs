//! Worlds of bytes: their clients are a budget, and some of their servers may behave as ZooKeeper does.

use std::sync::Arc;

use quorate_core::ids::{ConnId, Zxid};
use quorate_core::{Input, Output};

use super::{Action, AppliedOf, Durable, Flaws, JavaPeer, Marked, Modelled, Server, View, World};
use crate::byte::{Applied, Byte};

impl Marked for Byte {
    type Mark = Byte;

    fn mark(&self) -> Byte {
        *self
    }

    fn applied(service: &crate::byte::ByteList) -> &AppliedOf<Byte> {
        service.applied()
    }

    fn listed(snapshot: &Applied) -> &[(Zxid, Byte)] {
        snapshot
    }
}

impl Modelled for Byte {
    const SYNCS: u8 = Byte::SYNCS;

    fn submission(left: u8) -> Byte {
        Byte::nth(left)
    }

    fn sync(n: u8) -> Byte {
        Byte::sync(n)
    }

    fn told(world: &mut World, server: usize, conn: ConnId, said: Option<Zxid>) {
        if let Some(applied) = said {
            world.check_sync(server, conn, applied);
        }
    }

    fn java_actions(world: &World, server: usize, state: &Server, actions: &mut Vec<Action>) {
        world.java_actions(server, state, actions);
    }

    fn start_java(world: &mut World, server: usize, flaws: Flaws) {
        world.start_java(server, flaws);
    }

    fn step_java(world: &mut World, server: usize, input: Input<Byte>) {
        world.step_java(server, input);
    }

    fn java_waits_in_vain(world: &World, server: usize) -> bool {
        world.java_waits_in_vain(server)
    }

    fn java_applied(server: &Server) -> Option<&AppliedOf<Byte>> {
        server.java.as_ref().map(JavaPeer::applied)
    }

    fn replayed(disk: &Durable) -> Vec<(Zxid, Byte)> {
        JavaPeer::replayed(disk)
    }
}

impl World {
    /// Whether a server that is up would answer a client's read now. Nothing happens.
    pub fn answers_read(&self, i: usize) -> bool {
        let Some(mut peer) = self.servers[i].peer.clone() else { return false };
        let mut out = Vec::new();
        peer.step(self.now, Input::Client(ConnId(0), Byte::READ), &mut out);
        out.iter().any(|output| matches!(output, Output::Reply(..)))
    }

    /// This ensemble, in which servers have delivered these transactions before anything happens.
    #[must_use]
    pub fn having_delivered(mut self, history: &[(Zxid, Byte)]) -> World {
        Arc::make_mut(&mut self.ghost).deliver(0, history);
        self
    }
}

impl Server {
    /// What can be seen of its process; `None` while it is down.
    pub fn view(&self) -> Option<View> {
        let java = self.java.as_ref().map(View::of_java);
        java.or_else(|| self.peer.as_ref().map(View::of))
    }
}

//! What a world asks of its payload: to be asked for by clients, and to tell what they are told.

use quorate_core::ids::{ConnId, Zxid};
use quorate_core::{ClientOf, Input, ReplyOf};

use super::action::Action;
use super::disk::Durable;
use super::java::Flaws;
use super::marked::{AppliedOf, Marked};
use super::state::{Server, World};

/// A payload that a [`World`] can run. ///
/// Two are there: [`Byte`](crate::byte::Byte), a list of bytes, and [`Deed`](crate::deed::Deed), the server's
/// own service with its tree, sessions and watches.
pub trait Modelled: Marked {
    /// How many `sync`s can wait at a server at a time.
    const SYNCS: u8 = 0;

    /// What a client says that submits a transaction when this many of a [`Budget`](super::Budget) are left.
    fn submission(_left: u8) -> ClientOf<Self> {
        unreachable!("its clients are outside of the world")
    }

    /// What a client says that asks for the `sync` of this number.
    fn sync(_n: u8) -> ClientOf<Self> {
        unreachable!("its clients are outside of the world")
    }

    /// A server answers a client, or (`None`) closes its connection.
    fn told(world: &mut World<Self>, server: usize, conn: ConnId, said: Option<ReplyOf<Self>>);

    /// What a server that behaves as ZooKeeper does can do next; only worlds of bytes have such servers.
    fn java_actions(_: &World<Self>, _server: usize, _: &Server<Self>, _: &mut Vec<Action>) {}

    /// Such a server starts.
    fn start_java(_: &mut World<Self>, _server: usize, _: Flaws) {
        unreachable!("only worlds of bytes have such servers")
    }

    /// Such a server is told this.
    fn step_java(_: &mut World<Self>, _server: usize, _: Input<Self>) {
        unreachable!("only worlds of bytes have such servers")
    }

    /// Whether a timeout of such a server is no fault.
    fn java_waits_in_vain(_: &World<Self>, _server: usize) -> bool {
        false
    }

    /// What such a server has applied, if this is one that is up.
    fn java_applied(_: &Server<Self>) -> Option<&AppliedOf<Self>> {
        None
    }

    /// What such a server has when it starts on this disk.
    fn replayed(disk: &Durable<Self>) -> Vec<(Zxid, Self::Mark)> {
        disk.history()
    }
}

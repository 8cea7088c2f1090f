//! What a model of a recipe says of itself, and what may happen in it.

use std::fmt::Debug;
use std::hash::Hash;

use quorate_client::recipes::machine::Machine;
use quorate_core::wire::client::{CreateMode, CreateRequest, Request};
use quorate_core::wire::record::Acl;

use crate::models::model_spec::Variant;
use crate::models::paxos::Claim;
use crate::models::recipes::world::{Left, ToldBy, World};

/// A recipe as its model sees it.
pub trait Recipe: Copy + Debug + Send + Sync + 'static {
    /// The shipped machine.
    type Machine: Machine + Clone + Eq + Hash + Debug + Send + Sync;
    /// What an onlooker remembers of what users were told.
    type Notes: Clone + Default + Eq + Hash + Debug + Send + Sync;

    /// What must hold in every state.
    const CLAIMS: &'static [Claim<World<Self>>];
    /// What must be reachable.
    const REACHES: &'static [Claim<World<Self>>];
    /// The beginnings.
    const THEMES: &'static [Theme];
    /// Where its znodes are.
    const DIRECTORY: &'static str;
    /// Whether it matters at which transaction a client was connected.
    const MINDS_WHEN: bool = false;

    /// The machine of a party that has had this number of lives before.
    fn machine(theme: usize, party: usize, life: u8, variant: Variant) -> Self::Machine;
    /// Whether a machine does nothing any more.
    fn is_over(machine: &Self::Machine) -> bool;
    /// A user is told something.
    fn told(world: &mut World<Self>, party: usize, told: ToldBy<Self>);
    /// What a user that has begun may do, by number.
    fn acts(world: &World<Self>, party: usize, may: &mut dyn FnMut(u8));
    /// A user does it.
    fn act(world: &mut World<Self>, party: usize, act: u8);
    /// An onlooker looks at what a step has come to.
    fn look(_: &mut World<Self>) {}
    /// Whose znode this is.
    fn owner(_: &World<Self>, _path: &str) -> Option<usize> {
        None
    }
    /// What the operator may do, by number.
    fn deeds(_: &World<Self>, _may: &mut dyn FnMut(u8)) {}
    /// What the operator asks of the server.
    fn deed(_: &World<Self>, _: u8) -> Option<Request> {
        None
    }
}

/// What may happen from one beginning on.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// Whose session each party uses.
    pub parties: &'static [usize],
    /// How much may happen.
    pub left: Left,
    /// Whether processes may stand still, so that their sessions expire behind their backs.
    pub pauses: bool,
    /// What the operator has prepared.
    pub begin: fn() -> Vec<Request>,
}

/// A creation with an open ACL, without data.
pub(super) fn create(path: &str, mode: CreateMode) -> Request {
    let (path, flags) = (path.to_string(), mode.to_i32());
    Request::Create2(CreateRequest { path, data: None, acl: [Acl::open()].into(), flags })
}

//! What every end-to-end test needs: real servers, clients, faults, and patience with a deadline.

mod bystander;
mod counter;
mod ensemble;
mod facts;
mod impostor;
mod network;
mod ports;
mod process;
mod pseudo;
mod raw_client;
mod rng;
mod runtime;
mod shell;
mod stalling_disk;
mod tail;
mod wait;
mod wire;
mod writer;
mod zookeeper;

pub(crate) use bystander::Bystander;
pub(crate) use counter::Counter;
pub(crate) use ensemble::{Ensemble, Setup};
pub(crate) use facts::contents;
pub(crate) use impostor::{Peer, Voter};
pub(crate) use ports::{ensemble_ports, free_ports};
pub(crate) use process::{Process, drain, quorate};
pub(crate) use pseudo::Pseudo;
pub(crate) use raw_client::{Failure, RawClient, Session, lost};
pub(crate) use rng::{Rng, number, seed};
pub(crate) use runtime::run;
pub(crate) use shell::{shell, shell_with};
pub(crate) use wait::{PATIENCE, eventually, until};
pub(crate) use wire::{Wire, connect_request, request_bytes};
pub(crate) use writer::{Acknowledged, Writer, check_acknowledged};
pub(crate) use zookeeper::ZooKeeper;

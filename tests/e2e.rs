//! End to end: real processes on real sockets, clients of our own and of another project.

mod behaviour;
mod harness;

//! What users of a running ensemble may rely on: one module per behaviour.

mod bench;
mod catching_up;
mod clients_under_kills;
mod damage;
mod failover;
mod hostile_clients;
mod hostile_peers;
mod nonsense;
mod observers;
mod partitions;
mod paused_leader;
mod power_failure;
mod pseudo_ensemble;
mod quorum_loss;
mod quorums;
mod random_kills;
mod restarts;
mod service_commands;
mod sessions;
mod shipped_binary;
mod starting;
mod sync;
mod watches;
mod wiped_disk;
mod words;
mod znodes;

//! Storage against disks that forget, files that are damaged, and files that ZooKeeper wrote.

mod crash;
mod damage;
mod examine;
mod files;
mod golden;
mod images;
mod purge;
mod start;
mod tails;
mod test_disk;
mod torn;

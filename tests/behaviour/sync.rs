//! sync: a read after it sees what was written before it, on whichever server.

use quorate_core::wire::client::CreateMode;

use crate::harness::Setup;

#[test]
fn a_read_after_sync_sees_the_latest() {
    let ensemble = Setup::voters(3).observers(1).start();
    let leader = ensemble.await_leader();
    let mut writer = ensemble.connect(leader);
    let mut readers: Vec<_> = ensemble.ids().into_iter().map(|id| (id, ensemble.connect(id))).collect();
    writer.create("/latest", b"", CreateMode::Persistent).unwrap();
    for round in 0..50u32 {
        let data = round.to_string().into_bytes();
        let stat = writer.set("/latest", &data, -1).unwrap();
        for (id, reader) in &mut readers {
            reader.sync().unwrap();
            let (seen, seen_stat) = reader.get("/latest", false).unwrap();
            assert_eq!((seen, seen_stat.mzxid), (data.clone(), stat.mzxid), "server {id}");
        }
    }
}

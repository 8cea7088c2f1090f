//! The leader is killed again and again under a client of another project: its session lives, and
//! what was acknowledged is everywhere.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use zookeeper_client::{Acls, Client, CreateMode, Error};

use crate::harness::{Ensemble, Setup, check_acknowledged, until};

const KILLS: usize = 5;

/// When which write was acknowledged.
type Done = Arc<Mutex<Vec<(String, Instant)>>>;

/// Write until told to stop; a write without an answer is tried again.
async fn write(client: &Client, stop: &AtomicBool, done: &Done) {
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let name = format!("{number:06}");
        match client.create(&format!("/w/{name}"), name.as_bytes(), &options).await {
            Ok(_) | Err(Error::NodeExists) => {
                done.lock().unwrap().push((name, Instant::now()));
                number += 1;
            }
            // The client passes on what the system says of a connection that was reset.
            Err(Error::ConnectionLoss | Error::Custom(_)) => {
                tokio::time::sleep(Duration::from_millis(5)).await
            }
            Err(other) => panic!("write {number}: {other}"),
        }
    }
}

fn kill_leaders(ensemble: &mut Ensemble, done: &Done) {
    for kill in 1..=KILLS {
        // In full service: all servers follow, and writes go through.
        ensemble.await_serving(&ensemble.ids());
        let before = done.lock().unwrap().len();
        until("writes go through", || (done.lock().unwrap().len() >= before + 20).then_some(()));
        let leader = ensemble.await_leader();
        let at = Instant::now();
        ensemble.kill(leader);
        let gap = until("writes go on", || {
            let done = done.lock().unwrap();
            // The first whose answer came after the longest silence since the kill.
            let after = done.iter().map(|(_, when)| *when).filter(|when| *when > at);
            let times: Vec<Instant> = std::iter::once(at).chain(after).collect();
            let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max()?;
            (times.len() > 20).then_some(longest)
        });
        println!("kill {kill} (leader {leader}): {} ms without an acknowledged write", gap.as_millis());
        ensemble.start(leader);
    }
    ensemble.await_serving(&ensemble.ids());
}

#[test]
fn five_leaders_die_under_a_writing_client() {
    let mut ensemble = Setup::voters(3).observers(1).line("maxSessionTimeout=60000").start();
    let cluster = ensemble.cluster(&ensemble.ids());
    let stop = Arc::new(AtomicBool::new(false));
    let done = Done::default();
    let writer = std::thread::spawn({
        let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let connector = Client::connector().with_session_timeout(Duration::from_secs(60));
                let client = connector.connect(&cluster).await.unwrap();
                let (persistent, ephemeral) = (CreateMode::Persistent, CreateMode::Ephemeral);
                client.create("/w", b"", &persistent.with_acls(Acls::anyone_all())).await.unwrap();
                client.create("/alive", b"", &ephemeral.with_acls(Acls::anyone_all())).await.unwrap();
                write(&client, &stop, &done).await;
                // One session from the first write to the last.
                let stat = client.check_stat("/alive").await.unwrap().expect("the session lives");
                assert_eq!(stat.ephemeral_owner, client.session_id().0);
            });
        }
    });
    kill_leaders(&mut ensemble, &done);
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    let done = std::mem::take(&mut *done.lock().unwrap());
    println!("{} writes acknowledged", done.len());
    check_acknowledged(&ensemble, "/w", done.iter().map(|(name, _)| name.as_str()));
}

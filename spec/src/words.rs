//! What happened in a world, and how its servers stand, in words: of transcripts, stories and the explorer.

use std::fmt::Write;

use quorate_core::election::{Notification, ServerState, Vote};
use quorate_core::ids::{ServerId, Zxid};
use quorate_core::zab::Packet;
use quorate_core::{Input, Output, Status, ZabState};

use crate::byte::Byte;
use crate::world::{Budget, Connection, DiskOp, Durable, End, Event, Side, View, World};

/// One step of one server: what it was told, then, further in, what it did about it. Empty if it
/// only armed alarms.
pub(crate) fn event(event: &Event, done: Option<&DiskOp>) -> Vec<String> {
    let mut lines = changes(&event.before, &event.after);
    let mut outputs = event.outputs.iter().peekable();
    while let Some(one) = outputs.next() {
        let Some((to, what)) = output(one) else { continue };
        let mut to: Vec<String> = to.into_iter().map(|id| id.to_string()).collect();
        // The same to several servers is one line.
        while let Some((Some(next), again)) = outputs.peek().and_then(|o| output(o))
            && again == what
            && !to.is_empty()
        {
            to.push(next.to_string());
            outputs.next();
        }
        lines.push(if to.is_empty() { what } else { format!("→ {}: {what}", to.join(" ")) });
    }
    let quiet = matches!(event.input, Input::ElectionUp(_) | Input::ElectionDown(_)) && lines.is_empty();
    if quiet {
        return lines;
    }
    let me = event.server + 1;
    let head = std::iter::once(format!("{me} {}", input(&event.input, done)));
    head.chain(lines.into_iter().map(|line| format!("    {line}"))).collect()
}

/// A server at rest.
pub(crate) fn server(world: &World, i: usize) -> String {
    let server = world.servers().nth(i).expect("there is such a server");
    let mut line = format!("{} ", i + 1);
    match server.view() {
        None => line += "down",
        Some(view) => {
            line += &role(&view.status);
            let serves = if view.serving { "serves" } else { "does not serve" };
            let _ = write!(line, ", {serves} | applied {}", list(&view.applied));
        }
    }
    let _ = write!(line, " | disk {}", durable(&server.disk.durable));
    if !server.disk.pending.is_empty() {
        let pending: Vec<String> = server.disk.pending.iter().map(operation).collect();
        let _ = write!(line, " | being written: {}", pending.join(", "));
    }
    if let Some((zxid, applied)) = &server.disk.snapshot {
        let _ = write!(line, " | a snapshot at {zxid:?} of {} being written", list(applied));
    }
    line
}

/// What is under way on the quorum port, on connections that fit.
pub(crate) fn under_way(world: &World, fits: impl Fn(&Connection) -> bool) -> Vec<String> {
    let mut all = Vec::new();
    for connection in world.connections().iter().filter(|c| fits(c)) {
        for side in [Side::Leader, Side::Learner] {
            if connection.end(side) != End::Closed {
                let (from, to) = connection.between(side);
                let line = |p| format!("{} → {}: {}", from + 1, to + 1, packet(p));
                all.extend(connection.queue(side).iter().map(line));
            }
        }
    }
    all
}

/// A server's process dies now, with `kept` of its pending writes done.
pub(crate) fn death(world: &World, i: usize, kept: usize) -> Vec<String> {
    let server = world.servers().nth(i).expect("there is such a server");
    let mut lines = vec![format!("{} dies", i + 1)];
    for (at, op) in server.disk.pending.iter().enumerate() {
        let fate = if at < kept { "still reached its disk" } else { "never reached its disk" };
        lines.push(format!("    {fate}: {}", operation(op)));
    }
    let lost = under_way(world, |c| c.learner == i || c.leader == i);
    lines.extend(lost.into_iter().map(|what| format!("    lost: {what}")));
    lines
}

/// A whole world: its servers, what is under way, what may still happen.
pub(crate) fn rest(world: &World) -> Vec<String> {
    let n = world.servers().count();
    let mut lines: Vec<String> = (0..n).map(|i| server(world, i)).collect();
    lines.extend(under_way(world, |_| true).into_iter().map(|what| format!("under way: {what}")));
    for (from, to) in (0..n * n).map(|slot| (slot / n, slot % n)) {
        if let Some(heard) = world.vote_under_way(from, to) {
            lines.push(format!("under way: {} → {}: {}", from + 1, to + 1, notification(heard)));
        }
    }
    let dead = |c: &&Connection| c.cut && (c.learner_end == End::Open || c.leader_end == End::Open);
    for c in world.connections().iter().filter(dead) {
        lines.push(format!("broken: the connection of {} to {}", c.learner + 1, c.leader + 1));
    }
    let Budget { faults, txns, elections, resends } = world.budget();
    let mut left = vec![count(faults, "fault"), count(txns, "transaction")];
    left.push(format!("elections up to {elections}"));
    left.extend((resends > 0).then(|| count(resends, "repeated vote")));
    lines.push(format!("may still happen: {}", left.join(", ")));
    lines
}

fn count(n: u8, what: &str) -> String {
    match n {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        u8::MAX => format!("any number of {what}s"),
        n => format!("{n} {what}s"),
    }
}

/// What a disk holds: acceptedEpoch/currentEpoch, snapshot, log.
pub(crate) fn durable(disk: &Durable) -> String {
    if *disk == Durable::empty() {
        return "empty".to_owned();
    }
    let mut text = format!("epochs {}/{}", disk.accepted_epoch, disk.current_epoch);
    if let Some((zxid, applied)) = &disk.snapshot {
        let _ = write!(text, ", snapshot at {zxid:?} of {}", list(applied));
    }
    let _ = write!(text, ", log {}", list(&disk.log));
    if disk.lost {
        text += ", in the place of one that is gone";
    }
    text
}

/// A storage operation.
pub(crate) fn operation(op: &DiskOp) -> String {
    match op {
        DiskOp::Append(zxid, txn) => format!("log {}", transaction(*zxid, *txn)),
        DiskOp::Truncate(zxid) => format!("end of the log after {zxid:?}"),
        DiskOp::Install(zxid, state) => {
            format!("snapshot at {zxid:?} of {} in place of everything", list(state))
        }
        DiskOp::Save(zxid, state) => {
            format!("snapshot at {zxid:?} of {} beside the others", list(state))
        }
        DiskOp::Accepted(epoch) => format!("acceptedEpoch {epoch}"),
        DiskOp::Current(epoch) => format!("currentEpoch {epoch}"),
    }
}

/// A message of the quorum port, field by field.
pub(crate) fn packet(packet: &Packet<Byte>) -> String {
    match packet {
        Packet::FollowerInfo { accepted_epoch, .. } => format!("FOLLOWERINFO acceptedEpoch {accepted_epoch}"),
        Packet::ObserverInfo { accepted_epoch, .. } => format!("OBSERVERINFO acceptedEpoch {accepted_epoch}"),
        Packet::LeaderInfo { epoch } => format!("LEADERINFO epoch {epoch}"),
        Packet::AckEpoch { current_epoch: Some(current), last_zxid } => {
            format!("ACKEPOCH currentEpoch {current}, last zxid {last_zxid:?}")
        }
        Packet::AckEpoch { current_epoch: None, last_zxid } => {
            format!("ACKEPOCH that does not count, last zxid {last_zxid:?}")
        }
        Packet::Diff { zxid } => format!("DIFF to {zxid:?}"),
        Packet::Trunc { zxid } => format!("TRUNC after {zxid:?}"),
        Packet::Snap { zxid, snapshot } => format!("SNAP at {zxid:?} of {}", list(snapshot)),
        Packet::NewLeader { epoch, .. } => format!("NEWLEADER epoch {epoch}"),
        Packet::UpToDate => "UPTODATE".to_owned(),
        Packet::Ack { zxid } if zxid.counter() == 0 => format!("ACK of NEWLEADER {zxid:?}"),
        Packet::Ack { zxid } => format!("ACK {zxid:?}"),
        Packet::Proposal { zxid, txn } => format!("PROPOSAL {}", transaction(*zxid, *txn)),
        Packet::Commit { zxid } => format!("COMMIT {zxid:?}"),
        Packet::Inform { zxid, txn } => format!("INFORM {}", transaction(*zxid, *txn)),
        Packet::CommitAndActivate { zxid, designated_leader } => {
            format!("COMMITANDACTIVATE {zxid:?}, {designated_leader} is to lead")
        }
        Packet::InformAndActivate { zxid, designated_leader, txn } => {
            format!("INFORMANDACTIVATE {}, {designated_leader} is to lead", transaction(*zxid, *txn))
        }
        Packet::Request(byte) => format!("REQUEST {}", byte),
        Packet::Sync => "SYNC".to_owned(),
        Packet::Ping { zxid, .. } => format!("PING {zxid:?}"),
        Packet::Revalidate(touch) => format!("REVALIDATE session {}", touch.session.0),
        Packet::Revalidated { session, valid } => format!("REVALIDATE session {} valid {valid}", session.0),
    }
}

/// A message of the election port.
pub(crate) fn notification(heard: &Notification) -> String {
    format!("{}, {}, round {}", state(heard.state), vote(&heard.vote), heard.round)
}

fn vote(vote: &Vote) -> String {
    match vote.zxid {
        Some(zxid) => format!("vote for {} (epoch {}, zxid {zxid:?})", vote.leader, vote.peer_epoch),
        None => "no vote".to_owned(),
    }
}

fn input(input: &Input<Byte>, done: Option<&DiskOp>) -> String {
    match input {
        Input::Start => "starts".to_owned(),
        Input::Client(_, byte) => format!("is asked by a client for {}", byte),
        Input::ElectionUp(id) => format!("reaches {}", id),
        Input::ElectionDown(id) => format!("no longer reaches {}", id),
        Input::Notification(from, heard) => format!("hears {from}: {}", notification(heard)),
        Input::Elected(id) => format!("is told that {id} leads"),
        Input::Up(link) => format!("is connected to {}", link.server),
        Input::Accepted(link) => format!("is dialed by {}", link.server),
        Input::Down(link) => format!("sees that its connection to {} is down", link.server),
        Input::Packet(link, p) => format!("reads from {}: {}", link.server, packet(p)),
        Input::Progress(link) => format!("sees bytes move between it and {}", link.server),
        Input::AllRead(link) => format!("has read everything that had come from {}", link.server),
        Input::Done(_) => format!("has on disk: {}", done.map_or_else(String::new, operation)),
        Input::SnapshotTaken => "has written a snapshot".to_owned(),
        Input::Alarm(timer) => format!("is alarmed: {timer:?}"),
    }
}

/// The server an output goes to, if it goes to one, and what the output is. Alarms are not told.
fn output(output: &Output<Byte>) -> Option<(Option<ServerId>, String)> {
    let alone = |what: String| Some((None, what));
    match output {
        Output::Reply(_, applied) => alone(format!("answers a sync, with all up to {applied:?} applied")),
        Output::CloseClient(_) => None,
        Output::Elect(to, vote) => Some((Some(*to), notification(vote))),
        Output::Dial(to) => alone(format!("dials {to}")),
        Output::Send(link, p) => Some((Some(link.server), packet(p))),
        Output::Hangup(link, reason) => alone(format!("hangs up on {}: {reason:?}", link.server)),
        Output::Append(_, zxid, txn) => alone(format!("disk: {}", operation(&DiskOp::Append(*zxid, *txn)))),
        Output::Truncate(_, zxid) => alone(format!("disk: {}", operation(&DiskOp::Truncate(*zxid)))),
        Output::InstallSnapshot(_, zxid, s) => {
            alone(format!("disk: {}", operation(&DiskOp::Install(*zxid, s.clone()))))
        }
        Output::SaveAcceptedEpoch(_, epoch) => {
            alone(format!("disk: {}", operation(&DiskOp::Accepted(*epoch))))
        }
        Output::SaveCurrentEpoch(_, epoch) => alone(format!("disk: {}", operation(&DiskOp::Current(*epoch)))),
        Output::TakeSnapshot(zxid, _) => alone(format!("begins a snapshot at {zxid:?}")),
        Output::SetAlarm(..) | Output::CancelAlarm(_) => None,
    }
}

fn changes(before: &View, after: &View) -> Vec<String> {
    let mut lines = Vec::new();
    if role(&before.status) != role(&after.status) {
        lines.push(format!("is {}", role(&after.status)));
    }
    if after.applied.starts_with(&before.applied) {
        if after.applied.len() > before.applied.len() {
            lines.push(format!("applies {}", list(&after.applied[before.applied.len()..])));
        }
    } else {
        lines.push(format!("takes the state {}", list(&after.applied)));
    }
    match (before.serving, after.serving) {
        (false, true) => lines.push("serves clients".to_owned()),
        (true, false) => lines.push("serves nobody".to_owned()),
        _ => {}
    }
    lines
}

fn role(status: &Status) -> String {
    let phase = match status.zab {
        ZabState::Election => return state(status.state).to_owned(),
        ZabState::Discovery => "discovery",
        ZabState::Synchronization => "synchronisation",
        ZabState::Broadcast => "broadcast",
    };
    match (status.state, status.leader) {
        (ServerState::Following | ServerState::Observing, Some(leader)) => {
            format!("{} {leader}, {phase}", state(status.state))
        }
        _ => format!("{}, {phase}", state(status.state)),
    }
}

fn state(state: ServerState) -> &'static str {
    match state {
        ServerState::Looking => "LOOKING",
        ServerState::Following => "FOLLOWING",
        ServerState::Leading => "LEADING",
        ServerState::Observing => "OBSERVING",
    }
}

fn list(transactions: &[(Zxid, Byte)]) -> String {
    if transactions.is_empty() {
        return "nothing".to_owned();
    }
    let all: Vec<String> = transactions.iter().map(|(zxid, txn)| transaction(*zxid, *txn)).collect();
    all.join(" ")
}

fn transaction(zxid: Zxid, txn: Byte) -> String {
    format!("{zxid:?}={txn}")
}

//! Stories of ensembles: one beat for each call of core's `step`, and one for each fault.

use std::panic::{AssertUnwindSafe, catch_unwind};

use quorate_core::election::ServerState;
use quorate_core::{Input, Output};

use super::{Channel, Kind, Look, Teller};
use crate::byte::Byte;
use crate::words;
use crate::world::{Action, End, Event, Side, View, World};

/// The channel of votes between two servers; the quorum port's are numbered by generation.
const VOTES: u32 = u32::MAX;

/// The servers as columns.
pub(crate) fn teller(world: &World) -> Teller {
    let voter = |i: usize| {
        let config = world.config(i);
        if config.membership.is_voter(config.id) { "server" } else { "observer" }
    };
    let lanes = (0..world.servers().count()).map(|i| format!("{} {}", voter(i), i + 1)).collect();
    let looks = world.servers().map(|s| s.view().map_or(Look::Down, |view| look(&view))).collect();
    Teller::new(lanes, looks, words::rest(world))
}

/// An action that is possible in this world, in words.
pub(crate) fn headline(world: &World, action: &Action) -> String {
    match *action {
        Action::Deliver(c, side) => {
            let connection = &world.connections()[c];
            let (from, to) = connection.between(side);
            let packet = connection.queue(side).front().map_or_else(String::new, words::packet);
            format!("{} reads from {}: {packet}", to + 1, from + 1)
        }
        Action::Down(c, side) => {
            let (from, to) = world.connections()[c].between(side);
            format!("{} sees that its connection to {} is down", to + 1, from + 1)
        }
        Action::Vote { from, to } => {
            let heard = world.vote_under_way(from, to).map_or_else(String::new, words::notification);
            format!("{} hears {}: {heard}", to + 1, from + 1)
        }
        Action::Sync(i) => {
            let op = world.servers().nth(i).and_then(|s| s.disk.pending.front());
            format!("{} has on disk: {}", i + 1, op.map_or_else(String::new, words::operation))
        }
        Action::Submit(i) => {
            format!("{} is asked by a client for {}", i + 1, Byte::nth(world.budget().txns))
        }
        Action::Crash(i, _) => format!("{} dies", i + 1),
        Action::Cut(c) => {
            let connection = &world.connections()[c];
            format!("the connection between {} and {} breaks", connection.learner + 1, connection.leader + 1)
        }
        _ => action.to_string(),
    }
}

/// Tell an action that is possible in this world.
pub(crate) fn tell(teller: &mut Teller, before: &World, action: &Action) {
    teller.step(headline(before, action));
    let done = match *action {
        Action::Sync(i) => before.servers().nth(i).and_then(|s| s.disk.pending.front().cloned()),
        _ => None,
    };
    match *action {
        Action::Crash(i, kept) => {
            let lines = words::death(before, i, kept);
            let notes = lines.iter().map(|l| l.trim_start().to_owned()).filter(|l| !l.starts_with("lost"));
            let notes = notes.collect();
            teller.beat(i, Kind::Fault, lines, notes);
            teller.look(Look::Down);
        }
        Action::Cut(c) => {
            let connection = &before.connections()[c];
            let mut lines = vec![headline(before, action)];
            let pair = |o: &crate::world::Connection| (o.learner, o.leader, o.generation);
            let lost = words::under_way(before, |o| pair(o) == pair(connection));
            lines.extend(lost.into_iter().map(|what| format!("    lost: {what}")));
            teller.beat(connection.learner, Kind::Fault, lines, vec![headline(before, action)]);
        }
        _ => {}
    }
    let mut world = before.clone();
    world.take_trace();
    let whole = catch_unwind(AssertUnwindSafe(|| world.act(action))).is_ok();
    for step in world.take_trace() {
        event(teller, &step, done.as_ref());
    }
    if whole {
        // Answers to servers that are down are no messages.
        let n = world.servers().count();
        for (from, to) in (0..n * n).map(|slot| (slot / n, slot % n)) {
            if world.vote_under_way(from, to).is_none() {
                teller.drop_all((from, to, VOTES));
            }
        }
        teller.lose(|channel| left(&world, channel));
    }
}

/// How many messages are under way on a channel.
fn left(world: &World, (from, to, generation): Channel) -> usize {
    if generation == VOTES {
        return usize::from(world.vote_under_way(from, to).is_some());
    }
    let ends = world.connections().iter().filter(|c| c.generation == generation);
    let ends = ends.flat_map(|c| [(c, Side::Learner), (c, Side::Leader)]);
    let mine = ends.filter(|(c, side)| c.between(*side) == (from, to) && c.end(*side) != End::Closed);
    mine.map(|(c, side)| c.queue(side).len()).sum()
}

/// One call of `step`.
fn event(teller: &mut Teller, event: &Event, done: Option<&crate::world::DiskOp>) {
    let lines = words::event(event, done);
    let me = event.server;
    let before = look(&event.before);
    if lines.is_empty() && before == look(&event.after) && !sends(event) {
        return;
    }
    let kind = if matches!(event.input, Input::Done(_)) { Kind::Disk } else { Kind::Does };
    let read = match &event.input {
        Input::Packet(link, packet) => Some((link.server.0, link.generation, words::packet(packet))),
        Input::Notification(from, heard) => Some((from.0, VOTES, words::notification(heard))),
        _ => None,
    };
    // The diagram says in an arrow what is read and sent, and in words the rest.
    let head = lines.first().filter(|_| read.is_none()).map(|l| l.trim_start_matches(char::is_numeric));
    let did = lines.iter().skip(1).map(|l| l.trim_start()).filter(|l| !l.starts_with('→'));
    let notes = head.map(str::trim_start).into_iter().chain(did).map(str::to_owned).collect();
    teller.beat(me, kind, lines, notes);
    teller.look(look(&event.after));
    if let Some((from, generation, what)) = read {
        teller.read((from as usize - 1, me, generation), what);
    }
    for output in &event.outputs {
        match output {
            Output::Send(link, packet) => {
                teller.send((me, link.server.0 as usize - 1, link.generation), words::packet(packet));
            }
            Output::Elect(to, vote) => {
                let channel = (me, to.0 as usize - 1, VOTES);
                teller.drop_all(channel);
                teller.send(channel, words::notification(vote));
            }
            _ => {}
        }
    }
}

fn sends(event: &Event) -> bool {
    event.outputs.iter().any(|o| matches!(o, Output::Send(..) | Output::Elect(..)))
}

fn look(view: &View) -> Look {
    match view.status.state {
        ServerState::Looking => Look::Looking,
        ServerState::Following | ServerState::Observing => Look::Following,
        ServerState::Leading => Look::Leading,
    }
}

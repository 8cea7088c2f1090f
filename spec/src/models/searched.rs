//! An ensemble as searches, stories and explorers see it.

use crate::liveness::Progress;
use crate::search::{Broken, Subject};
use crate::story::{Teller, ensemble};
use crate::transcript::Unwritable;
use crate::world::{Action, World};
use crate::{liveness, transcript, words};

use super::ensemble::{Ensemble, Goal};

impl Subject for Ensemble {
    fn key(&self, world: &World) -> u64 {
        world.fingerprint()
    }

    fn packed_len(&self, world: &World) -> usize {
        world.packed_len()
    }

    fn broken(&self, world: &World) -> Option<Broken> {
        Ensemble::broken(self, world).map(Broken::Invariant)
    }

    fn all_broken(&self, world: &World, all: &mut Vec<Broken>) {
        all.extend(self.invariants.iter().filter(|i| !(i.holds)(self, world)).map(Broken::Invariant));
    }

    fn claims(&self) -> Vec<&'static str> {
        self.invariants.iter().map(|i| i.name).collect()
    }

    fn reaches(&self) -> Vec<&'static str> {
        self.sometimes.iter().map(|r| r.name).collect()
    }

    fn reached(&self, name: &str, world: &World) -> bool {
        self.sometimes.iter().any(|r| r.name == name && (r.reached)(world))
    }

    fn may_end(&self, world: &World) -> bool {
        (self.terminal)(world)
    }

    fn show(&self, world: &World) -> String {
        world.to_string()
    }

    fn rest(&self, world: &World) -> Vec<String> {
        words::rest(world)
    }

    fn headline(&self, world: &World, action: &Action) -> String {
        ensemble::headline(world, action)
    }

    fn teller(&self, world: &World) -> Teller {
        ensemble::teller(world)
    }

    fn tell(&self, teller: &mut Teller, before: &World, action: &Action) {
        ensemble::tell(teller, before, action);
    }

    fn transcript(&self, title: &str, path: &[usize]) -> Option<Result<String, Unwritable>> {
        Some(transcript::write(self, title, path))
    }

    fn progress(&self) -> Option<Progress> {
        Some(match self.goal? {
            Goal::Possible(reached) => liveness::possible(self, reached),
            Goal::Inevitable(reached) => liveness::progress(self, reached, |_| true),
        })
    }
}

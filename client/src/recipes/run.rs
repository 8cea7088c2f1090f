//! Runs a machine over a client: what it asks for is asked, what happens is told.

use tokio::sync::mpsc;

use super::machine::{Input, Machine, Output};
use crate::client::{Answer, Change, Client, Watch, WatchLost};
use crate::session::{End, Outcome, Refusal};

/// Run until the machine wants nothing any more and `stop` is closed. What is told goes to `tell`, which says
/// whether the machine is over.
pub(super) async fn run<M: Machine>(
    client: Client,
    mut machine: M,
    mut stop: mpsc::Receiver<()>,
    mut tell: impl FnMut(M::Told) -> bool,
) {
    let mut states = client.states();
    let mut out = Vec::new();
    let mut asked: Option<(Answer<Outcome>, Option<Watch>)> = None;
    let mut watch: Option<Watch> = None;
    let (mut stopped, mut over) = (false, false);
    machine.step(Input::Session(client.state()), &mut out);
    machine.step(Input::Start, &mut out);
    loop {
        for output in out.drain(..) {
            match output {
                Output::Ask(request) => asked = Some(client.ask(request)),
                Output::Tell(told) => over |= tell(told),
            }
        }
        if over {
            return;
        }
        let input = tokio::select! {
            // An outcome comes before the event of the watch that it has set.
            biased;
            outcome = answered(&mut asked) => {
                let new = asked.take().and_then(|(_, watch)| watch);
                watch = new.or(watch);
                Input::Outcome(outcome)
            }
            change = fired(&mut watch) => {
                watch = None;
                match change {
                    Ok(change) => Input::Event { event: change.event, path: change.path },
                    // The session is over, as its state says.
                    Err(_) => continue,
                }
            }
            Some(state) = states.next() => Input::Session(state),
            _ = stop.recv(), if !stopped => {
                stopped = true;
                Input::Stop
            }
        };
        machine.step(input, &mut out);
    }
}

async fn answered(asked: &mut Option<(Answer<Outcome>, Option<Watch>)>) -> Outcome {
    match asked {
        None => std::future::pending().await,
        // A client whose task has ended has no session.
        Some((answer, _)) => answer.await.unwrap_or(Outcome::Refused(Refusal::Over(End::Closed))),
    }
}

async fn fired(watch: &mut Option<Watch>) -> Result<Change, WatchLost> {
    match watch {
        None => std::future::pending().await,
        Some(watch) => watch.await,
    }
}

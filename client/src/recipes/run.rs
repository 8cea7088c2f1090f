//! Runs a machine over a client: what it asks for is asked, what happens is told.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use tokio::sync::mpsc;

use super::machine::{Input, Machine, Output};
use crate::client::{Answer, Change, Client, Ears};
use crate::error::Error;
use crate::session::{End, Outcome, Refusal};

/// What was asked last, and what listens to the watches.
#[derive(Default)]
struct Waiting {
    asked: Option<(Answer<Outcome>, Option<Ears>)>,
    ears: Option<Ears>,
    /// An event that came, perhaps behind an outcome.
    event: Option<Change>,
}

/// Run until the machine is over, as `tell` says when it is told so. What comes from `user` is an input; that
/// nothing more can come is [`Input::Stop`].
pub(super) async fn run<M: Machine>(
    client: Client,
    mut machine: M,
    mut user: mpsc::Receiver<Input>,
    mut tell: impl FnMut(M::Told) -> bool,
) {
    let mut states = client.states();
    let mut waiting = Waiting::default();
    let (mut out, mut stopped, mut over) = (Vec::new(), false, false);
    machine.step(Input::Session(client.state()), &mut out);
    machine.step(Input::Start, &mut out);
    loop {
        for output in out.drain(..) {
            match output {
                Output::Ask(request) => waiting.asked = Some(client.ask(request)),
                Output::Tell(told) => over |= tell(told),
            }
        }
        if over {
            return;
        }
        let input = tokio::select! {
            biased;
            input = waiting.next() => input,
            Some(state) = states.next() => Input::Session(state),
            input = user.recv(), if !stopped => {
                stopped = input.is_none();
                input.unwrap_or(Input::Stop)
            }
        };
        machine.step(input, &mut out);
    }
}

impl Waiting {
    /// The next outcome or event, in the order of the connection. An outcome that was there before an event
    /// is taken first.
    async fn next(&mut self) -> Input {
        loop {
            if self.event.is_none() {
                let (asked, ears) = (&mut self.asked, &mut self.ears);
                tokio::select! {
                    biased;
                    outcome = answered(asked) => return self.take(outcome),
                    change = heard(ears) => {
                        // A watch that fires once has fired. Without a change the session is over, as its
                        // state says.
                        if change.is_none() || matches!(self.ears, Some(Ears::Once(_))) {
                            self.ears = None;
                        }
                        self.event = change;
                    }
                }
            } else if let Some(outcome) = poll_now(&mut self.asked).await {
                return self.take(outcome);
            } else if let Some(change) = self.event.take() {
                return Input::Event { event: change.event, path: change.path };
            }
        }
    }

    fn take(&mut self, outcome: Outcome) -> Input {
        if let Some((_, Some(ears))) = self.asked.take() {
            self.ears = Some(ears);
        }
        Input::Outcome(outcome)
    }
}

/// A client whose task has ended has no session.
fn outcome(answer: Result<Outcome, Error>) -> Outcome {
    answer.unwrap_or(Outcome::Refused(Refusal::Over(End::Closed)))
}

async fn answered(asked: &mut Option<(Answer<Outcome>, Option<Ears>)>) -> Outcome {
    match asked {
        None => std::future::pending().await,
        Some((answer, _)) => outcome(answer.await),
    }
}

/// The outcome, if it is there already.
async fn poll_now(asked: &mut Option<(Answer<Outcome>, Option<Ears>)>) -> Option<Outcome> {
    let (answer, _) = asked.as_mut()?;
    poll_fn(|cx| match Pin::new(&mut *answer).poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(outcome(answer))),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

async fn heard(ears: &mut Option<Ears>) -> Option<Change> {
    match ears {
        None => std::future::pending().await,
        Some(ears) => ears.next().await,
    }
}

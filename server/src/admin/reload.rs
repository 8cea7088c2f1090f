//! Reading the configuration again: on a thread of its own, so that the loop does not wait for a file.

use std::sync::Arc;
use std::thread;

use tokio::sync::oneshot;
use tracing::{error, info, warn};

use super::desk::{Bell, Question};
use crate::config::{Changes, ConfigErrors, Reloader};

/// What is needed to read the configuration again.
#[derive(Clone)]
pub(crate) struct Reload(Arc<Reloader>);

impl Reload {
    /// With this reader.
    pub(crate) fn new(reloader: Reloader) -> Reload {
        Reload(Arc::new(reloader))
    }

    /// Begin to read. The loop is told by a question when that is done.
    pub(crate) fn begin(&self, bell: &Bell) {
        let (reload, bell) = (self.clone(), bell.clone());
        let run = move || {
            if let Ok(changes) = reload.read() {
                let (reply, _) = oneshot::channel();
                bell.ask(Question::Follow(Box::new(changes), reply));
            }
        };
        if let Err(why) = thread::Builder::new().name("reload".into()).spawn(run) {
            error!("the configuration is not read again: starting a thread: {why}");
        }
    }

    /// Read, and say in the log what came of it.
    ///
    /// # Errors
    /// What is wrong with the file. Nothing changes.
    pub(crate) fn read(&self) -> Result<Changes, ConfigErrors> {
        match self.0.read() {
            Ok(changes) => {
                changes.warnings.iter().for_each(|warning| warn!("{warning}"));
                info!("{}", changes.summary());
                Ok(changes)
            }
            Err(errors) => {
                error!("the configuration is not read again, nothing changes: {errors}");
                Err(errors)
            }
        }
    }
}

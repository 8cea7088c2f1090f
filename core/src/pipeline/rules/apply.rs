//! What a committed transaction does on every server.

use crate::mutation::mutated;
use crate::pipeline::settings::Settings;
use crate::wire::txn::TxnBody;

/// Never in a shipped build: watchers are told of a transaction after its client is answered.
#[inline]
pub(in crate::pipeline) fn events_follow_reply(settings: &Settings) -> bool {
    mutated!(settings, EventAfterReply)
}

/// The part of a multi that failed when the transaction was prepared: because of it, no part does anything.
#[inline]
pub(in crate::pipeline) fn failed_part(settings: &Settings, parts: &[TxnBody]) -> Option<usize> {
    if mutated!(settings, MultiAppliesPartly) || mutated!(settings, MultiStopsAtFailure) {
        return None;
    }
    parts.iter().position(|part| matches!(part, TxnBody::Error(_)))
}

/// Always in a shipped build: the end of a session deletes the znodes that the transaction names.
#[inline]
pub(in crate::pipeline) fn end_deletes_ephemerals(settings: &Settings) -> bool {
    !mutated!(settings, EphemeralsOutliveSession)
}

/// Always in a shipped build: the end of a session deletes what the transaction does not name, too. One that
/// would be too long names nothing.
#[inline]
pub(in crate::pipeline) fn end_deletes_what_is_left(settings: &Settings) -> bool {
    !mutated!(settings, NamelessEndDeletesNothing)
}

/// Always in a shipped build: the leader forgets a session that has ended.
#[inline]
pub(in crate::pipeline) fn end_is_noted(settings: &Settings) -> bool {
    !mutated!(settings, EndedSessionTracked)
}

/// Always in a shipped build: the connection that still speaks for a session is closed when the session ends.
#[inline]
pub(in crate::pipeline) fn end_closes_connection(settings: &Settings) -> bool {
    !mutated!(settings, EndedSessionKeepsConnection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ServerId;

    #[test]
    fn one_part_that_failed_keeps_all_from_being_applied() {
        let settings = Settings::new(ServerId(1), 2000);
        let (deletes, failed) = (TxnBody::Delete("/a".into()), TxnBody::Error(-101));
        assert_eq!(failed_part(&settings, &[deletes.clone(), failed, deletes.clone()]), Some(1));
        assert_eq!(failed_part(&settings, &[deletes]), None);
    }
}

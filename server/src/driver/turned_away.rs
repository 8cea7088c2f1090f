//! Why a client was closed instead of being given a session: the protocol has no word for it.

use bytes::Bytes;
use quorate_core::ids::{ConnId, Zxid};
use quorate_core::pipeline::{ClientEvent, ClientTxn};
use quorate_core::wire::client::ConnectRequest;
use quorate_core::wire::jute::Jute;
use quorate_core::{Input, QuorumPeer};

/// If this is a client that asks for a session: which, and why this server would close it without an
/// answer. A server without a leader closes all of them, which is not said of each.
pub(super) fn reason(input: &Input<ClientTxn>, peer: &QuorumPeer<ClientTxn>) -> Option<(ConnId, String)> {
    match input {
        Input::Client(conn, ClientEvent::Connect { frame, .. }) => {
            why(frame, peer.status().applied).map(|why| (*conn, why))
        }
        _ => None,
    }
}

fn why(frame: &Bytes, applied: Zxid) -> Option<String> {
    match ConnectRequest::from_bytes(frame) {
        Err(why) => Some(format!("does not begin with a request for a session: {why}")),
        Ok(request) => {
            let seen = u64::try_from(request.last_zxid_seen).ok().filter(|seen| *seen > applied.0)?;
            Some(format!(
                "is turned away: it has seen transaction {}, and this server has come to {applied}",
                Zxid(seen)
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_core::ids::SessionId;

    fn asked(last_zxid_seen: i64) -> Bytes {
        let request = ConnectRequest {
            protocol_version: 0,
            last_zxid_seen,
            timeout_ms: 1000,
            session: SessionId(0),
            password: None,
            read_only: Some(false),
        };
        request.to_bytes().into()
    }

    #[test]
    fn a_client_from_the_future_is_told_apart() {
        let applied = Zxid::new(1, 5);
        assert_eq!(why(&asked(0), applied), None);
        assert_eq!(why(&asked(-1), applied), None);
        assert_eq!(why(&asked(applied.0 as i64), applied), None);
        let said = why(&asked(applied.0 as i64 + 1), applied).unwrap();
        assert!(said.contains("0x100000006") && said.contains("0x100000005"), "{said}");
        assert!(why(&Bytes::from_static(b"nonsense"), applied).unwrap().contains("request for a session"));
    }
}

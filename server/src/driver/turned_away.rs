//! Why a client was closed instead of being given a session: the protocol has no word for it.

use bytes::Bytes;
use quorate_core::ids::{ConnId, Zxid};
use quorate_core::pipeline::{ClientEvent, ClientTxn, TreeService};
use quorate_core::wire::client::ConnectRequest;
use quorate_core::wire::jute::Jute;
use quorate_core::{Input, QuorumPeer};

/// If this is a client that asks for a session: which, and why this server would close it without an
/// answer. A server without a leader closes all of them, which is not said of each.
pub(super) fn reason(input: &Input<ClientTxn>, peer: &QuorumPeer<ClientTxn>) -> Option<(ConnId, String)> {
    match input {
        Input::Client(conn, ClientEvent::Connect { frame, .. }) => {
            why(frame, peer.service()).map(|why| (*conn, why))
        }
        _ => None,
    }
}

fn why(frame: &Bytes, service: &TreeService) -> Option<String> {
    match ConnectRequest::from_bytes(frame) {
        Err(why) => Some(format!("does not begin with a request for a session: {why}")),
        Ok(request) => service.is_behind(request.last_zxid_seen).then(|| {
            format!(
                "is turned away: it has seen transaction {}, and this server has come to {}",
                Zxid(request.last_zxid_seen.unsigned_abs()),
                service.status().applied
            )
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate_core::ids::{Now, ServerId, SessionId};
    use quorate_core::payload::{Service, ServingRole};
    use quorate_core::pipeline::Settings;

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
        let mut service = TreeService::new(&Settings::new(ServerId(1), 2000), None);
        service.serve(Now::default(), ServingRole::Learner, applied, &mut Vec::new());
        assert_eq!(why(&asked(0), &service), None);
        assert_eq!(why(&asked(-1), &service), None);
        assert_eq!(why(&asked(applied.0 as i64), &service), None);
        let said = why(&asked(applied.0 as i64 + 1), &service).unwrap();
        assert!(said.contains("0x100000006") && said.contains("0x100000005"), "{said}");
        assert!(why(&Bytes::from_static(b"nonsense"), &service).unwrap().contains("request for a session"));
    }
}

//! Znodes through another project's client: kinds, numbers, versions, errors, multi.

use quorate_core::wire::client::{self, CreateRequest, Request};
use quorate_core::wire::record::Acl;
use zookeeper_client::{Acls, Client, CreateMode, CreateOptions, Error};

use crate::harness::{Ensemble, Setup, run};

const OPEN: CreateOptions<'static> = CreateMode::Persistent.with_acls(Acls::anyone_all());

fn with(mode: CreateMode) -> CreateOptions<'static> {
    mode.with_acls(Acls::anyone_all())
}

async fn connect(ensemble: &Ensemble) -> Client {
    Client::connect(&ensemble.cluster(&ensemble.ids())).await.expect("a session")
}

#[test]
fn four_kinds_and_their_numbers() {
    let ensemble = Setup::voters(3).start();
    run(async {
        let client = connect(&ensemble).await;
        client.create("/kinds", b"", &OPEN).await.unwrap();
        let (stat, sequence) = client.create("/kinds/p", b"data", &OPEN).await.unwrap();
        assert_eq!((stat.ephemeral_owner, stat.version, stat.data_length), (0, 0, 4));
        assert_eq!(sequence.into_i64(), -1);
        let (stat, _) = client.create("/kinds/e", b"", &with(CreateMode::Ephemeral)).await.unwrap();
        assert_eq!(stat.ephemeral_owner, client.session_id().0);
        // The number counts the children made before, whatever their kind.
        let (stat, sequence) =
            client.create("/kinds/ps-", b"", &with(CreateMode::PersistentSequential)).await.unwrap();
        assert_eq!((stat.ephemeral_owner, sequence.to_string().as_str()), (0, "0000000002"));
        let (stat, sequence) =
            client.create("/kinds/es-", b"", &with(CreateMode::EphemeralSequential)).await.unwrap();
        assert_eq!(
            (stat.ephemeral_owner, sequence.to_string().as_str()),
            (client.session_id().0, "0000000003")
        );
        // Deleting does not give a number back.
        client.delete("/kinds/es-0000000003", None).await.unwrap();
        let (_, sequence) =
            client.create("/kinds/ps-", b"", &with(CreateMode::PersistentSequential)).await.unwrap();
        assert_eq!(sequence.into_i64(), 4);
        let mut children = client.list_children("/kinds").await.unwrap();
        children.sort();
        assert_eq!(children, ["e", "p", "ps-0000000002", "ps-0000000004"]);
        let error = client.create("/kinds/e/child", b"", &OPEN).await.unwrap_err();
        assert_eq!(error, Error::NoChildrenForEphemerals);
    });
}

/// The operation decides, as in ZooKeeper, whichever server is asked.
#[test]
fn creates_with_the_flags_of_another_operation() {
    let ensemble = Setup::voters(3).start();
    for id in ensemble.ids() {
        let mut client = ensemble.connect(id);
        let new = |name: &str, flags| CreateRequest {
            path: format!("/{name}{id}"),
            data: None,
            acl: vec![Acl::open()],
            flags,
        };
        for (request, path) in [
            (Request::Create(new("plain", 4)), format!("/plain{id}")),
            (Request::Create2(new("plain-too", 4)), format!("/plain-too{id}")),
            (Request::CreateContainer(new("container", 1)), format!("/container{id}")),
        ] {
            client.call(&request).unwrap();
            let stat = client.exists(&path, false).unwrap().expect("it is there");
            assert_eq!(stat.ephemeral_owner, 0, "{path}");
            client.create(&format!("{path}/child"), b"", client::CreateMode::Persistent).unwrap();
        }
        client.close().unwrap();
    }
    // Containers did not go with the sessions, and no server has another tree than was predicted.
    for id in ensemble.ids() {
        let mut client = ensemble.connect(id);
        client.sync().unwrap();
        assert!(client.exists(&format!("/container{id}"), false).unwrap().is_some(), "server {id}");
    }
}

#[test]
fn versions_and_errors() {
    let ensemble = Setup::voters(3).start();
    run(async {
        let client = connect(&ensemble).await;
        assert_eq!(client.get_data("/v").await.unwrap_err(), Error::NoNode);
        assert_eq!(client.create("/v/w", b"", &OPEN).await.unwrap_err(), Error::NoNode);
        client.create("/v", b"0", &OPEN).await.unwrap();
        assert_eq!(client.create("/v", b"", &OPEN).await.unwrap_err(), Error::NodeExists);
        let stat = client.set_data("/v", b"1", Some(0)).await.unwrap();
        assert_eq!(stat.version, 1);
        assert_eq!(client.set_data("/v", b"2", Some(0)).await.unwrap_err(), Error::BadVersion);
        let stat = client.set_data("/v", b"3", None).await.unwrap();
        assert_eq!(stat.version, 2);
        assert_eq!(client.get_data("/v").await.unwrap().0, b"3");
        client.create("/v/child", b"", &OPEN).await.unwrap();
        let stat = client.check_stat("/v").await.unwrap().unwrap();
        assert_eq!((stat.version, stat.cversion, stat.num_children), (2, 1, 1));
        assert_eq!(client.delete("/v", Some(2)).await.unwrap_err(), Error::NotEmpty);
        client.delete("/v/child", Some(0)).await.unwrap();
        assert_eq!(client.delete("/v", Some(1)).await.unwrap_err(), Error::BadVersion);
        client.delete("/v", Some(2)).await.unwrap();
        assert_eq!(client.check_stat("/v").await.unwrap(), None);
        assert_eq!(client.delete("/v", None).await.unwrap_err(), Error::NoNode);
    });
}

#[test]
fn a_multi_is_all_or_nothing() {
    let ensemble = Setup::voters(3).start();
    run(async {
        let client = connect(&ensemble).await;
        let mut multi = client.new_multi_writer();
        multi.add_create("/m", b"", &OPEN).unwrap();
        multi.add_create("/m/a", b"1", &OPEN).unwrap();
        multi.add_set_data("/m/a", b"2", Some(0)).unwrap();
        assert_eq!(multi.commit().await.unwrap().len(), 3);
        assert_eq!(client.get_data("/m/a").await.unwrap().0, b"2");
        let mut multi = client.new_multi_writer();
        multi.add_delete("/m/a", None).unwrap();
        multi.add_check_version("/m", 7).unwrap();
        multi.commit().await.unwrap_err();
        assert_eq!(client.get_data("/m/a").await.unwrap().0, b"2");
    });
}

#[test]
fn an_acl_keeps_others_out() {
    let ensemble = Setup::voters(3).start();
    run(async {
        let owner = connect(&ensemble).await;
        owner.auth("digest", b"owner:secret").await.unwrap();
        let mine = CreateMode::Persistent.with_acls(Acls::creator_all());
        owner.create("/mine", b"secret", &mine).await.unwrap();
        assert_eq!(owner.get_data("/mine").await.unwrap().0, b"secret");
        let other = connect(&ensemble).await;
        // The other's server may not have heard of the znode.
        other.sync("/mine").await.unwrap();
        assert_eq!(other.get_data("/mine").await.unwrap_err(), Error::NoAuth);
        assert_eq!(other.set_data("/mine", b"", None).await.unwrap_err(), Error::NoAuth);
        other.auth("digest", b"owner:secret").await.unwrap();
        assert_eq!(other.get_data("/mine").await.unwrap().0, b"secret");
    });
}

//! What `quorate shell` does with whole subtrees: looks at them, copies, moves, exports and imports them.

use quorate_client::{Acl, Client, perms};
use serde_json::json;

use crate::harness::{Ensemble, Setup, run, shell, shell_with};

fn standalone() -> (Ensemble, u16) {
    let ensemble = Setup::voters(1).line("extendedTypesEnabled=true").start();
    let port = ensemble.server(1).client;
    (ensemble, port)
}

/// A subtree with everything that can be carried: data of all kinds, ACLs.
async fn make(port: u16) -> Client {
    let client = Client::connect(&format!("127.0.0.1:{port}")).await.unwrap();
    let acl = vec![Acl::open(), Acl::new(perms::READ, "digest", "a:b")];
    client.create("/from").data("top").await.unwrap();
    client.create("/from/text").data("a\n\"b\"").acl(acl).await.unwrap();
    client.create("/from/bytes").data(vec![0xff, 0]).await.unwrap();
    client.create("/from/box").await.unwrap();
    client.create("/from/box/in").data("x".repeat(100)).await.unwrap();
    client.create("/from/ttl").data("").await.unwrap();
    client
}

/// Every znode below a path: its path below, data, ACL and owner.
async fn contents(client: &Client, top: &str) -> Vec<(String, Vec<u8>, Vec<Acl>, i64)> {
    let (mut found, mut waiting) = (Vec::new(), vec![top.to_owned()]);
    while let Some(path) = waiting.pop() {
        let (node, acl) = (client.get(&*path).await.unwrap(), client.acl(&*path).await.unwrap().0);
        let below = path[top.len()..].to_owned();
        found.push((below, node.data.to_vec(), acl, node.stat.ephemeral_owner));
        let children = client.children(&*path).await.unwrap().names;
        waiting.extend(children.into_iter().map(|name| format!("{path}/{name}")));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn what_is_carried_is_the_same_there() {
    let (_ensemble, port) = standalone();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("export.jsonl");
    let file = file.to_str().unwrap();
    run(async {
        let client = make(port).await;
        let before = contents(&client, "/from").await;
        assert_eq!(before.len(), 6);

        let dry = shell(port, &["cp", "--dry-run", "/from", "/copy"]);
        assert!(dry.lines().contains(&"would create /copy/text (5 bytes)"), "{dry:?}");
        assert_eq!(client.exists("/copy").await.unwrap(), None);
        assert_eq!(shell(port, &["cp", "/from", "/copy"]).lines(), ["copied 6 znodes from /from to /copy"]);
        assert_eq!(contents(&client, "/copy").await, before);

        assert_eq!(shell(port, &["export", "/from", file]).lines(), [format!("exported 6 znodes to {file}")]);
        assert_eq!(shell(port, &["import", "/new", file]).lines(), ["imported 6 znodes to /new"]);
        assert_eq!(contents(&client, "/new").await, before);
        assert_eq!(shell(port, &["export", "/from", file]).code, Some(1), "a file is not replaced");
        let exported = shell_with(port, &["--json"], &["export", "/from"], &[], b"");
        let lines: Vec<_> = exported.out.lines().filter(|line| !line.contains("\"event\"")).collect();
        let imported =
            shell_with(port, &[], &["import", "/piped"], &[], (lines.join("\n") + "\n").as_bytes());
        assert_eq!(imported.lines(), ["imported 6 znodes to /piped"]);
        assert_eq!(contents(&client, "/piped").await, before);

        assert_eq!(shell(port, &["mv", "/new", "/moved"]).lines(), ["moved 6 znodes from /new to /moved"]);
        assert_eq!(contents(&client, "/moved").await, before);
        assert_eq!(client.exists("/new").await.unwrap(), None);
        client.close().await;
    });
}

#[test]
fn what_is_there_is_not_replaced_unless_that_is_asked_for() {
    let (_ensemble, port) = standalone();
    run(async {
        let client = make(port).await;
        client.create("/to").data("mine").await.unwrap();
        client.create("/to/text").await.unwrap();
        let refused = shell(port, &["cp", "/from", "/to"]);
        assert_eq!(
            (refused.code, refused.err.as_str()),
            (Some(1), "Node already exists: /to; -f replaces what exists\n")
        );
        assert_eq!(client.get("/to").await.unwrap().data, "mine");
        assert_eq!(client.children("/to").await.unwrap().names, ["text"]);
        assert_eq!(shell(port, &["cp", "-f", "/from", "/to"]).code, Some(0));
        let (there, here) = (contents(&client, "/to").await, contents(&client, "/from").await);
        assert_eq!(there, here);

        client.create("/from/eph").ephemeral().await.unwrap();
        let left_out = shell(port, &["cp", "/from", "/other"]);
        assert_eq!(left_out.err, "/from/eph is ephemeral: it is left out\n");
        assert_eq!(client.exists("/other/eph").await.unwrap(), None);
        for command in [&["cp", "/from/eph", "/x"][..], &["export", "/from/eph"]] {
            assert!(
                shell(port, command).err.starts_with("/from/eph is ephemeral: it cannot be"),
                "{command:?}"
            );
        }
        for command in [
            &["mv", "/from", "/x"][..],
            &["cp", "/from", "/from/in"],
            &["mv", "/none", "/x"],
            &["mv", "/", "/x"],
        ] {
            assert_eq!(shell(port, command).code, Some(1), "{command:?}");
        }
        assert_eq!(client.exists("/x").await.unwrap(), None);
        client.close().await;
    });
}

#[test]
fn a_broken_export_is_refused_before_anything_is_written() {
    let (_ensemble, port) = standalone();
    let head = r#"{"quorate-export":1,"from":"/a","znodes":2}"#;
    let top = r#"{"path":"","acl":[{"scheme":"world","id":"anyone","perms":"r"}]}"#;
    for (text, why) in [
        ("", "standard input: no export"),
        (&format!("{head}\n{top}\n"), "1 znodes, its first line says 2"),
        (&format!("{head}\n{top}\nnonsense\n"), "standard input, line 3:"),
    ] {
        let said = shell_with(port, &[], &["import", "/a"], &[], text.as_bytes());
        assert!(said.code == Some(1) && said.err.contains(why), "{said:?}");
    }
    assert_eq!(shell(port, &["ls", "/"]).lines(), ["[zookeeper]"]);
}

#[test]
fn a_subtree_is_drawn_searched_and_measured() {
    let (_ensemble, port) = standalone();
    run(async {
        let client = make(port).await;
        let eph = client.create("/from/box/eph").data("find me").ephemeral().await.unwrap();
        let tree = shell(port, &["tree", "/from"]);
        let session = format!("│   ├── eph  (ephemeral, session 0x{:x})", eph.stat.ephemeral_owner);
        let expected = ["/from", "├── box", &session, "│   └── in", "├── bytes", "├── text", "└── ttl"];
        assert_eq!(tree.lines(), expected);
        assert_eq!(shell(port, &["tree", "-L", "1", "/from"]).lines().len(), 5);
        let found = |flags: &[&str]| {
            let command = [&["find"], flags, &["/from"]].concat();
            shell(port, &command).lines().join(" ")
        };
        assert_eq!(found(&["-name", "t*"]), "/from/text /from/ttl");
        assert_eq!(found(&["-data", "find"]), "/from/box/eph");
        assert_eq!(found(&["-e"]), "/from/box/eph");
        let sizes = shell(port, &["du", "/from"]);
        assert_eq!(
            sizes.lines()[..3],
            [
                "       bytes    znodes  path",
                "         117         7  /from",
                "         107         3  /from/box"
            ]
        );
        let values = shell_with(port, &["--json"], &["du", "-L", "0", "/from"], &[], b"").value();
        assert_eq!(values, json!({ "path": "/from", "bytes": 117, "znodes": 7 }));
        client.close().await;
    });
}

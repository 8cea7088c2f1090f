//! The rules of the tree against recorded digests, a naive model, and each other.

use super::*;
use crate::ids::SessionId;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use proptest::prelude::*;

fn tree() -> DataTree {
    DataTree::new([1, 2], true)
}

fn new<'a>(path: &'a str, acl: &'a [Acl], owner: Owner, parent_cversion: i32) -> NewZnode<'a> {
    NewZnode { path, data: Some(b""), acl, owner, parent_cversion }
}

#[test]
fn the_initial_tree() {
    let tree = tree();
    assert_eq!(tree.digest(), 0x51C6_D660);
    assert_eq!(tree.len(), 4);
    assert_eq!(tree.descendant_count("/"), Some(3));
    assert_eq!(tree.descendant_count("/zookeeper"), Some(2));
    let root = tree.get("").expect("the root");
    assert_eq!(tree.stat(&root), Stat { cversion: -1, num_children: 1, ..Stat::default() });
    let config = tree.get(path::CONFIG).expect("the configuration");
    assert_eq!(tree.acl(&config)[0].perms, perms::READ);
    assert_eq!(config.meta().acl.index(), 1);
    assert_eq!(config.meta().aversion, -1);
}

#[test]
fn parents_count_creations_and_show_both() {
    let mut tree = tree();
    let acl = [Acl::open()];
    tree.create(new("/a", &acl, Owner::Nobody, -1), Zxid(1), 10).unwrap();
    for (zxid, path) in [(2, "/a/x"), (3, "/a/y")] {
        tree.create(new(path, &acl, Owner::Nobody, zxid - 1), Zxid(zxid as u64), 10).unwrap();
    }
    tree.delete("/a/x", Zxid(4)).unwrap();
    let stat = tree.stat(&tree.get("/a").unwrap());
    assert_eq!((stat.cversion, stat.num_children, stat.pzxid), (3, 1, Zxid(4)));
    // A cversion that is not higher changes nothing, pzxid included.
    tree.create(new("/a/z", &acl, Owner::Nobody, 1), Zxid(5), 10).unwrap();
    let stat = tree.stat(&tree.get("/a").unwrap());
    assert_eq!((stat.cversion, stat.num_children, stat.pzxid), (2, 2, Zxid(4)));
}

#[test]
fn impossible_changes_are_errors() {
    let mut tree = tree();
    let acl = [Acl::open()];
    let before = tree.clone();
    assert_eq!(tree.create(new("/x/y", &acl, Owner::Nobody, -1), Zxid(1), 0), Err(TreeError::NoNode));
    assert_eq!(tree.create(new("x", &acl, Owner::Nobody, -1), Zxid(1), 0), Err(TreeError::BadPath));
    assert_eq!(tree.create(new("/x/", &acl, Owner::Nobody, -1), Zxid(1), 0), Err(TreeError::NoNode));
    assert_eq!(tree.create(new("//a", &acl, Owner::Nobody, -1), Zxid(1), 0), Err(TreeError::BadPath));
    assert_eq!(tree.create(new("//", &acl, Owner::Nobody, -1), Zxid(1), 0), Err(TreeError::BadPath));
    assert_eq!(tree.delete("/x/y", Zxid(1)), Err(TreeError::NoNode));
    assert_eq!(tree.set_data("/x", None, 1, Zxid(1), 0), Err(TreeError::NoNode));
    assert_eq!(tree.set_acl("/x", &acl, 1), Err(TreeError::NoNode));
    assert_eq!(tree.store, before.store);
    assert_eq!((tree.digest, tree.bytes), (before.digest, before.bytes));
    assert_eq!(tree.acls.iter().len(), before.acls.iter().len());
    assert_eq!(tree.delete("/zookeeper", Zxid(1)), Err(TreeError::NotEmpty));
    assert_eq!(tree.delete("/", Zxid(1)), Err(TreeError::BadPath));
}

#[test]
fn a_repeated_create_takes_the_acl_and_mends_the_parent() {
    let mut tree = tree();
    let (open, closed) = ([Acl::open()], [Acl::new(1, "world", "anyone")]);
    tree.create(new("/a", &open, Owner::Nobody, 1), Zxid(1), 0).unwrap();
    let again = new("/a", &closed, Owner::Nobody, 5);
    assert_eq!(tree.create(again, Zxid(9), 0), Err(TreeError::NodeExists));
    tree.mend_parent("/a", 5, Zxid(9));
    let node = tree.get("/a").unwrap();
    assert_eq!(&**tree.acl(&node), &closed);
    assert_eq!(node.meta().czxid, Zxid(1));
    assert_eq!((tree.get("/").unwrap().meta().cversion, tree.get("/").unwrap().meta().pzxid), (5, Zxid(9)));
    tree.delete("/missing", Zxid(12)).unwrap_err();
    assert_eq!(tree.get("/").unwrap().meta().pzxid, Zxid(12));
}

#[derive(Clone, Debug)]
enum Step {
    Create(String, Option<Vec<u8>>, u8, i32),
    Delete(String),
    Set(String, Option<Vec<u8>>),
    Acl(String, i32),
}

fn step() -> impl Strategy<Value = Step> {
    let path = || "(/[ab]){1,3}";
    let data = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40));
    prop_oneof![
        4 => (path(), data(), 0..4u8, 0..4i32).prop_map(|(p, d, o, a)| Step::Create(p, d, o, a)),
        2 => path().prop_map(Step::Delete),
        2 => (path(), data()).prop_map(|(p, d)| Step::Set(p, d)),
        1 => (path(), 0..4i32).prop_map(|(p, a)| Step::Acl(p, a)),
    ]
}

/// A znode as the naive model keeps it.
#[derive(Clone, PartialEq, Debug)]
struct Plain {
    data: Option<Vec<u8>>,
    perms: i32,
    owner: Owner,
    version: i32,
    created_children: i32,
    czxid: u64,
    pzxid: u64,
}

fn owner(kind: u8) -> Owner {
    match kind {
        0 => Owner::Nobody,
        1 => Owner::Session(SessionId(7)),
        2 => Owner::Container,
        _ => Owner::Ttl(1000),
    }
}

/// From scratch: everything that the tree keeps incrementally.
fn recount(tree: &DataTree) -> (u64, u64, usize) {
    let (mut digest, mut bytes, mut ephemerals) = (0u64, 0, 0);
    let mut walk = tree.view().into_walk();
    while let Some(entry) = walk.next() {
        let meta = entry.node.meta();
        assert_eq!(meta.content_crc, digest::content_crc(entry.path, entry.node.data()));
        digest = digest.wrapping_add(digest::of_node(entry.path, meta));
        bytes += size(entry.path, entry.node.data());
        ephemerals += usize::from(matches!(tree.owner(meta), Owner::Session(_)));
    }
    (digest, bytes, ephemerals)
}

proptest! {
    #[test]
    fn behaves_like_a_map_of_paths(steps in proptest::collection::vec(step(), 0..60)) {
        let mut tree = tree();
        let mut model: BTreeMap<String, Plain> = BTreeMap::new();
        for (i, step) in steps.into_iter().enumerate() {
            let zxid = i as u64 + 1;
            match step {
                Step::Create(path, data, kind, p) => {
                    let parent_path = parent(&path).unwrap().to_string();
                    let expected = if parent_path != "/" && !model.contains_key(&parent_path) {
                        Err(TreeError::NoNode)
                    } else if model.contains_key(&path) {
                        Err(TreeError::NodeExists)
                    } else {
                        Ok(())
                    };
                    let acl = [Acl::new(p, "world", "anyone")];
                    let new = NewZnode { path: &path, data: data.as_deref(), acl: &acl, owner: owner(kind), parent_cversion: -1 };
                    let created = tree.create(new, Zxid(zxid), 0);
                    prop_assert_eq!(created.map(|_| ()), expected);
                    if let Ok(stat) = created {
                        prop_assert_eq!(stat, tree.stat(&tree.get(&path).unwrap()));
                    }
                    if expected.is_ok() {
                        if let Some(parent) = model.get_mut(&parent_path) {
                            parent.created_children += 1;
                            parent.pzxid = zxid;
                        }
                        let plain = Plain { data, perms: p, owner: owner(kind), version: 0, created_children: 0, czxid: zxid, pzxid: zxid };
                        model.insert(path, plain);
                    } else if let Some(there) = model.get_mut(&path) {
                        there.perms = p;
                    }
                }
                Step::Delete(path) => {
                    let parent_path = parent(&path).unwrap().to_string();
                    if let Some(parent) = model.get_mut(&parent_path) {
                        parent.pzxid = zxid;
                    }
                    let has_children = model.keys().any(|p| p.starts_with(&alloc::format!("{path}/")));
                    let expected = match model.get(&path) {
                        None => Some(TreeError::NoNode),
                        Some(_) if has_children => Some(TreeError::NotEmpty),
                        Some(_) => None,
                    };
                    prop_assert_eq!(tree.delete(&path, Zxid(zxid)).err(), expected);
                    if expected.is_none() {
                        model.remove(&path);
                    }
                }
                Step::Set(path, data) => {
                    let there = model.get_mut(&path);
                    let version = there.as_ref().map_or(0, |plain| plain.version + 1);
                    let done = tree.set_data(&path, data.as_deref(), version, Zxid(zxid), 0);
                    prop_assert_eq!(done.ok(), tree.get(&path).map(|node| tree.stat(&node)));
                    prop_assert_eq!(done.is_ok(), there.is_some());
                    if let Some(plain) = there {
                        plain.data = data;
                        plain.version = version;
                    }
                }
                Step::Acl(path, p) => {
                    let there = model.get_mut(&path);
                    let done = tree.set_acl(&path, &[Acl::new(p, "world", "anyone")], 1);
                    prop_assert_eq!(done.is_ok(), there.is_some());
                    if let Some(plain) = there {
                        plain.perms = p;
                    }
                }
            }
            prop_assert_eq!(tree.len(), model.len() + 4);
            for (path, plain) in &model {
                let node = tree.get(path).expect("the model has it");
                let children = model.keys().filter(|p| *p != path && parent(p) == Some(path)).count();
                let is = Plain {
                    data: node.data().map(<[u8]>::to_vec),
                    perms: tree.acl(&node)[0].perms,
                    owner: tree.owner(node.meta()),
                    version: node.meta().version,
                    created_children: node.meta().cversion,
                    czxid: node.meta().czxid.0,
                    pzxid: node.meta().pzxid.0,
                };
                prop_assert_eq!(&is, plain);
                prop_assert_eq!(node.num_children() as usize, children);
                prop_assert_eq!(tree.children(path).map(|c| c.len()), Some(children));
                let stat = tree.stat(&node);
                prop_assert_eq!(stat.cversion, 2 * plain.created_children - children as i32);
            }
            let (digest, bytes, ephemerals) = recount(&tree);
            prop_assert_eq!(tree.digest() as u64, digest);
            prop_assert_eq!(tree.data_size(), bytes);
            prop_assert_eq!(tree.owned().ephemeral_count(), ephemerals);
            let lists: alloc::collections::BTreeSet<i32> = model.values().map(|p| p.perms).collect();
            let config_too = usize::from(!lists.contains(&perms::READ));
            prop_assert_eq!(tree.acls().iter().len(), lists.len() + config_too);
        }
    }
}

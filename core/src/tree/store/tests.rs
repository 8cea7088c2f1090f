//! Named behaviours, and random histories against the simplest model there is.

extern crate std;

use alloc::{collections::BTreeMap, format, string::String, string::ToString, vec, vec::Vec};
use core::hash::{BuildHasher, BuildHasherDefault};
use std::hash::DefaultHasher;

use proptest::prelude::*;

use super::{page::INLINE_MAX, *};
use crate::ids::Zxid;
use crate::tree::acl::AclId;

type Contents = BTreeMap<String, (Meta, Option<Vec<u8>>)>;

fn store() -> Store {
    Store::new([1, 2], Meta::default())
}

fn meta(zxid: i64) -> Meta {
    let zxid = Zxid(zxid as u64);
    Meta { czxid: zxid, mzxid: zxid, pzxid: zxid, ..Meta::default() }
}

fn names(store: &Store, path: &str) -> Vec<String> {
    let id = store.find(path).expect("the znode exists");
    store.children(id).map(|(_, name)| name.to_string()).collect()
}

/// What a view holds; checks on the way that parents come first and that nothing comes twice.
fn contents(view: View) -> Contents {
    let len = view.len();
    let mut contents = Contents::new();
    let mut walk = view.into_walk();
    while let Some(Entry { path, node }) = walk.next() {
        if let Some((directory, name)) = path.rsplit_once('/').filter(|_| path != "/") {
            let directory = if directory.is_empty() { "/" } else { directory };
            assert!(contents.contains_key(directory), "{path} comes before its parent");
            assert_eq!(node.name(), name);
        }
        let before = contents.insert(path.to_string(), (*node.meta(), node.data().map(<[u8]>::to_vec)));
        assert!(before.is_none(), "{path} comes twice");
    }
    assert_eq!(contents.len(), len);
    contents
}

fn hash(store: &Store) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(store)
}

#[test]
fn a_new_store_has_a_root_with_empty_data() {
    let store = store();
    assert_eq!(store.len(), 1);
    assert_eq!(store.find("/"), Some(NodeId::ROOT));
    assert_eq!(store.find(""), Some(NodeId::ROOT));
    assert_eq!(
        store.get("/").map(|node| (node.name(), node.data(), node.num_children())),
        Some(("", Some(&b""[..]), 0))
    );
    assert_eq!(store.parent(NodeId::ROOT), None);
    assert_eq!(store.path(NodeId::ROOT), "/");
}

#[test]
fn insert_wants_a_parent_and_a_name_that_is_free() {
    let mut store = store();
    let mut insert = |path| store.insert(path, meta(1), None).map(drop);
    assert_eq!(insert("/a/b"), Err(InsertError::NoParent));
    assert_eq!(insert("/a"), Ok(()));
    assert_eq!(insert("/a"), Err(InsertError::Exists));
    assert_eq!(insert("/a/b"), Ok(()));
    assert_eq!(insert("/"), Err(InsertError::Exists));
    assert_eq!(insert(""), Err(InsertError::Exists));
    assert_eq!(insert("a"), Err(InsertError::Malformed));
    assert_eq!(insert("a/b"), Err(InsertError::Malformed));
    assert_eq!(insert("/a/"), Err(InsertError::Malformed));
    assert_eq!(insert("//b"), Err(InsertError::NoParent));
    assert_eq!(insert("/a//b"), Err(InsertError::NoParent));
    assert_eq!(store.len(), 3);
}

#[test]
fn find_compares_whole_paths() {
    let mut store = store();
    for path in ["/a", "/a/b", "/ab", "/ab/b"] {
        store.insert(path, meta(1), None).unwrap();
    }
    for path in ["/b", "a", "a/b", "/a/", "//a", "/a//b", "/a/a", "/a/b/", "ab", "/a/ab"] {
        assert_eq!(store.find(path), None, "{path}");
        let all: Vec<u32> = (0..5).collect();
        assert!(
            !all.iter().any(|&id| id != ROOT && store.has_path(id, path.as_bytes())),
            "{path} even if all hashes were equal"
        );
    }
    for path in ["/a", "/a/b", "/ab", "/ab/b"] {
        assert_eq!(store.path(store.find(path).unwrap()), path);
    }
}

#[test]
fn remove_refuses_parents_and_the_root() {
    let mut store = store();
    store.insert("/a", meta(1), None).unwrap();
    store.insert("/a/b", meta(2), None).unwrap();
    assert_eq!(store.remove("/a"), Err(RemoveError::NotEmpty));
    assert_eq!(store.remove("/"), Err(RemoveError::Root));
    assert_eq!(store.remove("/c"), Err(RemoveError::NoNode));
    let parent = store.find("/a").unwrap();
    assert_eq!(store.remove("/a/b"), Ok(parent));
    assert_eq!(store.remove("/a"), Ok(NodeId::ROOT));
    assert_eq!(store, self::store());
}

#[test]
fn children_come_in_order_of_creation() {
    let mut store = store();
    for name in ["d", "a", "c", "b"] {
        store.insert(&format!("/{name}"), meta(1), None).unwrap();
    }
    assert_eq!(names(&store, "/"), ["d", "a", "c", "b"]);
    store.remove("/d").unwrap(); // the first
    store.remove("/c").unwrap(); // in the middle
    assert_eq!(names(&store, "/"), ["a", "b"]);
    store.remove("/b").unwrap(); // the last
    store.insert("/e", meta(1), None).unwrap();
    assert_eq!(names(&store, "/"), ["a", "e"]);
    let children = store.children(NodeId::ROOT);
    assert_eq!(children.len(), 2);
    for (id, name) in children {
        assert_eq!((store.node(id).name(), store.parent(id)), (name, Some(NodeId::ROOT)));
    }
}

#[test]
fn null_and_empty_data_differ() {
    let mut store = store();
    store.insert("/null", meta(1), None).unwrap();
    store.insert("/empty", meta(1), Some(b"")).unwrap();
    assert_eq!(store.get("/null").unwrap().data(), None);
    assert_eq!(store.get("/empty").unwrap().data(), Some(&b""[..]));
    let before = store.clone();
    store.get_mut("/null").unwrap().set_data(Some(b""));
    assert_ne!(store, before);
    store.get_mut("/null").unwrap().set_data(None);
    assert_eq!(store, before);
}

#[test]
fn data_may_take_any_length_and_back() {
    let mut store = store();
    let lengths = [0, 1, 100, INLINE_MAX - 2, INLINE_MAX - 1, INLINE_MAX, 5_000, 1_000_000];
    for (i, _) in lengths.iter().enumerate() {
        store.insert(&format!("/{i}"), meta(1), Some(&[i as u8; 33])).unwrap();
    }
    for round in 0..lengths.len() {
        for i in 0..lengths.len() {
            let len = lengths[(i * 3 + round) % lengths.len()];
            store.get_mut(&format!("/{i}")).unwrap().set_data(Some(&vec![i as u8; len]));
            for (j, _) in lengths.iter().enumerate() {
                let node = store.get(&format!("/{j}")).unwrap();
                assert!(
                    node.data().unwrap().iter().all(|&byte| byte == j as u8),
                    "znode {j} has bytes of its own"
                );
            }
            assert_eq!(store.get(&format!("/{i}")).unwrap().data().unwrap().len(), len);
        }
    }
    store.get_mut("/").unwrap().set_data(Some(&[9; 3_000]));
    assert_eq!(store.get("/").unwrap().data(), Some(&[9; 3_000][..]));
}

#[test]
fn names_may_be_long() {
    let mut store = store();
    let long = format!("/{}", "x".repeat(100_000));
    let below = format!("{long}/{}", "y".repeat(600));
    store.insert(&long, meta(1), None).unwrap();
    store.insert(&below, meta(1), Some(b"data")).unwrap();
    assert_eq!(store.get(&long).unwrap().data(), None);
    assert_eq!(store.get(&below).unwrap().data(), Some(&b"data"[..]));
    store.get_mut(&long).unwrap().set_data(Some(b"z"));
    assert_eq!(store.path(store.find(&below).unwrap()), below);
    assert_eq!(
        contents(store.view()).keys().map(String::len).collect::<Vec<_>>(),
        [1, long.len(), below.len()]
    );
}

#[test]
fn the_index_finds_all_of_many_and_forgets_removed_ones() {
    let mut store = store();
    let path = |i: u32| format!("/n{i}");
    for i in 0..30_000 {
        store.insert(&path(i), meta(i64::from(i)), Some(&i.to_be_bytes())).unwrap();
    }
    for i in (0..30_000).step_by(3) {
        store.remove(&path(i)).unwrap();
    }
    for i in 0..30_000 {
        let found = store.get(&path(i)).map(|node| node.data().unwrap());
        assert_eq!(found, (i % 3 != 0).then_some(&i.to_be_bytes()[..]));
    }
    for i in 0..30_000 {
        if i % 3 != 0 {
            store.remove(&path(i)).unwrap();
        }
    }
    assert_eq!(store, self::store());
    assert_eq!(store.children(NodeId::ROOT).count(), 0);
}

#[test]
fn a_view_shows_parents_first_even_where_ids_were_reused() {
    let mut store = store();
    for i in 0..5_000 {
        store.insert(&format!("/n{i}"), meta(1), None).unwrap();
    }
    for i in 0..5_000 {
        store.remove(&format!("/n{i}")).unwrap();
    }
    // The last id that was freed is used first: parents now have higher ids than their children.
    let mut path = String::new();
    for depth in 0..100 {
        path = format!("{path}/d{depth}");
        store.insert(&path, meta(2), None).unwrap();
    }
    for i in 0..3_000 {
        store.insert(&format!("/d0/n{i}"), meta(3), None).unwrap();
        store.insert(&format!("{path}/n{i}"), meta(3), None).unwrap();
    }
    assert_eq!(contents(store.view()).len(), 6_101);
}

#[test]
fn a_walk_remembers_the_names_of_parents_it_has_long_passed() {
    let mut store = store();
    store.insert("/d", meta(1), None).unwrap();
    store.insert("/d/e", meta(1), None).unwrap();
    for i in 0..10_000 {
        store.insert(&format!("/n{i}"), meta(1), None).unwrap();
        store.insert(&format!("/d/e/n{i}"), meta(1), None).unwrap();
    }
    assert_eq!(contents(store.view()).keys().filter(|path| path.starts_with("/d/e/")).count(), 10_000);
}

#[test]
fn a_view_stays_as_it_was() {
    let mut store = store();
    for i in 0..10_000 {
        store.insert(&format!("/n{i}"), meta(1), Some(b"old")).unwrap();
    }
    let view = store.view();
    let before = contents(view.clone());
    for i in 0..10_000 {
        store.get_mut(&format!("/n{i}")).unwrap().set_data(Some(b"newer"));
        if i % 2 == 0 {
            store.remove(&format!("/n{i}")).unwrap();
            store.insert(&format!("/n{}/c", i + 1), meta(2), None).unwrap();
        }
    }
    assert_eq!(contents(view), before);
    assert_ne!(contents(store.view()), before);
}

#[test]
fn large_data_is_overwritten_in_place_unless_a_view_has_it() {
    let mut store = store();
    store.insert("/n", meta(1), Some(&[1; 1024])).unwrap();
    let place = |store: &Store| store.get("/n").unwrap().data().unwrap().as_ptr();
    let first = place(&store);
    store.get_mut("/n").unwrap().set_data(Some(&[2; 1024]));
    assert_eq!(place(&store), first);
    let view = store.view();
    let before = contents(view.clone());
    store.get_mut("/n").unwrap().set_data(Some(&[3; 1024]));
    assert_ne!(place(&store), first);
    assert_eq!(contents(view), before);
    assert_eq!(store.get("/n").unwrap().data(), Some(&[3; 1024][..]));
}

#[test]
fn a_view_can_be_walked_by_another_thread() {
    let mut store = store();
    for i in 0..20_000 {
        store.insert(&format!("/n{i}"), meta(1), Some(b"old")).unwrap();
    }
    let view = store.view();
    let reader = std::thread::spawn(move || contents(view));
    for i in 0..20_000 {
        store.remove(&format!("/n{i}")).unwrap();
    }
    let seen = reader.join().unwrap();
    assert_eq!(seen.len(), 20_001);
    assert!(seen.iter().all(|(path, (_, data))| path == "/" || data.as_deref() == Some(b"old")));
}

#[test]
fn equality_and_hash_see_contents_only() {
    let (mut one, mut two) = (store(), Store::new([3, 4], Meta::default()));
    for path in ["/a", "/b", "/a/c"] {
        one.insert(path, meta(1), Some(b"x")).unwrap();
    }
    for path in ["/gone", "/b", "/a", "/a/c"] {
        two.insert(path, meta(1), Some(b"x")).unwrap();
    }
    assert_ne!(one, two);
    two.remove("/gone").unwrap();
    assert_eq!((&one, hash(&one)), (&two, hash(&two)));
    two.get_mut("/a/c").unwrap().meta_mut().version = 1;
    assert_ne!(one, two);
    assert_ne!(hash(&one), hash(&two));
}

#[test]
fn a_clone_is_independent() {
    let mut store = store();
    store.insert("/a", meta(1), Some(b"x")).unwrap();
    let clone = store.clone();
    store.get_mut("/a").unwrap().set_data(Some(b"y"));
    store.insert("/b", meta(2), None).unwrap();
    assert_eq!(clone.get("/a").unwrap().data(), Some(&b"x"[..]));
    assert_eq!((clone.find("/b"), clone.len()), (None, 2));
}

#[derive(Clone, Debug)]
enum Op {
    Insert(String, Meta, Option<Vec<u8>>),
    Remove(String),
    SetData(String, Option<Vec<u8>>),
    SetMeta(String, Meta),
    /// Takes a view and remembers what it must show for ever.
    View,
    /// Walks the oldest view to its end and lets it go.
    Walk,
    Clone,
}

fn paths() -> impl Strategy<Value = String> {
    let name = prop_oneof![20 => "[a-d]", 2 => "[a-z]{0,12}", 1 => Just("x".repeat(INLINE_MAX + 1))];
    prop::collection::vec(name, 0..5).prop_map(|names| names.iter().map(|name| format!("/{name}")).collect())
}

fn data() -> impl Strategy<Value = Option<Vec<u8>>> {
    let lengths =
        prop_oneof![6 => 0..40_usize, 2 => INLINE_MAX - 20..INLINE_MAX + 20, 1 => 1_000..3_000_usize];
    prop::option::weighted(0.8, (lengths, any::<u8>()).prop_map(|(len, byte)| vec![byte; len]))
}

fn metas() -> impl Strategy<Value = Meta> {
    (any::<[i64; 6]>(), any::<[i32; 3]>(), any::<[u32; 2]>()).prop_map(|(long, int, short)| Meta {
        czxid: Zxid(long[0] as u64),
        mzxid: Zxid(long[1] as u64),
        pzxid: Zxid(long[2] as u64),
        ctime: long[3],
        mtime: long[4],
        ephemeral_owner: long[5],
        version: int[0],
        cversion: int[1],
        aversion: int[2],
        acl: AclId(short[0]),
        content_crc: short[1],
    })
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => (paths(), metas(), data()).prop_map(|(path, meta, data)| Op::Insert(path, meta, data)),
        5 => paths().prop_map(Op::Remove),
        5 => (paths(), data()).prop_map(|(path, data)| Op::SetData(path, data)),
        2 => (paths(), metas()).prop_map(|(path, meta)| Op::SetMeta(path, meta)),
        1 => Just(Op::View),
        1 => Just(Op::Walk),
        1 => Just(Op::Clone),
    ]
}

/// The model: paths and what is there, with the rules of the store in a few lines.
fn apply_to_model(model: &mut Contents, op: &Op) -> bool {
    let key = |path: &str| if path.is_empty() { "/".to_string() } else { path.to_string() };
    let has_child = |model: &Contents, path: &str| {
        model.keys().any(|other| other.starts_with(&format!("{path}/")) && other != "/")
    };
    match op {
        Op::Insert(path, meta, data) => {
            let Some((directory, name)) = path.rsplit_once('/') else { return false };
            let free = !name.is_empty()
                && directory != "/"
                && !model.contains_key(&key(path))
                && model.contains_key(&key(directory));
            if free {
                model.insert(key(path), (*meta, data.clone()));
            }
            free
        }
        Op::Remove(path) => {
            let leaf = key(path) != "/" && !has_child(model, path);
            leaf && model.remove(&key(path)).is_some()
        }
        Op::SetData(path, data) => model.get_mut(&key(path)).map(|node| node.1 = data.clone()).is_some(),
        Op::SetMeta(path, meta) => model.get_mut(&key(path)).map(|node| node.0 = *meta).is_some(),
        Op::View | Op::Walk | Op::Clone => true,
    }
}

fn apply_to_store(store: &mut Store, op: &Op) -> bool {
    match op {
        Op::Insert(path, meta, data) => store.insert(path, *meta, data.as_deref()).is_ok(),
        Op::Remove(path) => store.remove(path).is_ok(),
        Op::SetData(path, data) => {
            store.get_mut(path).map(|mut node| node.set_data(data.as_deref())).is_some()
        }
        Op::SetMeta(path, meta) => store.get_mut(path).map(|mut node| *node.meta_mut() = *meta).is_some(),
        Op::View | Op::Walk | Op::Clone => true,
    }
}

/// The store holds what the model holds, by every way of asking.
fn check(store: &Store, model: &Contents) {
    assert_eq!(&contents(store.view()), model);
    for (path, (meta, data)) in model {
        let id = store.find(path).unwrap_or_else(|| panic!("{path} is missing"));
        let node = store.node(id);
        assert_eq!((node.meta(), node.data()), (meta, data.as_deref()));
        assert_eq!(&store.path(id), path);
        let prefix = if path == "/" { "/".to_string() } else { format!("{path}/") };
        let expected: Vec<&str> = model
            .keys()
            .filter_map(|other| {
                other.strip_prefix(&prefix).filter(|name| !name.is_empty() && !name.contains('/'))
            })
            .collect();
        let mut children = names(store, path);
        children.sort();
        assert_eq!(children, expected);
        assert_eq!(node.num_children() as usize, expected.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn behaves_like_a_map_and_views_never_change(ops in prop::collection::vec(ops(), 1..200)) {
        let mut store = store();
        let mut model = Contents::from([("/".to_string(), (Meta::default(), Some(Vec::new())))]);
        let mut views: Vec<(View, Contents)> = Vec::new();
        let mut clones: Vec<(Store, Contents)> = Vec::new();
        for op in &ops {
            assert_eq!(apply_to_store(&mut store, op), apply_to_model(&mut model, op), "{op:?}");
            assert_eq!(store.len(), model.len());
            match op {
                Op::View => views.push((store.view(), model.clone())),
                Op::Walk if !views.is_empty() => {
                    let (view, expected) = views.remove(0);
                    assert_eq!(contents(view), expected);
                }
                Op::Clone => clones.push((store.clone(), model.clone())),
                _ => {}
            }
        }
        check(&store, &model);
        for (view, expected) in views {
            assert_eq!(contents(view), expected);
        }
        for (clone, expected) in &clones {
            check(clone, expected);
            assert_eq!(*clone == store, *expected == model);
        }
    }

    #[test]
    fn history_does_not_show(ops in prop::collection::vec(ops(), 1..100), key in any::<[u64; 2]>()) {
        let mut store = store();
        for op in &ops {
            apply_to_store(&mut store, op);
        }
        let mut rebuilt = Store::new(key, *store.get("/").unwrap().meta());
        rebuilt.get_mut("/").unwrap().set_data(store.get("/").unwrap().data());
        for (path, (meta, data)) in contents(store.view()).iter().skip(1) {
            rebuilt.insert(path, *meta, data.as_deref()).unwrap();
        }
        assert_eq!(&rebuilt, &store);
        assert_eq!(hash(&rebuilt), hash(&store));
    }
}

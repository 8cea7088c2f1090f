//! The files of a crate as a tree of modules.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Item, Meta};

/// A module's path from the root of its crate: empty for the root.
pub(crate) type Module = Vec<String>;

/// The files of one crate, by module. What is compiled for tests only is left out.
pub(crate) struct Sources {
    /// The crate's name in paths.
    pub(crate) name: String,
    /// The items of each module, and the file they are in.
    pub(crate) modules: BTreeMap<Module, (String, Vec<Item>)>,
}

impl Sources {
    /// Read the library of the crate in this folder, or its program if it has no library.
    pub(crate) fn of_crate(folder: &Path) -> Sources {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a crate");
        let name =
            manifest.lines().find_map(|line| line.strip_prefix("name = \"")).expect("a crate has a name");
        let mut sources =
            Sources { name: name.trim_end_matches('"').replace('-', "_"), modules: BTreeMap::new() };
        let source = folder.join("src");
        let root = ["lib.rs", "main.rs"].map(|file| source.join(file)).into_iter().find(|file| file.exists());
        sources.read(folder, root.expect("a crate has a root"), &source, Vec::new());
        sources
    }

    /// A module in this file, whose children are in that folder.
    fn read(&mut self, krate: &Path, file: PathBuf, children: &Path, module: Module) {
        let text = fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        let shown = file.strip_prefix(krate).expect("a file of the crate").display().to_string();
        self.add(krate, &shown, children, module, parsed.items);
    }

    fn add(&mut self, krate: &Path, shown: &str, children: &Path, module: Module, items: Vec<Item>) {
        let mut kept = Vec::new();
        for item in items {
            let Item::Mod(inner) = item else {
                kept.push(item);
                continue;
            };
            if is_for_tests(&inner.attrs) {
                continue;
            }
            let name = inner.ident.to_string();
            let path: Module = module.iter().cloned().chain([name.clone()]).collect();
            match inner.content {
                Some((_, items)) => self.add(krate, shown, &children.join(&name), path, items),
                None => {
                    let below = children.join(&name);
                    let (flat, folder) = (children.join(format!("{name}.rs")), below.join("mod.rs"));
                    let file = if flat.exists() { flat } else { folder };
                    self.read(krate, file, &below, path);
                }
            }
        }
        self.modules.insert(module, (shown.to_owned(), kept));
    }
}

/// Whether these attributes leave an item to tests.
pub(crate) fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let tokens = list.tokens.to_string();
            tokens == "test" || tokens.starts_with("all (test") || tokens.starts_with("all(test")
        }
        _ => false,
    })
}

/// All Rust files below a folder, with their texts.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file is text");
            found.push((path, text));
        }
    }
    found.sort();
    found
}

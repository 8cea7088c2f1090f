//! Which file uses an item of which other file: by its path, through an import, or through a re-export.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Item, ItemMacro, ItemUse, Macro, Path, UseTree};

use super::sources::{Module, Sources, is_for_tests};

/// One file uses items of another.
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) items: Vec<String>,
}

/// Every edge between two files of a crate.
pub(crate) fn imports(sources: &Sources) -> Vec<Edge> {
    let mut found: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for (module, (file, items)) in &sources.modules {
        let mut reader = Reader { sources, module, aliases: BTreeMap::new(), used: BTreeSet::new() };
        for item in items.iter().filter_map(used) {
            reader.alias(item, &mut Vec::new());
        }
        for item in items {
            reader.visit_item(item);
        }
        for (target, name) in reader.used {
            let to = &sources.modules[&target].0;
            if to != file {
                found.entry((file.clone(), to.clone())).or_default().insert(name);
            }
        }
    }
    let edge = |((from, to), items): ((String, String), BTreeSet<String>)| Edge {
        from,
        to,
        items: items.into_iter().collect(),
    };
    found.into_iter().map(edge).collect()
}

fn used(item: &Item) -> Option<&UseTree> {
    match item {
        Item::Use(item) if !is_for_tests(&item.attrs) => Some(&item.tree),
        _ => None,
    }
}

struct Reader<'a> {
    sources: &'a Sources,
    module: &'a Module,
    /// What a name in this module stands for: a path from the root of the crate.
    aliases: BTreeMap<String, Module>,
    /// Modules whose items are used, with the items' names.
    used: BTreeSet<(Module, String)>,
}

impl Reader<'_> {
    /// Each name that an import brings in.
    fn alias(&mut self, tree: &UseTree, before: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.alias(&path.tree, before);
                before.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.alias(tree, before)),
            UseTree::Glob(_) => {
                if let Some(target) = self.absolute(before) {
                    self.note(&target, "*");
                }
            }
            UseTree::Name(name) if name.ident == "self" => {
                let last = before.last().cloned().unwrap_or_default();
                self.bring(before.clone(), last);
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.bring(before.iter().cloned().chain([name.clone()]).collect(), name);
            }
            UseTree::Rename(renamed) => {
                let path = before.iter().cloned().chain([renamed.ident.to_string()]).collect();
                self.bring(path, renamed.rename.to_string());
            }
        }
    }

    fn bring(&mut self, path: Vec<String>, name: String) {
        if let Some(absolute) = self.absolute(&path) {
            // A module by itself is no item: what is used of it is seen where it is used.
            if !self.sources.modules.contains_key(&absolute) {
                self.item(&absolute);
            }
            self.aliases.insert(name, absolute);
        }
    }

    /// A path from the root of the crate, if the path leads into the crate.
    fn absolute(&self, path: &[String]) -> Option<Module> {
        let first = path.first()?;
        let mut at: Module = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.module.clone(),
            "super" => self.module[..self.module.len().checked_sub(1)?].to_vec(),
            name if *name == self.sources.name => Vec::new(),
            name => {
                let child: Module = self.module.iter().cloned().chain([name.to_owned()]).collect();
                match self.aliases.get(name) {
                    Some(alias) => alias.clone(),
                    None if self.sources.modules.contains_key(&child) => child,
                    None => return None,
                }
            }
        };
        for segment in &path[1..] {
            match segment.as_str() {
                "super" => drop(at.pop()?),
                "self" => {}
                name => at.push(name.to_owned()),
            }
        }
        Some(at)
    }

    /// An item by its path: it is of the deepest module on the way.
    fn item(&mut self, absolute: &[String]) {
        let module = (0..absolute.len()).rev().map(|length| &absolute[..length]);
        let mut module = module.filter(|path| self.sources.modules.contains_key(*path));
        if let Some(module) = module.next() {
            let (module, name) = (module.to_vec(), absolute[module.len()].clone());
            self.note(&module, &name);
        }
    }

    fn note(&mut self, module: &[String], name: &str) {
        if self.sources.modules.contains_key(module) && module != self.module.as_slice() {
            self.used.insert((module.to_vec(), name.to_owned()));
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Const(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Enum(item) => &item.attrs,
            Item::Trait(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // The imports of a function's body; those of a module are there already. A re-export counts.
        if !is_for_tests(&item.attrs) {
            self.alias(&item.tree, &mut Vec::new());
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1
            && let Some(absolute) = self.absolute(&segments)
            && !self.sources.modules.contains_key(&absolute)
        {
            self.item(&absolute);
        }
        visit::visit_path(self, path);
    }

    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        self.visit_macro(&item.mac);
    }

    fn visit_macro(&mut self, inner: &'ast Macro) {
        // Paths inside of a macro's arguments: names joined by two colons.
        let text = inner.tokens.to_string().replace(" :: ", "::");
        let is_part = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
        for word in text.split(is_part).filter(|word| word.contains("::")) {
            if let Ok(path) = syn::parse_str::<Path>(word.trim_matches(':')) {
                self.visit_path(&path);
            }
        }
    }
}

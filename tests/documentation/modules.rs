//! The modules of every crate import downwards: files never import each other in a circle, and none imports the façade of its
//! own crate. Tests inside files may.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use syn::visit::{self, Visit};

use super::files;
use crate::common::root;

/// A module by its names below the crate, which is the empty list.
type Module = Vec<String>;

/// The modules that the paths of one file lead to.
struct Imports<'a> {
    modules: &'a BTreeSet<Module>,
    /// Where the visitor stands, inline modules included.
    here: Module,
    found: BTreeSet<Module>,
}

impl Imports<'_> {
    /// Follows a path to the deepest module with a file of its own. Paths into other crates lead nowhere.
    fn follow(&mut self, path: &[String]) {
        let mut names = path.iter().peekable();
        let mut module = self.here.clone();
        match names.peek().map(|name| name.as_str()) {
            Some("crate") => {
                module.clear();
                names.next();
            }
            Some("self") => {
                names.next();
            }
            Some("super") => {
                while names.next_if(|name| *name == "super").is_some() {
                    module.pop();
                }
            }
            Some(first) => {
                module.push(first.to_owned());
                if !self.modules.contains(&module) {
                    return;
                }
                names.next();
            }
            None => return,
        }
        for name in names {
            module.push(name.clone());
            if !self.modules.contains(&module) {
                module.pop();
                break;
            }
        }
        while !self.modules.contains(&module) {
            module.pop();
        }
        self.found.insert(module);
    }

    fn follow_tree(&mut self, tree: &syn::UseTree, before: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.follow_tree(&path.tree, before);
                before.pop();
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.follow_tree(item, before)),
            syn::UseTree::Glob(_) => self.follow(before),
            syn::UseTree::Name(syn::UseName { ident }) | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                before.push(ident.to_string());
                self.follow(before);
                before.pop();
            }
        }
    }
}

impl<'ast> Visit<'ast> for Imports<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let is_test = |attribute: &syn::Attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
        };
        if item.attrs.iter().any(is_test) {
            return;
        }
        self.here.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.here.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.follow_tree(&item.tree, &mut Vec::new());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.follow(&path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>());
        }
        visit::visit_path(self, path);
    }

    // Neither the scope of an item nor a macro, which stands at the root of its crate, is an import.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
    fn visit_macro(&mut self, _: &'ast syn::Macro) {}
}

/// What each module imports within its crate.
fn imports(sources: &BTreeMap<Module, String>) -> BTreeMap<Module, BTreeSet<Module>> {
    let modules: BTreeSet<Module> = sources.keys().cloned().collect();
    let imports_of = |(module, source): (&Module, &String)| {
        let file = syn::parse_file(source).unwrap_or_else(|error| panic!("{}: {error}", module.join("::")));
        let mut imports = Imports { modules: &modules, here: module.clone(), found: BTreeSet::new() };
        imports.visit_file(&file);
        imports.found.remove(module);
        (module.clone(), imports.found)
    };
    sources.iter().map(imports_of).collect()
}

/// Imports that no order of floors allows, and imports of the root of the crate.
fn faults(sources: &BTreeMap<Module, String>) -> Vec<String> {
    let mut above = imports(sources);
    let mut faults: Vec<String> = above
        .iter()
        .filter(|(module, imported)| !module.is_empty() && imported.contains(&Module::new()))
        .map(|(module, _)| format!("{} imports the root of its crate", module.join("::")))
        .collect();
    // What imports nothing that is left is put down, what nothing left imports is taken off; circles remain.
    loop {
        let imported: BTreeSet<Module> = above.values().flatten().cloned().collect();
        let before = above.len();
        above.retain(|module, imports| !imports.is_empty() && imported.contains(module));
        let left: BTreeSet<Module> = above.keys().cloned().collect();
        above.values_mut().for_each(|imports| imports.retain(|module| left.contains(module)));
        if above.len() == before {
            break;
        }
    }
    let names = |modules: &BTreeSet<Module>| modules.iter().map(|name| name.join("::")).collect::<Vec<_>>().join(", ");
    faults.extend(above.iter().map(|(module, imported)| format!("{} -> {}", module.join("::"), names(imported))));
    faults
}

fn sources(folder: &Path) -> BTreeMap<Module, String> {
    let source = |path: std::path::PathBuf| {
        let relative = path.strip_prefix(folder).expect("below the folder").with_extension("");
        let mut module: Module = relative.iter().map(|name| name.to_string_lossy().into_owned()).collect();
        module
            .pop_if(|last| last == "mod" || (relative.iter().count() == 1 && ["lib", "main"].contains(&last.as_str())));
        (module, fs::read_to_string(&path).expect("a source"))
    };
    files(folder, &["rs"]).into_iter().map(source).collect()
}

#[test]
fn imports_point_down() {
    let mut crates: Vec<_> =
        fs::read_dir(root().join("crates")).expect("crates").map(|entry| entry.expect("an entry").path()).collect();
    crates.push(root().join("kernels"));
    crates.sort();
    let found: Vec<String> = crates
        .iter()
        .flat_map(|folder| {
            let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
            faults(&sources(&folder.join("src"))).into_iter().map(move |fault| format!("{name}: {fault}"))
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn circles_and_imports_of_the_root_are_found() {
    let crate_of = |files: &[(&str, &str)]| {
        let module = |name: &str| name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        faults(&files.iter().map(|(name, source)| (module(name), (*source).to_owned())).collect())
    };
    let root = ("", "mod a; mod b; pub use a::A;");
    assert_eq!(crate_of(&[root, ("a", "use crate::b::B; struct A;"), ("b", "struct B;")]), [""; 0]);
    assert_eq!(
        crate_of(&[root, ("a", "use super::b::{self, B}; struct A;"), ("b", "fn f() -> crate::a::A { }")]).len(),
        2
    );
    assert_eq!(
        crate_of(&[("", "mod a;"), ("a", "mod c; use c::C; struct A;"), ("a::c", "use super::A; struct C;")]).len(),
        2
    );
    assert_eq!(crate_of(&[("", "mod a; struct R;"), ("a", "use crate::R;")]), ["a imports the root of its crate"]);
    assert_eq!(
        crate_of(&[
            ("", "mod a;"),
            ("a", "struct A; #[cfg(test)] mod tests { use crate::A; } mod b { use super::*; }")
        ]),
        [""; 0]
    );
}

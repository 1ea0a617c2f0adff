//! Every citation of the theory leads to a page and to a heading or a named equation in it.
//!
//! A citation is the path of the page, then headings as `§` with their number, and equations as `Eq.` with their name:
//! `docs/theory/ntk.md §2.1, Eq. K2`. Pages cite each other without the folder, and themselves by the heading alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::LazyLock,
};

use regex::{Captures, Regex};

use super::files;
use crate::common::root;

/// A heading or an equation, as it is cited.
const ITEM: &str = r"(?:§E?\d+(?:\.\d+)*(?:\([a-z]\))?|Eq\. [A-Za-z0-9-]+(?:\.[0-9]+)*)";

/// What a page offers to be cited: headings by the number that they start with, and displayed equations by the name in parentheses at their
/// end.
struct Page {
    targets: BTreeSet<String>,
    faults: Vec<String>,
}

fn expression(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a valid expression")
}

impl Page {
    fn new(text: &str) -> Self {
        let headings = expression(r"(?m)^#+ (E?\d+(?:\.\d+)*(?:\([a-z]\))?)[. ]");
        let equations = expression(r"(?m)^    .*\((Eq\. [^() ]+)\)[.,;]?$");
        let all = headings
            .captures_iter(text)
            .map(|found| format!("§{}", &found[1]))
            .chain(equations.captures_iter(text).map(|found| found[1].to_string()));
        let mut page = Self { targets: BTreeSet::new(), faults: Vec::new() };
        for target in all {
            if !page.targets.insert(target.clone()) {
                page.faults.push(format!("{target} is there twice"));
            }
        }
        page
    }
}

/// All pages by name.
fn pages() -> BTreeMap<String, Page> {
    let paths = files(&root().join("docs/theory"), &["md"]);
    let name = |path: &std::path::Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), Page::new(&fs::read_to_string(path).expect("readable")))).collect()
}

static END_OF_LINE: LazyLock<Regex> = LazyLock::new(|| expression(r"\n[ \t]*(?:///|//!|//|#)?[ \t]*"));
static ITEMS: LazyLock<Regex> = LazyLock::new(|| expression(ITEM));
/// In code the path of a page starts with its folder, in a page it is the name alone.
static CITATIONS: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    ["docs/theory/", ""].map(|folder| expression(&format!(r"{folder}\b([a-z-]+)\.md(?: ({ITEM}(?:(?:, |–){ITEM})*))?")))
});
static OLD_STYLE: LazyLock<Regex> = LazyLock::new(|| {
    expression(r"(?i)\b(?:mean-field|scaling-limits|kernel-regime|proportional-limit|conditioning|theory) page\b")
});

/// Text whose lines are joined, without the marks of comments, so that a citation may go over the end of a line.
fn joined(text: &str) -> String {
    END_OF_LINE.replace_all(text, " ").into_owned()
}

/// What is wrong with the citations of a text; `own` is the name of the page that the text is.
fn faults(text: &str, pages: &BTreeMap<String, Page>, own: Option<&str>) -> Vec<String> {
    let mut faults = Vec::new();
    let [in_code, in_page] = &*CITATIONS;
    let (citation, item) = (if own.is_some() { in_page } else { in_code }, &*ITEMS);
    let rest = citation.replace_all(text, |found: &Captures| {
        match pages.get(&found[1]) {
            None if own.is_some() => {}
            None => faults.push(format!("{}: no such page", &found[0])),
            Some(page) => {
                let items = found.get(2).map_or("", |items| items.as_str());
                let missing = item.find_iter(items).filter(|item| !page.targets.contains(item.as_str()));
                faults.extend(missing.map(|item| format!("{}: the page has no {}", &found[0], item.as_str())));
            }
        }
        " "
    });
    for item in item.find_iter(&rest) {
        match own.map(|own| &pages[own]) {
            None => faults.push(format!("{} without the path of its page", item.as_str())),
            Some(page) if page.targets.contains(item.as_str()) => {}
            Some(_) => faults.push(format!("the page itself has no {}", item.as_str())),
        }
    }
    faults.extend(
        OLD_STYLE.find_iter(&rest).map(|old| format!("\"{}\" where the path of the page should be", old.as_str())),
    );
    faults
}

#[test]
fn every_citation_of_the_theory_exists() {
    let pages = pages();
    let mut all = Vec::new();
    for (name, page) in &pages {
        all.extend(page.faults.iter().map(|fault| format!("docs/theory/{name}.md: {fault}")));
    }
    let mut cited = 0;
    for path in files(&root(), &["rs", "toml", "md", "py"]) {
        let name = path.strip_prefix(root()).expect("a path of the repository").to_string_lossy().into_owned();
        if name == "CHANGELOG.md" {
            continue;
        }
        let text = joined(&fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}")));
        cited += text.matches("docs/theory/").count();
        let own = name.strip_prefix("docs/theory/").and_then(|name| name.strip_suffix(".md"));
        all.extend(faults(&text, &pages, own).into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
    assert!(cited > 150, "only {cited} citations were found");
}

/// The check sees each kind of fault, also over the end of a line.
#[test]
fn wrong_citations_are_found() {
    let page =
        "## 2. Kernels\n\n### 2.1 Recursion\n\n    K = v E + b    (~ K1)\n\n### E3 Outputs\n".replace('~', "Eq.");
    let pages = BTreeMap::from([("ntk".to_string(), Page::new(&page))]);
    let count = |text: &str| {
        faults(&joined(&text.replace('#', "§").replace('@', "docs/theory/").replace('~', "Eq.")), &pages, None).len()
    };
    assert_eq!(
        count(
            "(docs/theory/ntk.md #2, #2.1, ~ K1.) The second\n/// docs/theory/ntk.md #E3: as there; docs/theory/ntk.md."
        ),
        0
    );
    assert_eq!(count("@kernels.md #2"), 1);
    assert_eq!(count("@ntk.md #3"), 1);
    assert_eq!(count("@ntk.md #2–#4"), 1);
    assert_eq!(count("@ntk.md\n    //! #2.1, ~ K2"), 1);
    assert_eq!(count("the kernel of #2.1"), 1);
    assert_eq!(count(&["as the kernel-regime", "page says"].join(" ")), 1);
    assert_eq!(Page::new(&page.repeat(2)).faults.len(), 4);
}

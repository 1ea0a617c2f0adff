//! Every command of the guide runs, on small data: fewer samples, steps, seeds and widths than a reader has patience for.

use std::{collections::BTreeSet, fs, path::Path};

use super::{files, read};
use crate::common::{root, run};

/// How commands become small.
struct Smaller {
    /// Words that such a command has.
    of: &'static str,
    /// Words that are replaced by others.
    replaced: &'static [(&'static str, &'static str)],
    /// Words that are added.
    more: &'static [&'static str],
}

const SMALLER: &[Smaller] = &[
    Smaller { of: "bench", replaced: &[("wgpu", "flex")], more: &["--quick"] },
    Smaller {
        of: "coord-check experiments/coordinate-check/mean-field.toml",
        replaced: &[],
        more: &["--width", "64,128,256", "--seeds", "2", "--steps", "2"],
    },
    Smaller {
        of: "solve experiments/mean-field/problem.toml",
        replaced: &[("1e-3", "1e-1"), ("8", "2"), ("inf,1024", "inf,64")],
        more: &["--set", "optimizer.steps=2", "--set", "record.at=[0, 2]"],
    },
    Smaller { of: "plan experiments/wide/problem.toml", replaced: &[("4096,1e6", "256,4096")], more: &[] },
    Smaller {
        of: "solve experiments/wide/problem.toml",
        replaced: &[("1e4,1e5,1e6", "5e3"), ("1e6", "5e3")],
        more: &["--set", "optimizer.steps=4", "--engine", "conditioned"],
    },
    Smaller {
        of: "kernel experiments/kernel-regime/kernel.toml",
        replaced: &[("512", "64")],
        more: &["--set", "data.train_samples=8", "--set", "data.test_samples=4"],
    },
    Smaller {
        of: "solve experiments/scaling-limits/problem.toml",
        replaced: &[("128,1e5,inf", "128,1e3,inf")],
        more: FEW_STEPS,
    },
    Smaller { of: "study experiments/mean-field/convergence.toml", replaced: &[], more: FEW_WIDTHS },
    Smaller { of: "study experiments/mean-field/real-data.toml", replaced: &[], more: FEW_WIDTHS },
    Smaller { of: "study experiments/quickstart.toml", replaced: &[], more: FEW_WIDTHS },
    Smaller { of: "plan experiments/quickstart.toml", replaced: &[], more: FEW_WIDTHS },
    // Nothing is handed over where there is no Slurm; and not from a test where there is.
    Smaller { of: "submit experiments/quickstart.toml", replaced: &[("--submit", "--tasks=4")], more: FEW_WIDTHS },
    Smaller {
        of: "study experiments/kernel-regime/linearisation.toml",
        replaced: &[],
        more: &[
            "--set",
            "axes.width=[16, 32, 64]",
            "--set",
            "axes.seed=[1]",
            "--set",
            "problem.optimizer.steps=5",
            "--set",
            "problem.data.train_samples=8",
            "--set",
            "problem.data.test_samples=8",
        ],
    },
];

const FEW_WIDTHS: &[&str] = &[
    "--set",
    "axes.width=[1e4, 1e6, 1e8, \"inf\"]",
    "--set",
    "axes.seed={ count = 3 }",
    "--set",
    "problem.optimizer.steps=20",
];
const FEW_STEPS: &[&str] = &[
    "--set",
    "optimizer.steps=4",
    "--set",
    "record.at=[0, 4]",
    "--set",
    "data.train_samples=4",
    "--set",
    "data.test_samples=4",
];

/// Commands that need files which a reader has to supply; they say which.
const NEEDS_DATA: &[(&str, &str)] = &[("linearisation.toml --full", "cifar-10-batches-bin")];

/// The words of a line of a shell, without its comment.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\'', Some(_)) => quote = None,
            ('\'', None) => {
                quote = Some(());
                word.get_or_insert_default();
            }
            ('#', None) if word.is_none() => break,
            ('\\', None) => word.get_or_insert_default().extend(letters.next()),
            (letter, None) if letter.is_whitespace() => words.extend(word.take()),
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// The command as it runs here: small, and with all that it writes in a folder.
fn prepared(words: &[String], folder: &Path) -> Vec<String> {
    let line = words.join(" ");
    let smaller: Vec<&Smaller> = SMALLER.iter().filter(|smaller| line.contains(smaller.of)).collect();
    let inside = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    let mut prepared: Vec<String> = Vec::new();
    for (position, word) in words.iter().enumerate() {
        let replaced = smaller.iter().flat_map(|smaller| smaller.replaced).find(|(from, _)| from == word);
        let writes = position > 0
            && ["--output", "--out", "--figure", "--map", "--report"].contains(&words[position - 1].as_str());
        prepared.push(match replaced {
            Some((_, to)) => (*to).to_owned(),
            None if writes => inside(word),
            None if word == "out/RUN" => {
                // Of a study that an earlier command of the page has left there.
                let runs =
                    fs::read_dir(folder.join("out")).expect("a study ran").map(|entry| entry.expect("an entry").path());
                runs.min().expect("a run directory").to_str().expect("UTF-8").to_owned()
            }
            None => word.clone(),
        });
    }
    prepared.extend(smaller.iter().flat_map(|smaller| smaller.more).map(|word| (*word).to_owned()));
    if ["study", "submit"].contains(&words[0].as_str()) && !words.iter().any(|word| word == "--out") {
        prepared.extend(["--out".into(), inside("out")]);
    }
    prepared
}

#[test]
fn every_command_of_the_guide_runs() {
    let (mut ran, mut lines) = (0, String::new());
    let mut known: BTreeSet<Vec<String>> = BTreeSet::new();
    for page in files(&root().join("docs/guide"), &["md"]) {
        // Its commands run one after the other in a test of their own.
        if page.ends_with("first-hour.md") {
            continue;
        }
        let text = fs::read_to_string(&page).expect("a page");
        let folder = tempfile::tempdir().expect("a folder");
        for line in text.lines().filter_map(|line| line.strip_prefix("widenet ")) {
            lines.push_str(line);
            lines.push('\n');
            let words = shell_words(line);
            // The same command on another page has run; a report is of its own page.
            if words[0] != "study" && words[0] != "report" && !known.insert(words.clone()) {
                continue;
            }
            let arguments = prepared(&words, folder.path());
            let said = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
            let name = page.file_name().expect("a name").to_string_lossy();
            if let Some((_, file)) = NEEDS_DATA.iter().find(|(of, _)| line.contains(of)) {
                assert!(said.code == 2 && said.err.contains(file), "{name}: {arguments:?}: {}", said.err);
                continue;
            }
            // What is refuted on small data is refuted; part of a study is reported as such.
            let is_fine = match words[0].as_str() {
                "coord-check" | "study" => said.code <= 1,
                "report" => [0, 1, 75].contains(&said.code),
                _ => said.code == 0,
            };
            assert!(is_fine, "{name}: {arguments:?}: {}{}", said.out, said.err);
            ran += 1;
        }
    }
    assert!(ran >= 25, "{ran} commands");
    for of in SMALLER.iter().map(|smaller| smaller.of).chain(NEEDS_DATA.iter().map(|(of, _)| *of)) {
        assert!(lines.contains(of), "no command of the guide has `{of}`");
    }
}

#[test]
fn words_are_those_of_a_shell() {
    let words = shell_words(
        r#"solve a.toml --set parameterization='{ kind = "ntk" }' --set network.width=\"inf\"   # a comment"#,
    );
    let wanted = ["solve", "a.toml", "--set", "parameterization={ kind = \"ntk\" }", "--set", "network.width=\"inf\""];
    assert_eq!(words, wanted);
    assert!(read("docs/guide/scalings.md").contains("widenet "), "the guide has commands");
}

//! TOML and JSON as one tree: places, edits, reading and writing.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use widenet_document::{
    Document, Entry, Error, Field, Node, Numbers, Place, Value,
    keys::{optional, required},
    section,
    shape::{natural, positive, table, text},
};

const TOML: &str = r#"
title = "a \"b\" µ"
[optimizer]
learning_rate = 0.1
steps = 1_000
[data]
inputs = [[1, 2.5], [-3, 4e-3]]
flags = { on = true, nested.deep = "x" }
"#;

const JSON: &str = r#"{
  "title": "a \"b\" µ",
  "data": {"inputs": [[1, 2.5], [-3, 4e-3]], "flags": {"on": true, "nested": {"deep": "x"}}},
  "optimizer": {"steps": 1000, "learning_rate": 0.1}
}"#;

fn toml(text: &str) -> Document {
    Document::from_toml("x.toml", text).unwrap()
}

fn place_and_message(error: Error) -> (usize, usize, String) {
    match error {
        Error::Document { line, column, message, .. } => (line, column, message),
        other => panic!("{other}"),
    }
}

/// The message of reading the one key `x`.
fn refusal<T: std::fmt::Debug>(
    text: &str,
    read: impl FnOnce(&Field<'static>) -> widenet_document::Result<T>,
) -> String {
    let document: &'static Document = Box::leak(Box::new(toml(text)));
    place_and_message(read(&document.field("x").unwrap()).unwrap_err()).2
}

#[test]
fn toml_and_json_give_the_same_tree() {
    assert_eq!(toml(TOML), Document::from_json("x.json", JSON).unwrap());
}

#[test]
fn syntax_errors_have_line_and_column() {
    let (line, column, _) = place_and_message(Document::from_toml("x.toml", "a = 1\nb = = 2").unwrap_err());
    assert_eq!((line, column), (2, 5));
    let (line, column, _) =
        place_and_message(Document::from_json("x.json", "{\n \"a\": 1,\n \"b\": tru}").unwrap_err());
    assert_eq!((line, column), (3, 7));
}

#[test]
fn json_is_strict_and_duplicate_keys_are_errors_in_both() {
    for text in [
        "{\"a\": 1,}",
        "{\"a\": 1} // x",
        "{a: 1}",
        "{'a': 1}",
        "[1]",
        "",
        "{\"a\": null}",
        "{\"a\": NaN}",
        "{\"a\": 1e400}",
    ] {
        assert!(Document::from_json("x.json", text).is_err(), "{text}");
    }
    let (_, column, message) = place_and_message(Document::from_json("x.json", r#"{"a": 1, "a": 2}"#).unwrap_err());
    assert_eq!((column, message.as_str()), (10, "duplicate key `a`"));
    let (line, _, message) = place_and_message(Document::from_toml("x.toml", "a = 1\na = 2").unwrap_err());
    assert_eq!(line, 2);
    assert!(message.contains("duplicate key"), "{message}");
}

#[test]
fn dates_and_unknown_extensions_are_refused() {
    assert!(Document::from_toml("x.toml", "a = 2020-01-01").unwrap_err().to_string().contains("date"));
    let error = Document::load("problem.yaml".as_ref()).unwrap_err().to_string();
    assert!(error.contains(".toml") && error.contains(".json"), "{error}");
    let error = Document::load("no-such-file.toml".as_ref()).unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }), "{error}");
}

#[test]
fn columns_count_characters() {
    let document = toml("\"µ\" = { a = \"ä\", b = 1 }");
    assert_eq!(place_and_message(document.field("µ.b").unwrap().string().unwrap_err()).1, 22);
}

section! {
    /// A rule.
    #[derive(Debug)]
    struct Rule {
        /// How fast.
        learning_rate: f64 = required(positive()),
        /// How long.
        steps: Option<u64> = optional(natural()),
        /// What it is called.
        name: Option<String> = optional(text()),
    }
    refuse { "time": "it has steps" }
    check = |rule, written| match (&rule.name, rule.steps) {
        (Some(_), None) => Err(written.missing("steps")),
        _ => Ok(()),
    };
}

section! {
    /// A file.
    #[derive(Debug)]
    struct File {
        /// A rule.
        optimizer: Rule = required(table()),
    }
}

#[test]
fn unknown_and_missing_keys_name_what_was_probably_meant() {
    let mistake = |text: &str| place_and_message(toml(text).read::<File>().unwrap_err());
    let (line, _, message) = mistake("[optimizer]\nlearning_rat = 1\nstepz = 3");
    assert_eq!(line, 2);
    assert_eq!(message, "unknown key `optimizer.learning_rat`; did you mean `learning_rate`?");
    assert_eq!(
        mistake("[optimizer]\nstepz = 3").2,
        "`optimizer.learning_rate` is missing; unknown key `optimizer.stepz`; did you mean `steps`?"
    );
    let (line, column, message) = mistake("[optimizer]\nlearning_rate = 1\nstepz = 3");
    assert_eq!((line, column), (3, 1));
    assert_eq!(message, "unknown key `optimizer.stepz`; did you mean `steps`?");
    let mut file: File = toml("[optimizer]\nlearning_rate = 1\nname = 'x'\nsteps = 3").read().unwrap();
    assert_eq!((file.optimizer.learning_rate, file.optimizer.name.take().as_deref()), (1.0, Some("x")));
    assert_eq!(mistake("[optimizer]\nlearning_rate = 1\nname = 'x'").2, "`optimizer.steps` is missing");
    let refused = mistake("[optimizer]\nlearning_rate = 1\ntime = 1").2;
    assert_eq!(refused, "`optimizer.time` is not used here: it has steps");
}

#[test]
fn numbers_are_read_with_their_bounds() {
    let whole = |text: &str| toml(text).field("x").unwrap().whole();
    assert_eq!(whole("x = 1e3").unwrap(), 1000);
    assert_eq!(whole("x = 9007199254740993").unwrap(), 9_007_199_254_740_993);
    assert_eq!(refusal("x = 2.5", Field::whole), "`x` is 2.5; it must be a whole number ≥ 0");
    assert_eq!(refusal("x = 1e16", Field::whole), "`x` is 1e16; it must be a whole number ≥ 0");
    assert_eq!(refusal("x = -1", Field::count), "`x` is -1; it must be a whole number ≥ 1");
    assert_eq!(refusal("x = 12", |f| f.whole_in(1..=9)), "`x` is 12; it must be a whole number from 1 to 9");
    assert_eq!(refusal("x = nan", Field::number), "`x` is nan; it must be a finite number");
    assert_eq!(refusal("x = 0", Field::positive), "`x` is 0; it must be a finite number > 0");
    assert_eq!(refusal("x = -0.5", Field::non_negative), "`x` is -0.5; it must be a finite number ≥ 0");
    assert_eq!(refusal("x = 1", |f| f.number_in(0.0, 1.0)), "`x` is 1; it must be a number ≥ 0 and < 1");
    assert_eq!(refusal("x = 'a'", Field::boolean), "`x` is \"a\"; it must be true or false");
    let long = format!("x = {:?}", vec![1; 100]);
    assert!(refusal(&long, Field::string).contains("1, 1, …; it must be"));
}

/// Numbers above 2⁵³ that f64 holds are read, others are not rounded in silence; whoever writes a point wants the nearest.
#[test]
fn whole_numbers_that_are_not_held_are_refused() {
    let number = |text: &str| toml(text).field("x").unwrap().number();
    assert_eq!(number("x = 9007199254740994").unwrap(), 9_007_199_254_740_994.0);
    assert_eq!(number("x = 9007199254740993.0").unwrap(), 9_007_199_254_740_992.0);
    assert_eq!(number("x = -9223372036854775808").unwrap(), -9_223_372_036_854_775_808.0);
    for text in ["x = 9007199254740993", "x = -9007199254740993", "x = 9223372036854775807"] {
        assert!(refusal(text, Field::number).contains("that f64 holds; write it with a point"), "{text}");
    }
    let json = |text: &str| Document::from_json("run.json", text);
    let message = json("{\"x\": 18446744073709551616}").unwrap_err().to_string();
    assert_eq!(
        message,
        "run.json:1:7: `18446744073709551616` has more than 64 bits; write it with a point or an exponent to round it"
    );
    assert!(json("{\"x\": 18446744073709551616.0}").is_ok());
}

/// Also of a key, a word, an override: nothing prints what somebody hides in a file.
#[test]
fn forty_characters_of_a_value_are_quoted_at_most() {
    let secret = format!("{}SECRET", "a".repeat(120));
    let colors = |field: &Field<'_>| field.choice(&[("red", 1), ("blue", 2)]);
    let mut messages = vec![
        refusal(&format!("x = '{secret}'"), Field::number),
        refusal(&format!("x = '{secret}'"), colors),
        toml(&format!("{secret} = 1\n[optimizer]\nlearning_rate = 1")).read::<File>().unwrap_err().to_string(),
        Document::from_json("run.json", &format!("{{\"{secret}\": 1, \"{secret}\": 1}}")).unwrap_err().to_string(),
        Document::from_toml("run.toml", &format!("{secret} = 1\n{secret} = 1")).unwrap_err().to_string(),
        Document::from_toml("run.toml", &format!("x = {secret}")).unwrap_err().to_string(),
        Document::from_toml("run.toml", &format!("x = \"{secret}")).unwrap_err().to_string(),
    ];
    for set in [(secret.clone(), "= 1".to_string()), ("x".into(), format!("= {secret}"))] {
        let folder = std::env::temp_dir().join(format!("widenet-documents-{}.toml", std::process::id()));
        std::fs::write(&folder, "x = 1").unwrap();
        messages.push(Document::load_with(&folder, &[set]).unwrap_err().to_string());
        std::fs::remove_file(&folder).unwrap();
    }
    for message in messages {
        assert!(!message.contains("SECRET"), "{message}");
    }
}

#[test]
fn words_and_lists_are_read() {
    let document = toml("word = 'blue'");
    assert_eq!(document.field("word").unwrap().choice(&[("red", 1), ("blue", 2)]).unwrap(), 2);
    let colors = |field: &Field<'_>| field.choice(&[("red", 1), ("blue", 2)]);
    assert_eq!(refusal("x = 'blu'", colors), "unknown `x`: \"blu\"; did you mean `blue`?");
    assert_eq!(refusal("x = 'green'", colors), "unknown `x`: \"green\"; known: red, blue");
    assert_eq!(refusal("x = 3", colors), "`x` is 3; it must be \"red\" or \"blue\"");
    assert!(
        refusal("x = [1, 2]", |f| f.list_of(3, "one per layer", Field::whole)).contains("must have 3, one per layer")
    );
}

#[test]
fn set_parses_values_and_bare_words_and_makes_tables() {
    let mut document = toml(TOML);
    for (path, text) in [
        ("optimizer.learning_rate", "0.5"),
        ("optimizer.kind", "gd"),
        ("data.file", "folder/train-1.csv"),
        ("data.array", "data.npz:x"),
        ("record.at.every", "10"),
        ("data.inputs", "[[inf]]"),
        ("data.flags", "{ on = false }"),
        ("network.bias", " false "),
        ("record.label", "'a # b'"),
    ] {
        document.set(path, text, "--set").unwrap();
    }
    let expected = r#"
        title = 'a "b" µ'
        optimizer = { learning_rate = 0.5, steps = 1000, kind = "gd" }
        data = { inputs = [[inf]], file = "folder/train-1.csv", array = "data.npz:x", flags = { on = false } }
        record = { at.every = 10, label = "a # b" }
        network.bias = false
    "#;
    assert_eq!(document, toml(expected));
}

/// A key with dots in quotes and tables are the same, in the file and in the path.
#[test]
fn set_replaces_keys_in_quotes() {
    let forms = ["axes.\"optimizer.rate\" = [1]\naxes.seed = 2", "axes = { optimizer = { rate = [1] }, seed = 2 }"];
    for (text, form) in forms.into_iter().zip([0, 1]) {
        for path in ["axes.optimizer.rate", "axes.\"optimizer.rate\"", "axes.'optimizer.rate'"] {
            let mut document = toml(text);
            document.set(path, "[3]", "--set").unwrap();
            assert_eq!(document, toml(&forms[form].replace("[1]", "[3]")), "{path}");
            assert_eq!(document.get("axes.optimizer.rate").map(Node::to_toml).as_deref(), Some("[3]"));
        }
    }
}

#[test]
fn errors_in_set_values_name_their_origin() {
    let mut document = toml(TOML);
    document.set("optimizer.learning_rate", "-1", "--set optimizer.learning_rate=-1").unwrap();
    let error = document.field("optimizer.learning_rate").unwrap().positive().unwrap_err().to_string();
    assert!(error.starts_with("--set optimizer.learning_rate=-1:1:1: `optimizer.learning_rate` is -1;"), "{error}");
}

#[test]
fn set_refuses_what_is_no_value_or_no_place() {
    let mut document = toml(TOML);
    for text in ["", "3 # x", "[1] #", "1, 2", "1 # x\nsteps = 2", "1.2.3", "[1", "a b", "\"x", "1\n"] {
        let error = document.set("optimizer.steps", text, "--set").unwrap_err().to_string();
        assert!(error.contains("is not a value"), "{text}: {error}");
    }
    let error = document.set("optimizer..steps", "1", "--set").unwrap_err().to_string();
    assert!(error.contains("dotted key"), "{error}");
    let error = document.set("title.x", "1", "--set").unwrap_err().to_string();
    assert!(error.contains("`title` is") && error.contains("not a table"), "{error}");
}

#[test]
fn nodes_are_found_moved_and_removed() {
    let mut document = toml(TOML);
    let flags = document.remove("data.flags").unwrap();
    assert_eq!(document.get("data.flags"), None);
    assert_eq!(document.remove("data.flags.on"), None);
    document.set_node("optimizer", flags.clone()).unwrap();
    assert_eq!(document.get("optimizer"), Some(&flags));
    assert_eq!(document.get("optimizer.nested.deep").map(Node::to_toml).as_deref(), Some("\"x\""));
    assert_eq!(Field::new("flags".into(), &flags).entries().unwrap().len(), 2);
    assert!(Document::from_node(flags).is_ok());
    assert!(Document::from_node(document.remove("title").unwrap()).is_err());
}

fn leaf(rng: &mut impl Rng) -> Value {
    const SPECIAL: [f64; 6] = [0.0, 1.0, -1e300, 5e-324, f64::INFINITY, f64::NEG_INFINITY];
    const LETTERS: [char; 12] = ['a', 'Z', '7', '_', '-', '.', ' ', '"', '\'', '\\', '\n', 'µ'];
    match rng.random_range(0..5) {
        0 => Value::Boolean(rng.random()),
        1 => Value::Integer(rng.random::<i64>()),
        2 => Value::Float(SPECIAL[rng.random_range(0..SPECIAL.len())]),
        3 => Value::Float(f64::from_bits(rng.random::<u64>() & !(1 << 62))),
        _ => Value::String((0..rng.random_range(0..6)).map(|_| LETTERS[rng.random_range(0..LETTERS.len())]).collect()),
    }
}

fn random_node(rng: &mut impl Rng, depth: usize, table: bool) -> Node {
    let place = Place::new("random", "");
    let size = rng.random_range(0..4);
    let value = match rng.random_range(0..3) {
        _ if depth == 0 => leaf(rng),
        kind if table || kind == 0 => {
            let keys = ["a", "b-1", "with space", "", "\"", "dotted.key"];
            let entries = keys[..size.min(keys.len())].iter().map(|key| Entry {
                key: key.to_string(),
                place: place.clone(),
                node: random_node(rng, depth - 1, false),
            });
            Value::Table(entries.collect())
        }
        1 => Value::Array((0..size).map(|_| random_node(rng, depth - 1, false)).collect()),
        _ => leaf(rng),
    };
    Node { value, place }
}

#[test]
fn written_toml_reads_back_as_the_same_tree_and_the_same_text() {
    for case in 0..2000 {
        let node = random_node(&mut ChaCha8Rng::seed_from_u64(case), 4, true);
        let text = node.to_toml();
        let read = Document::from_toml("x.toml", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(*read.root(), node, "{text}");
        assert_eq!(read.root().to_toml(), text);
    }
}

#[test]
fn written_toml_does_not_depend_on_the_order_of_keys() {
    let json = Document::from_json("x.json", JSON).unwrap();
    let text = toml(TOML).root().to_toml();
    assert_eq!(json.root().to_toml(), text);
    let wanted = "title = 'a \"b\" µ'\n\n[data]\ninputs = [[1, 2.5], [-3, 0.004]]\n\n[data.flags]\non = true\n\n\
                  [data.flags.nested]\ndeep = \"x\"\n\n[optimizer]\nlearning_rate = 0.1\nsteps = 1000\n";
    assert_eq!(text, wanted);
}

/// Rows of numbers that a program gives are written like lists, and equal them.
#[test]
fn arrays_are_lists_of_lists() {
    let numbers = |columns, values: &[f64]| Numbers::new(columns, values.to_vec());
    assert_eq!((numbers(0, &[]), numbers(2, &[]), numbers(2, &[1.0, 2.0, 3.0])), (None, None, None));
    let array = numbers(2, &[1.0, -0.5, 1e300, 4.0]).expect("two rows");
    assert_eq!(array.shape(), (2, 2));
    let node = Node { value: Value::Numbers(array.into()), place: Place::new("python", "") };
    assert_eq!(node.excerpt(), "an array of 2 × 2 numbers");
    let mut document = toml("");
    document.set_node("data.inputs", node.clone()).unwrap();
    let text = document.root().to_toml();
    assert_eq!(text, "[data]\ninputs = [[1.0, -0.5], [1e300, 4.0]]\n");
    let read = toml(&text);
    assert_eq!(read, document);
    assert_eq!(document, read);
    for other in ["[[1.0, -0.5], [1e300, 5.0]]", "[[1.0, -0.5]]", "[[1.0], [1e300]]", "[1.0, 2.0]"] {
        assert_ne!(toml(&format!("data.inputs = {other}")), document, "{other}");
    }
    let json = widenet_document::schema::json(&node.value);
    assert_eq!(json.to_string(), "[[1.0,-0.5],[1e+300,4.0]]");
}

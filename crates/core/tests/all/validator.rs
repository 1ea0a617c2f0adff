//! As much of JSON Schema (draft 7) as the schemas of files use; a keyword that it does not know is an error of the test.

use serde_json::Value as Json;

/// Keywords that say nothing about what is valid.
const SAYS_NOTHING: [&str; 5] = ["$schema", "title", "description", "default", "x-unit"];

/// Whether a value is valid under a schema; the first reason if not.
pub(crate) fn validate(schema: &Json, value: &Json) -> Result<(), String> {
    let schema = match schema {
        Json::Bool(true) => return Ok(()),
        Json::Bool(false) => return Err(format!("{value} is not allowed here")),
        schema => schema.as_object().expect("a schema is an object"),
    };
    for (keyword, wanted) in schema {
        let holds = match keyword.as_str() {
            "type" => is_of_type(value, wanted.as_str().unwrap()),
            "enum" => wanted.as_array().unwrap().contains(value),
            "const" => wanted == value,
            "minimum" => compare(value, wanted, |x, bound| x >= bound),
            "maximum" => compare(value, wanted, |x, bound| x <= bound),
            "exclusiveMinimum" => compare(value, wanted, |x, bound| x > bound),
            "exclusiveMaximum" => compare(value, wanted, |x, bound| x < bound),
            "multipleOf" => compare(value, wanted, |x, unit| (x / unit).fract() == 0.0),
            "minItems" => value.as_array().is_none_or(|list| list.len() as u64 >= wanted.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|list| list.len() as u64 <= wanted.as_u64().unwrap()),
            "maxLength" => value.as_str().is_none_or(|text| text.len() as u64 <= wanted.as_u64().unwrap()),
            "minLength" => value.as_str().is_none_or(|text| text.len() as u64 >= wanted.as_u64().unwrap()),
            "required" => {
                let keys = wanted.as_array().unwrap();
                value.as_object().is_none_or(|table| keys.iter().all(|key| table.contains_key(key.as_str().unwrap())))
            }
            "items" => {
                value.as_array().into_iter().flatten().try_for_each(|element| validate(wanted, element))?;
                true
            }
            "properties" => {
                let known = wanted.as_object().unwrap();
                let table = value.as_object().into_iter().flatten();
                for (key, value) in table {
                    known
                        .get(key)
                        .map_or(Ok(()), |schema| validate(schema, value))
                        .map_err(|why| format!("{key}: {why}"))?;
                }
                true
            }
            "additionalProperties" => {
                let known = schema["properties"].as_object().unwrap();
                let others = value.as_object().into_iter().flatten().filter(|(key, _)| !known.contains_key(*key));
                for (key, value) in others {
                    validate(wanted, value).map_err(|why| format!("{key}: {why}"))?;
                }
                true
            }
            "anyOf" => wanted.as_array().unwrap().iter().any(|schema| validate(schema, value).is_ok()),
            "oneOf" => wanted.as_array().unwrap().iter().filter(|schema| validate(schema, value).is_ok()).count() == 1,
            "allOf" => {
                wanted.as_array().unwrap().iter().try_for_each(|schema| validate(schema, value))?;
                true
            }
            "not" => validate(wanted, value).is_err(),
            "if" => {
                let case = if validate(wanted, value).is_ok() { "then" } else { "else" };
                schema.get(case).map_or(Ok(()), |schema| validate(schema, value))?;
                true
            }
            "then" | "else" => true,
            keyword => {
                assert!(SAYS_NOTHING.contains(&keyword), "the keyword {keyword} is not known to the tests");
                true
            }
        };
        if !holds {
            return Err(format!("{value} breaks {keyword} = {wanted}"));
        }
    }
    Ok(())
}

fn is_of_type(value: &Json, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        name => panic!("the type {name} is not known to the tests"),
    }
}

fn compare(value: &Json, bound: &Json, holds: fn(f64, f64) -> bool) -> bool {
    value.as_f64().is_none_or(|x| holds(x, bound.as_f64().unwrap()))
}

/// A validator that takes everything would pass every test of valid files.
#[test]
fn what_is_wrong_is_refused() {
    use serde_json::json;
    let schema = json!({
        "type": "object",
        "properties": { "a": { "type": "number", "exclusiveMinimum": 0, "multipleOf": 1 }, "b": { "enum": ["x"] } },
        "required": ["a"],
        "additionalProperties": false,
    });
    assert_eq!(validate(&schema, &json!({ "a": 2, "b": "x" })), Ok(()));
    for wrong in [
        json!({}),
        json!({ "a": 0 }),
        json!({ "a": 1.5 }),
        json!({ "a": "1" }),
        json!({ "a": 1, "b": "y" }),
        json!({ "a": 1, "c": 1 }),
        json!([]),
    ] {
        assert!(validate(&schema, &wrong).is_err(), "{wrong}");
    }
}

//! What stands at a place of a JSON body. The body is looked through for each key that leads into it, without being built: what
//! is not on the way is passed over.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::thales::key_expression::BodyStep;

/// Every value that `steps` lead to, in the order of the body; `None` where one is missing, is `null`, is empty, or is neither text
/// nor number nor truth value, where a list on the way has no elements, and where a member on the way stands twice: which one is
/// meant would be the reader's choice, and a backend's may be another.
pub(super) fn values(body: &[u8], steps: &[BodyStep]) -> Option<Vec<Vec<u8>>> {
    let mut values = Vec::new();
    // A body that is none further on has no keys either.
    let root: &RawValue = serde_json::from_slice(body).ok()?;
    collect(root, steps, &mut values)?;
    Some(values)
}

fn collect(at: &RawValue, steps: &[BodyStep], values: &mut Vec<Vec<u8>>) -> Option<()> {
    let mut json = serde_json::Deserializer::from_str(at.get());
    match steps.split_first() {
        None => values.push(scalar(at.get())?),
        Some((BodyStep::Field(name), rest)) => collect(json.deserialize_map(Member(name)).ok()??, rest, values)?,
        Some((BodyStep::Each, rest)) => {
            let elements = json.deserialize_seq(Elements).ok()?;
            if elements.is_empty() {
                return None;
            }
            for element in elements {
                collect(element, rest, values)?;
            }
        }
    }
    Some(())
}

/// A text without its quotes and escapes; a number as it is written.
fn scalar(json: &str) -> Option<Vec<u8>> {
    let bytes = match json.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(json).ok()?.into_bytes(),
        b'{' | b'[' | b'n' => return None,
        _ => json.as_bytes().to_vec(),
    };
    (!bytes.is_empty()).then_some(bytes)
}

/// Looks for the only member of this name.
struct Member<'n>(&'n str);

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Self::Value, M::Error> {
        let (mut found, mut several) = (None, false);
        while let Some(is_it) = members.next_key_seed(Name(self.0))? {
            if is_it {
                several |= found.is_some();
                found = Some(members.next_value()?);
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found.filter(|_| !several))
    }
}

/// Whether a member has this name.
struct Name<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

/// The elements of a list.
struct Elements;

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut elements: S) -> Result<Self::Value, S::Error> {
        let mut found = Vec::new();
        while let Some(element) = elements.next_element()? {
            found.push(element);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::thales::key_expression::{KeyExpression, KeyPart};

    fn found(body: &str, path: &str) -> Option<Vec<String>> {
        let key = KeyExpression::parse(&[format!("body:{path}")], "/").unwrap();
        let [KeyPart::Body(steps)] = key.parts() else { panic!("a way into the body") };
        let values = values(body.as_bytes(), steps)?;
        Some(values.into_iter().map(|value| String::from_utf8(value).unwrap()).collect())
    }

    fn one(body: &str) -> Option<String> {
        found(body, "a").map(|values| values.concat())
    }

    #[test]
    fn a_value_is_found_wherever_it_stands() {
        assert_eq!(found(r#" {"x":[1,{"a":2}],"a":{"b":"v","c":0}} "#, "a.b").unwrap(), ["v"]);
        assert_eq!(found(r#"{"o":[{"id":"1","x":{}},{"x":[],"id":"2"}]}"#, "o[].id").unwrap(), ["1", "2"]);
        assert_eq!(found(r#"{"o":[{"p":[{"i":1},{"i":2}]},{"p":[{"i":3}]}]}"#, "o[].p[].i").unwrap(), ["1", "2", "3"]);
        assert_eq!(found(r#"{"a":["x","y"]}"#, "a[]").unwrap(), ["x", "y"]);
    }

    #[test]
    fn texts_lose_their_escapes_and_numbers_stay_as_they_are_written() {
        assert_eq!(one(r#"{"a":"caf\u00e9 \"x\"/\/"}"#).unwrap(), "caf\u{e9} \"x\"//");
        assert_eq!(one(r#"{"\u0061":"escaped name"}"#).unwrap(), "escaped name");
        for number in ["0", "-1", "1.0", "1.00", "1e2", "123456789012345678901234567890"] {
            assert_eq!(one(&format!(r#"{{"a": {number} }}"#)).unwrap(), number);
        }
        assert_eq!(one(r#"{"a":true}"#).unwrap(), "true");
    }

    #[test]
    fn what_is_not_there_or_no_scalar_is_missing() {
        for body in [
            "",
            "null",
            "[]",
            "\"a\"",
            "{}",
            r#"{"A":"x"}"#,
            r#"{"a":null}"#,
            r#"{"a":{}}"#,
            r#"{"a":[]}"#,
            r#"{"a":""}"#,
        ] {
            assert_eq!(one(body), None, "{body}");
        }
        for body in
            [r#"{"o":[]}"#, r#"{"o":{}}"#, r#"{"o":[{"id":"1"},{}]}"#, r#"{"o":[{"id":"1"},null]}"#, r#"{"o":["1"]}"#]
        {
            assert_eq!(found(body, "o[].id"), None, "{body}");
        }
    }

    #[test]
    fn a_member_that_stands_twice_on_the_way_is_missing_and_elsewhere_it_is_nobody_s_business() {
        assert_eq!(one(r#"{"a":"1","a":"2"}"#), None);
        assert_eq!(one(r#"{"a":"1","\u0061":"1"}"#), None);
        assert_eq!(found(r#"{"a":{"b":1},"a":{}}"#, "a.b"), None);
        assert_eq!(one(r#"{"x":1,"x":2,"a":"1"}"#).unwrap(), "1");
    }

    #[test]
    fn what_is_no_json_has_no_values() {
        for body in [
            r#"{"a":"x""#,
            r#"{"a":"x"} trailing"#,
            r#"{"a":"x",}"#,
            "a=x",
            "\u{feff}{\"a\":\"x\"}",
            r#"{"a":"\ud800"}"#,
        ] {
            assert_eq!(one(body), None, "{body}");
        }
        assert_eq!(values(b"{\"a\":\"\xff\"}", &[BodyStep::Field("a".into())]), None);
    }

    #[test]
    fn a_body_that_is_deep_beyond_reason_is_no_danger() {
        let deep = format!(r#"{{"x":{}{},"a":"1"}}"#, "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(one(&deep).unwrap(), "1");
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..60), json in r#"[\[\]{}",:a0 ]{0,30}"#) {
            let steps = [BodyStep::Field("a".into()), BodyStep::Each, BodyStep::Field("0".into())];
            for steps in [&steps[..1], &steps[..2], &steps] {
                let _ = values(&body, steps);
                let _ = values(json.as_bytes(), steps);
            }
        }
    }
}

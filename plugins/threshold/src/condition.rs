//! Conditions as properties say them, checked against the fields of the input.

use crate::selection::{Range, Selection};
use campanile_sdk::{DataType, Finding, Input, text};
use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer, Visitor};
use std::fmt;

/// A field and what is asked of it.
pub(crate) struct Condition<'a> {
    field: &'a str,
    questions: Vec<(&'static str, Question<'a>)>,
}

/// Declares the properties of a plugin: those of a condition, then its own. (`#[serde(flatten)]` would keep every value
/// in a buffer of any type, and does not go with `deny_unknown_fields`.)
macro_rules! properties_with_condition {
    ($(#[$meta:meta])* struct $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        pub(crate) struct $name {
            /// The field that is looked at. Exactly one of the conditions beside it is given; a null meets none of them.
            field: String,
            /// Met by numbers greater than this one.
            #[schemars(with = "Option<f64>")]
            above: Option<Number>,
            /// Met by numbers greater than or equal to this one.
            #[schemars(with = "Option<f64>")]
            at_least: Option<Number>,
            /// Met by numbers less than this one.
            #[schemars(with = "Option<f64>")]
            below: Option<Number>,
            /// Met by numbers less than or equal to this one.
            #[schemars(with = "Option<f64>")]
            at_most: Option<Number>,
            /// Met by this value: a number, text, true or false.
            #[schemars(with = "Option<AnyConstant>")]
            equals: Option<Constant>,
            /// Met by every value but this one: a number, text, true or false.
            #[schemars(with = "Option<AnyConstant>")]
            not_equals: Option<Constant>,
            /// Met by numbers from the first to the second, both included: `[36, 37.5]`.
            #[schemars(with = "Option<[f64; 2]>")]
            inside: Option<[Number; 2]>,
            /// Met by numbers less than the first or greater than the second: `[36, 37.5]`.
            #[schemars(with = "Option<[f64; 2]>")]
            outside: Option<[Number; 2]>,
            $($own)*
        }

        impl $name {
            fn condition(&self) -> Condition<'_> {
                Condition::new(&self.field, [
                    ("above", self.above.map(|low| Question::range(Some((low, false)), None))),
                    ("atLeast", self.at_least.map(|low| Question::range(Some((low, true)), None))),
                    ("below", self.below.map(|high| Question::range(None, Some((high, false))))),
                    ("atMost", self.at_most.map(|high| Question::range(None, Some((high, true))))),
                    ("equals", self.equals.as_ref().map(|value| Question::Equal { value, equal: true })),
                    ("notEquals", self.not_equals.as_ref().map(|value| Question::Equal { value, equal: false })),
                    ("inside", self.inside.map(|ends| Question::between(ends, true))),
                    ("outside", self.outside.map(|ends| Question::between(ends, false))),
                ])
            }
        }
    };
}
pub(crate) use properties_with_condition;

/// A number as it was written: whole ones keep all their digits.
#[derive(Clone, Copy)]
pub(crate) enum Number {
    Whole(i64),
    Real(f64),
}

pub(crate) enum Constant {
    Boolean(bool),
    Number(Number),
    Text(String),
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Number, D::Error> {
        struct Reads;

        impl Visitor<'_> for Reads {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
                Ok(Number::Whole(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(i64::try_from(number).map_or(Number::Real(number as f64), Number::Whole))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
                Ok(Number::Real(number))
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

impl<'de> Deserialize<'de> for Constant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Constant, D::Error> {
        struct Reads;

        impl Visitor<'_> for Reads {
            type Value = Constant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, text, true or false")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Constant, E> {
                Ok(Constant::Boolean(value))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Constant, E> {
                Ok(Constant::Number(Number::Whole(number)))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Constant, E> {
                let number = i64::try_from(number).map_or(Number::Real(number as f64), Number::Whole);
                Ok(Constant::Number(number))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Constant, E> {
                Ok(Constant::Number(Number::Real(number)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Constant, E> {
                Ok(Constant::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

/// How [`Constant`] stands in the schema.
#[derive(JsonSchema)]
#[schemars(inline, extend("type" = ["string", "number", "boolean"]))]
pub(crate) struct AnyConstant;

/// One end of a range, and whether it belongs to it.
pub(crate) type End = Option<(Number, bool)>;

/// What one property asks.
pub(crate) enum Question<'a> {
    Range { low: End, high: End, inside: bool },
    Equal { value: &'a Constant, equal: bool },
}

const NAMES: &str = "`above`, `atLeast`, `below`, `atMost`, `equals`, `notEquals`, `inside`, `outside`";

impl Question<'static> {
    pub(crate) fn range(low: End, high: End) -> Question<'static> {
        Question::Range { low, high, inside: true }
    }

    pub(crate) fn between([low, high]: [Number; 2], inside: bool) -> Question<'static> {
        Question::Range { low: Some((low, true)), high: Some((high, true)), inside }
    }
}

impl<'a> Condition<'a> {
    /// A condition of what was given.
    pub(crate) fn new(field: &'a str, given: [(&'static str, Option<Question<'a>>); 8]) -> Condition<'a> {
        let questions = given.into_iter().filter_map(|(name, question)| Some((name, question?))).collect();
        Condition { field, questions }
    }

    /// What selects the rows that meet the condition, or all that is wrong with it.
    pub(crate) fn resolve(&self, input: Input<'_>) -> Result<Selection, Vec<Finding>> {
        let mut findings = Vec::new();
        match self.questions.as_slice() {
            [] => {
                let finding = Finding::error("field", format!("there is no condition on field `{}`", self.field));
                findings.push(finding.hint(format!("add one of {NAMES}")));
            }
            [(first, _), others @ ..] => {
                for (name, _) in others {
                    let finding = Finding::error(*name, format!("`{name}` is given beside `{first}`"));
                    findings.push(finding.hint("keep one of them; `inside` and `outside` take two numbers"));
                }
            }
        }
        for (name, question) in &self.questions {
            if let Question::Range { low: Some((low, _)), high: Some((high, _)), .. } = question
                && low.f64() > high.f64()
            {
                let message = format!("the first number, {low}, is greater than the second, {high}");
                let finding = Finding::error(*name, message);
                findings.push(finding.hint(format!("write [{high}, {low}]")));
            }
        }
        let mut selection = Selection::default();
        match data_type(self.field, input) {
            Err(finding) => findings.push(finding),
            Ok(data_type) => {
                for (name, question) in &self.questions {
                    match self.select(name, question, data_type, input) {
                        Ok(one) => selection = one,
                        Err(finding) => findings.push(finding),
                    }
                }
            }
        }
        if findings.is_empty() { Ok(selection) } else { Err(findings) }
    }

    fn select(
        &self,
        name: &str,
        question: &Question<'_>,
        data_type: &DataType,
        input: Input<'_>,
    ) -> Result<Selection, Finding> {
        let field = self.field;
        let is_of_type = format!("field `{field}` is of type {data_type}");
        let failed = |error: campanile_sdk::Error| Finding::error("field", error.to_string());
        let (low, high, inside) = match (question, data_type) {
            (Question::Equal { value, equal }, DataType::String) => {
                let Constant::Text(text) = value else {
                    let value = value.to_string();
                    let finding = Finding::error(name, format!("`{name}` is {value}, but {is_of_type}"));
                    return Err(finding.hint(format!("write it in quotes: \"{value}\"")));
                };
                let field = input.text(field).map_err(failed)?;
                return Ok(Selection::Text { field, value: text.clone(), equal: *equal });
            }
            (Question::Equal { value, equal }, DataType::Boolean) => {
                let Some(value) = value.bool() else {
                    let finding = Finding::error(name, format!("`{name}` is {value}, but {is_of_type}"));
                    return Err(finding.hint("write true or false"));
                };
                let field = input.bool(field).map_err(failed)?;
                return Ok(Selection::Boolean { field, value, equal: *equal });
            }
            (Question::Range { .. }, DataType::String | DataType::Boolean) => {
                let finding = Finding::error(name, format!("`{name}` needs a number, but {is_of_type}"));
                return Err(finding.hint("use `equals` or `notEquals`, or another field"));
            }
            (Question::Equal { value, equal }, _) => {
                let Some(number) = value.number() else {
                    let finding = Finding::error(name, format!("`{name}` is {value}, but {is_of_type}"));
                    return Err(finding.hint("write a number"));
                };
                (Some((number, true)), Some((number, true)), *equal)
            }
            (Question::Range { low, high, inside }, _) => (*low, *high, *inside),
        };
        Ok(match data_type {
            DataType::Int | DataType::Long => {
                Selection::Whole { field: input.i64(field).map_err(failed)?, range: whole(low, high, inside) }
            }
            DataType::Float => {
                Selection::Real { field: input.f64(field).map_err(failed)?, range: float(low, high, inside) }
            }
            _ => Selection::Real { field: input.f64(field).map_err(failed)?, range: double(low, high, inside) },
        })
    }
}

/// The type of a field that conditions can be asked of.
fn data_type<'a>(name: &str, input: Input<'a>) -> Result<&'a DataType, Finding> {
    let comparable = |data_type: &DataType| {
        matches!(
            data_type,
            DataType::Int | DataType::Long | DataType::Float | DataType::Double | DataType::String | DataType::Boolean
        )
    };
    let fields = &input.schema().fields;
    let hint = || {
        let fit = fields.iter().filter(|field| comparable(&field.data_type)).map(|field| format!("`{}`", field.name));
        match fit.collect::<Vec<_>>().join(", ").as_str() {
            "" => "no field of the input can be compared".to_owned(),
            names => format!("name one of {names}"),
        }
    };
    match fields.iter().find(|field| field.name == name).map(|field| &field.data_type) {
        Some(data_type) if comparable(data_type) => Ok(data_type),
        Some(data_type) => {
            let message = format!("field `{name}` is of type {data_type}, where a number, string or boolean is needed");
            Err(Finding::error("field", message).hint(hint()))
        }
        None => Err(Finding::error("field", format!("there is no field `{name}`")).hint(hint())),
    }
}

/// The range among doubles: an end that does not belong to it is replaced by the next double within.
fn double(low: End, high: End, inside: bool) -> Range<f64> {
    let low = low.map_or(f64::NEG_INFINITY, |(end, in_it)| if in_it { end.f64() } else { end.f64().next_up() });
    let high = high.map_or(f64::INFINITY, |(end, in_it)| if in_it { end.f64() } else { end.f64().next_down() });
    Range { low, high, inside }
}

/// The range among floats: 0.1 means the float that is written so.
fn float(low: End, high: End, inside: bool) -> Range<f64> {
    let low = low.map_or(f32::NEG_INFINITY, |(end, in_it)| if in_it { end.f32() } else { end.f32().next_up() });
    let high = high.map_or(f32::INFINITY, |(end, in_it)| if in_it { end.f32() } else { end.f32().next_down() });
    Range { low: low.into(), high: high.into(), inside }
}

/// The range among whole numbers, exact also beyond 2^53.
fn whole(low: End, high: End, inside: bool) -> Range<i64> {
    let low = low.map_or(i128::MIN, |(end, in_it)| match end {
        Number::Whole(end) => i128::from(end) + i128::from(!in_it),
        Number::Real(end) if end.fract() == 0.0 => (end as i128).saturating_add(i128::from(!in_it)),
        Number::Real(end) => end.ceil() as i128,
    });
    let high = high.map_or(i128::MAX, |(end, in_it)| match end {
        Number::Whole(end) => i128::from(end) - i128::from(!in_it),
        Number::Real(end) if end.fract() == 0.0 => (end as i128).saturating_sub(i128::from(!in_it)),
        Number::Real(end) => end.floor() as i128,
    });
    let (least, most) = (i128::from(i64::MIN), i128::from(i64::MAX));
    if low > most || high < least || low > high {
        return Range { low: 1, high: 0, inside };
    }
    Range { low: low.max(least) as i64, high: high.min(most) as i64, inside }
}

impl Number {
    fn f64(self) -> f64 {
        match self {
            Number::Whole(number) => number as f64,
            Number::Real(number) => number,
        }
    }

    fn f32(self) -> f32 {
        match self {
            Number::Whole(number) => number as f32,
            Number::Real(number) => number as f32,
        }
    }

    fn parse(text: &str) -> Option<Number> {
        serde_json::from_slice(text.trim().as_bytes()).ok()
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Whole(number) => write!(f, "{number}"),
            Number::Real(number) => {
                let mut digits = Vec::new();
                text::write_f64(*number, &mut digits);
                f.write_str(std::str::from_utf8(&digits).unwrap_or_default())
            }
        }
    }
}

impl Constant {
    /// A number, also one that a placeholder left as text.
    fn number(&self) -> Option<Number> {
        match self {
            Constant::Number(number) => Some(*number),
            Constant::Text(text) => Number::parse(text),
            Constant::Boolean(_) => None,
        }
    }

    fn bool(&self) -> Option<bool> {
        match self {
            Constant::Boolean(value) => Some(*value),
            Constant::Text(text) => text.trim().parse().ok(),
            Constant::Number(_) => None,
        }
    }
}

impl fmt::Display for Constant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Constant::Boolean(value) => write!(f, "{value}"),
            Constant::Number(number) => write!(f, "{number}"),
            Constant::Text(text) => write!(f, "\"{text}\""),
        }
    }
}

//! How the values of a field are distributed, as properties say it and as they are made.

use crate::pattern::Pattern;
use crate::random::Random;
use campanile_sdk::{ColumnBuilder, DataType, Finding};
use schemars::JsonSchema;
use serde::Deserialize;

/// A field and exactly one distribution of its values.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub(crate) struct FieldSpec {
    /// The field's name.
    pub(crate) name: String,
    /// Longs that grow by the same step from row to row.
    sequence: Option<Sequence>,
    /// Numbers that are all as likely.
    uniform: Option<Uniform>,
    /// Doubles around a mean, in the normal distribution.
    normal: Option<Normal>,
    /// One of these values, all as likely: text, numbers, true and false, or null; a value that is listed twice is twice as
    /// likely.
    #[schemars(with = "Option<Vec<AnyConstant>>")]
    choice: Option<Vec<Constant>>,
    /// Text with random numbers in it: `u{0..10000}` gives `u0` to `u9999`. Any number of ranges.
    pattern: Option<String>,
}

/// Longs that grow by the same step.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Sequence {
    /// The value of the first row.
    #[serde(default)]
    start: i64,
    /// What is added from row to row.
    #[serde(default = "one")]
    step: i64,
}

fn one() -> i64 {
    1
}

/// Numbers that are all as likely.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Uniform {
    /// The least.
    min: f64,
    /// The greatest, included for longs.
    max: f64,
    /// What they are.
    #[serde(default, rename = "type")]
    #[schemars(extend("default" = "double"))]
    number: Number,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
enum Number {
    #[default]
    Double,
    Long,
}

/// Doubles around a mean.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Normal {
    /// The mean.
    mean: f64,
    /// The standard deviation.
    deviation: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Constant {
    Null(()),
    Boolean(bool),
    Long(i64),
    Double(f64),
    Text(String),
}

/// How [`Constant`] stands in the schema.
#[derive(JsonSchema)]
#[schemars(inline, extend("type" = ["string", "number", "boolean", "null"]))]
struct AnyConstant;

/// A distribution, checked.
#[derive(Clone, Debug)]
pub(crate) enum Distribution {
    Sequence { start: i64, step: i64 },
    Doubles { min: f64, max: f64 },
    Longs { min: i64, width: u128 },
    Normal { mean: f64, deviation: f64 },
    Texts(Vec<Option<String>>),
    Reals(Vec<Option<f64>>),
    Wholes(Vec<Option<i64>>),
    Booleans(Vec<Option<bool>>),
    Pattern(Pattern),
}

const NAMES: &str = "`sequence`, `uniform`, `normal`, `choice`, `pattern`";

impl FieldSpec {
    /// The distribution, or what is wrong with it, under the field's path in the properties.
    pub(crate) fn distribution(&self, path: &str) -> Result<Distribution, Finding> {
        let name = &self.name;
        let made = [
            self.sequence.map(|Sequence { start, step }| Ok(Distribution::Sequence { start, step })),
            self.uniform.map(Uniform::distribution),
            self.normal.map(Normal::distribution),
            self.choice.as_deref().map(choice),
            self.pattern.as_deref().map(|pattern| {
                let hint = "write ranges as {0..10000}";
                Pattern::parse(pattern).map(Distribution::Pattern).map_err(|error| (error, hint))
            }),
        ];
        let mut made = made.into_iter().flatten();
        let (Some(first), None) = (made.next(), made.next()) else {
            let finding = Finding::error(path, format!("field `{name}` needs exactly one distribution"));
            return Err(finding.hint(format!("give one of {NAMES}")));
        };
        first.map_err(|(message, hint)| Finding::error(path, format!("field `{name}`: {message}")).hint(hint))
    }
}

type Checked = Result<Distribution, (String, &'static str)>;

impl Uniform {
    fn distribution(self) -> Checked {
        let Uniform { min, max, number } = self;
        if min > max {
            return Err((format!("`min` {min} is greater than `max` {max}"), "exchange them"));
        }
        if number == Number::Double {
            return Ok(Distribution::Doubles { min, max });
        }
        // Beyond 2^53 a double no longer tells which integer was meant.
        let whole = |end: f64| end.fract() == 0.0 && end.abs() <= 9_007_199_254_740_992.0;
        if !whole(min) || !whole(max) {
            let message = format!("`min` {min} and `max` {max} are not both whole numbers up to 2^53");
            return Err((message, "write whole numbers, or leave `type` out"));
        }
        Ok(Distribution::Longs { min: min as i64, width: u128::from((max as i64).abs_diff(min as i64)) + 1 })
    }
}

impl Normal {
    fn distribution(self) -> Checked {
        let Normal { mean, deviation } = self;
        if deviation < 0.0 {
            return Err((format!("`deviation` {deviation} is less than 0"), "write 0 or more"));
        }
        Ok(Distribution::Normal { mean, deviation })
    }
}

fn choice(values: &[Constant]) -> Checked {
    let is_null = |value: &Constant| matches!(value, Constant::Null(()));
    let Some(first) = values.iter().find(|value| !is_null(value)) else {
        return Err(("`choice` has no value".to_owned(), "list at least one that is not null"));
    };
    // For each value nothing where it is of another type, and no value inside where it is null.
    fn all<T>(values: &[Constant], of: impl Fn(&Constant) -> Option<T>) -> Option<Vec<Option<T>>> {
        let value = |value: &Constant| match value {
            Constant::Null(()) => Some(None),
            value => of(value).map(Some),
        };
        values.iter().map(value).collect()
    }
    let whole = |value: &Constant| if let Constant::Long(number) = value { Some(*number) } else { None };
    let made = match first {
        Constant::Text(_) => {
            let text = |value: &Constant| if let Constant::Text(text) = value { Some(text.clone()) } else { None };
            all(values, text).map(Distribution::Texts)
        }
        Constant::Boolean(_) => {
            let boolean = |value: &Constant| if let Constant::Boolean(value) = value { Some(*value) } else { None };
            all(values, boolean).map(Distribution::Booleans)
        }
        _ => all(values, whole).map(Distribution::Wholes).or_else(|| {
            let real = |value: &Constant| match value {
                Constant::Double(number) => Some(*number),
                value => whole(value).map(|number| number as f64),
            };
            all(values, real).map(Distribution::Reals)
        }),
    };
    made.ok_or_else(|| ("`choice` has values of different types".to_owned(), "list numbers only, or text only"))
}

impl Distribution {
    pub(crate) fn data_type(&self) -> DataType {
        match self {
            Distribution::Sequence { .. } | Distribution::Longs { .. } | Distribution::Wholes(_) => DataType::Long,
            Distribution::Doubles { .. } | Distribution::Normal { .. } | Distribution::Reals(_) => DataType::Double,
            Distribution::Texts(_) | Distribution::Pattern(_) => DataType::String,
            Distribution::Booleans(_) => DataType::Boolean,
        }
    }

    pub(crate) fn can_be_null(&self) -> bool {
        match self {
            Distribution::Texts(values) => values.contains(&None),
            Distribution::Reals(values) => values.contains(&None),
            Distribution::Wholes(values) => values.contains(&None),
            Distribution::Booleans(values) => values.contains(&None),
            _ => false,
        }
    }

    /// Bytes that no value exceeds.
    pub(crate) fn longest(&self) -> usize {
        match self {
            Distribution::Texts(values) => 4 + values.iter().flatten().map(String::len).max().unwrap_or_default(),
            Distribution::Pattern(pattern) => 4 + pattern.longest(),
            _ => 8,
        }
    }

    /// Adds the values of these rows to a column; `field` tells fields apart.
    pub(crate) fn make(&self, field: u64, rows: std::ops::Range<u64>, column: &mut ColumnBuilder) {
        let randoms = rows.clone().map(|row| Random::of_row(field, row));
        match self {
            Distribution::Sequence { start, step } => {
                rows.for_each(|row| column.push_i64(start.wrapping_add(step.wrapping_mul(row as i64))));
            }
            Distribution::Doubles { min, max } => randoms.for_each(|mut random| {
                let fraction = random.fraction();
                column.push_f64(min * (1.0 - fraction) + max * fraction);
            }),
            Distribution::Longs { min, width } => randoms.for_each(|mut random| {
                column.push_i64(min.wrapping_add(random.below(*width) as i64));
            }),
            Distribution::Normal { mean, deviation } => {
                randoms.for_each(|mut random| column.push_f64(mean + deviation * random.normal()));
            }
            Distribution::Texts(values) => randoms.for_each(|random| match pick(values, random) {
                Some(text) => column.push_text(text),
                None => column.push_null(),
            }),
            Distribution::Reals(values) => randoms.for_each(|random| match pick(values, random) {
                Some(number) => column.push_f64(*number),
                None => column.push_null(),
            }),
            Distribution::Wholes(values) => randoms.for_each(|random| match pick(values, random) {
                Some(number) => column.push_i64(*number),
                None => column.push_null(),
            }),
            Distribution::Booleans(values) => randoms.for_each(|random| match pick(values, random) {
                Some(value) => column.push_bool(*value),
                None => column.push_null(),
            }),
            Distribution::Pattern(pattern) => {
                let mut text = String::new();
                for mut random in randoms {
                    text.clear();
                    pattern.write(&mut random, &mut text);
                    column.push_text(&text);
                }
            }
        }
    }
}

fn pick<T>(values: &[Option<T>], mut random: Random) -> Option<&T> {
    values.get(random.below(values.len() as u128) as usize)?.as_ref()
}

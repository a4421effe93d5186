//! What must hold of a group for it to be published.
use campanile_sdk::Finding;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::AlertsSpec;
use crate::spec::did_you_mean;

/// A condition on an aggregate: within all of the bounds that are given, of which there is at least one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Having {
    /// The name of the aggregate.
    pub aggregate: String,
    /// It must be more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = f64::MIN))]
    pub above: Option<f64>,
    /// It must be this or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = f64::MIN))]
    pub at_least: Option<f64>,
    /// It must be less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = f64::MIN))]
    pub below: Option<f64>,
    /// It must be this or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = f64::MIN))]
    pub at_most: Option<f64>,
}

impl Having {
    /// Whether a number is within the bounds.
    pub fn holds(&self, number: f64) -> bool {
        self.above.is_none_or(|bound| number > bound)
            && self.at_least.is_none_or(|bound| number >= bound)
            && self.below.is_none_or(|bound| number < bound)
            && self.at_most.is_none_or(|bound| number <= bound)
    }

    fn bounds(&self) -> [(&'static str, Option<f64>); 4] {
        [("above", self.above), ("atLeast", self.at_least), ("below", self.below), ("atMost", self.at_most)]
    }

    /// Whether no number can be within the bounds.
    fn is_impossible(&self) -> bool {
        let open = matches!((self.above, self.below), (Some(low), Some(high)) if low >= high);
        let closed = matches!((self.at_least, self.at_most), (Some(low), Some(high)) if low > high);
        let low_open = matches!((self.above, self.at_most), (Some(low), Some(high)) if low >= high);
        let high_open = matches!((self.at_least, self.below), (Some(low), Some(high)) if low >= high);
        open || closed || low_open || high_open
    }
}

/// A condition, or a list of which all must hold.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrList {
    /// A condition.
    One(Having),
    /// Conditions that must all hold.
    List(Vec<Having>),
}

pub(super) fn one_or_list<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<Having>, D::Error> {
    Ok(match OneOrList::deserialize(reader)? {
        OneOrList::One(having) => vec![having],
        OneOrList::List(list) => list,
    })
}

impl AlertsSpec {
    pub(super) fn check_having(&self, path: &str, findings: &mut Vec<Finding>) {
        let names = self.aggregates.iter().map(|aggregate| aggregate.name.as_str());
        for (index, having) in self.having.iter().enumerate() {
            let path = format!("{path}.having[{index}]");
            let name = having.aggregate.as_str();
            if !names.clone().any(|known| known == name) {
                let hint = did_you_mean(name, names.clone(), "aggregates");
                findings.push(
                    Finding::error(format!("{path}.aggregate"), format!("there is no aggregate `{name}`"))
                        .hint(hint.unwrap_or_else(|| "add it to aggregates".to_owned())),
                );
            }
            if having.bounds().iter().all(|(_, bound)| bound.is_none()) {
                findings.push(
                    Finding::error(&*path, "no bound is given").hint("give above, atLeast, below or atMost a number"),
                );
            }
            for (bound, number) in having.bounds() {
                if number.is_some_and(|number| !number.is_finite()) {
                    findings.push(
                        Finding::error(format!("{path}.{bound}"), "the bound is no finite number")
                            .hint("use a number such as 150, or leave it out"),
                    );
                }
            }
            if having.is_impossible() {
                findings.push(
                    Finding::error(path, "no number is within these bounds")
                        .hint("the lower bound must be below the upper one"),
                );
            }
        }
    }
}

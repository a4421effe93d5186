//! Checking properties against input schemas, and saying what will come out.

use crate::error::{Error, Result};
use crate::field::Input;
use crate::finding::Finding;
use crate::schema::Schema;

/// The outputs of a stage: ports and schemas, in order. The unnamed port is the only one of all kinds but splitters.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ports(pub(crate) Vec<(String, Option<Schema>)>);

impl Ports {
    pub(crate) fn get(&self, index: usize) -> Option<&(String, Option<Schema>)> {
        self.0.get(index)
    }

    pub(crate) fn index_of(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(port, _)| port == name)
    }

    pub(crate) fn set(&mut self, name: &str, schema: Option<Schema>) {
        match self.index_of(name) {
            Some(index) => self.0[index].1 = schema,
            None => self.0.push((name.to_owned(), schema)),
        }
    }
}

/// Given to `configure`, which is called when a pipeline is validated and when it starts, any number of times: it opens
/// nothing and changes nothing outside.
#[derive(Debug)]
pub struct Configure<'a> {
    pub(crate) inputs: &'a [Schema],
    pub(crate) ports: Ports,
    pub(crate) findings: Vec<Finding>,
}

impl<'a> Configure<'a> {
    /// The fields of the records that will come.
    pub fn input(&self) -> Result<Input<'a>> {
        match self.inputs.first() {
            Some(schema) => Ok(Input { schema }),
            None => Err(Error::config("this stage has no input")),
        }
    }

    /// The records that go out have this schema.
    pub fn set_output(&mut self, schema: Schema) {
        self.ports.set("", Some(schema));
    }

    /// The records that go out have the schema of those that come in.
    pub fn pass_through(&mut self) -> Result<()> {
        let schema = self.input()?.schema().clone();
        self.set_output(schema);
        Ok(())
    }

    /// In a splitter: there is a port with this name, and its records have this schema.
    pub fn add_port(&mut self, name: &str, schema: Schema) {
        self.ports.set(name, Some(schema));
    }

    /// In a source: what comes out will be known when the source has been opened.
    pub fn output_unknown_until_start(&mut self) {
        self.ports.set("", None);
    }

    /// Notes something that is wrong with a property; the path is the property's name. Go on: all findings are shown at
    /// once.
    pub fn find(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Resolves a field that a property names; where that fails, a finding is noted under the property.
    pub fn check<T>(&mut self, property: &str, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.findings.push(Finding::error(property, error.to_string()))).ok()
    }
}

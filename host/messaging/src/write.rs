//! What one atomic write does, collected before it is done.

use crate::core::Core;
use crate::step::{Publish, Step, check_name, check_size};
use crate::{Result, TopicId};

/// Collects what one atomic write does. See [`crate::Messaging::write`].
pub struct Write<'m> {
    core: &'m Core,
    pub(crate) steps: Vec<Step>,
    bytes: usize,
}

impl<'m> Write<'m> {
    pub(crate) fn new(core: &'m Core) -> Write<'m> {
        Write { core, steps: Vec::new(), bytes: 0 }
    }

    /// Publishes messages to a topic.
    pub fn publish(&mut self, topic: &TopicId, publish: Publish<'_>) -> Result<()> {
        self.add(Step::publish(self.core.state(topic)?, publish)?)
    }

    /// Sets a cursor: a value of any kind under a name, such as a position.
    pub fn cursor(&mut self, name: &str, value: &[u8]) -> Result<()> {
        check_name(name)?;
        self.add(Step::SetCursor { name: name.to_owned(), value: value.to_owned() })
    }

    /// Removes a cursor, if it is there.
    pub fn remove_cursor(&mut self, name: &str) -> Result<()> {
        check_name(name)?;
        self.add(Step::RemoveCursor { name: name.to_owned() })
    }

    fn add(&mut self, step: Step) -> Result<()> {
        self.bytes += step.bytes();
        check_size("a write", self.bytes)?;
        self.steps.push(step);
        Ok(())
    }
}

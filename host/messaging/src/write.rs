//! What one atomic write does, collected before it is done.

use crate::core::Core;
use crate::cursors::CursorsWriter;
use crate::step::{Publish, Step, check_name, check_size};
use crate::{MessageId, Result, TopicId};

/// Collects what one atomic write does. See [`crate::Messaging::write`].
pub struct Write<'m> {
    core: &'m Core,
    steps: Vec<Step>,
    cursors: CursorsWriter,
    bytes: usize,
}

impl<'m> Write<'m> {
    pub(crate) fn new(core: &'m Core) -> Write<'m> {
        Write { core, steps: Vec::new(), cursors: CursorsWriter::default(), bytes: 0 }
    }

    /// Publishes messages to a topic.
    pub fn publish(&mut self, topic: &TopicId, publish: Publish<'_>) -> Result<()> {
        self.add(Step::publish(self.core.state(topic)?, publish)?)
    }

    /// Removes the messages at the front of a topic, up to this one, for every reader: one that had not read them is told of
    /// a gap, as with what has expired.
    ///
    /// Messages that were published at once are kept at once, in entries of up to 16,384 messages or 1 MiB: an entry that
    /// holds a later message as well stays whole. What this write publishes itself stays, too. However many messages go, it
    /// costs one small record and a look at one or two entries; room is given back in the background, and by
    /// [`crate::Messaging::clean`].
    pub fn trim(&mut self, topic: &TopicId, through: MessageId) -> Result<()> {
        self.add(Step::Trim { topic: self.core.state(topic)?, through })
    }

    /// Sets a cursor: a value of any kind under a name, such as a position. A million small ones in one write cost little
    /// more than their bytes.
    pub fn cursor(&mut self, name: &str, value: &[u8]) -> Result<()> {
        check_name(name)?;
        self.count(name.len() + value.len())?;
        self.cursors.add(name, Some(value));
        Ok(())
    }

    /// Removes a cursor, if it is there.
    pub fn remove_cursor(&mut self, name: &str) -> Result<()> {
        check_name(name)?;
        self.count(name.len())?;
        self.cursors.add(name, None);
        Ok(())
    }

    fn add(&mut self, step: Step) -> Result<()> {
        self.count(step.bytes())?;
        self.steps.push(step);
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<()> {
        self.bytes += bytes;
        check_size("a write", self.bytes)
    }

    pub(crate) fn into_steps(mut self) -> Vec<Step> {
        self.steps.extend(self.cursors.finish().into_iter().map(Step::Cursors));
        self.steps
    }
}

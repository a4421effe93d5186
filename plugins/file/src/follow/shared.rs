//! What the instances of a source share that read a file each: they are opened at any time, and all have the same fields.

use campanile_sdk::Schema;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The fields of the records, as the first instance found them.
#[derive(Debug)]
pub(crate) struct Fields {
    pub(crate) schema: Schema,
    /// The text fields in which values of any type may stand.
    pub(crate) any: Vec<String>,
}

/// Which source it is: the run, the stage, the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) [String; 3]);

/// Those of sources that are open.
static SHARED: Mutex<Vec<(Key, Weak<Fields>)>> = Mutex::new(Vec::new());

/// The fields that an instance of this source found that is still open.
pub(crate) fn of(key: &Key) -> Option<Arc<Fields>> {
    let shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.iter().find(|(other, _)| other == key).and_then(|(_, fields)| fields.upgrade())
}

/// Keeps them for the instances that are opened later.
pub(crate) fn share(key: Key, fields: Fields) -> Arc<Fields> {
    let fields = Arc::new(fields);
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.retain(|(other, fields)| *other != key && fields.strong_count() > 0);
    shared.push((key, Arc::downgrade(&fields)));
    fields
}

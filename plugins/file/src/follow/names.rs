//! The names under which files are followed.

use crate::identity::Identity;
use crate::input::Compression;
use crate::paths;
use campanile_sdk::{Level, Result, Services};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The names that a path has matched so far.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Each with what it was when it was looked at last; a name that was matched once stays.
    names: BTreeMap<PathBuf, Name>,
}

#[derive(Clone, Copy, Debug)]
struct Name {
    identity: Option<Identity>,
    followed: bool,
}

impl Names {
    /// Looks again, and says which names are followed, in their order. What is not, though it is matched, is told once.
    pub(crate) fn look(&mut self, path: &str, services: Services) -> Result<Vec<PathBuf>> {
        let identity = |path: &Path| std::fs::metadata(path).ok().map(|found| Identity::of(&found));
        let before: HashMap<Identity, PathBuf> =
            self.names.iter().filter_map(|(path, name)| Some((name.identity?, path.clone()))).collect();
        for (path, name) in &mut self.names {
            name.identity = identity(path).or(name.identity);
        }
        for path in paths::expand_now(path)? {
            if self.names.contains_key(&path) {
                continue;
            }
            let identity = identity(&path);
            let reason = match identity.and_then(|identity| before.get(&identity)) {
                _ if Compression::of(&path) != Compression::None => Some("it is compressed".to_owned()),
                Some(was) => Some(format!("it was `{}` and is read as that", was.display())),
                None => None,
            };
            if let Some(reason) = &reason {
                let message = format!(
                    "`{}` is not followed: {reason}; let the path match only the names of files that are written to",
                    path.display()
                );
                services.log(Level::Warn, message);
            }
            self.names.insert(path, Name { identity, followed: reason.is_none() });
        }
        Ok(self.names.iter().filter(|(_, name)| name.followed).map(|(path, _)| path.clone()).collect())
    }
}

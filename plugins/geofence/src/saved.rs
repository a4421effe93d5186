//! What a save point keeps: which key is inside which fences.

use crate::whereabouts::{NUMBER_BYTES, Whereabouts};
use campanile_sdk::{Error, Result};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// The version of the format: a byte, and what [`Saved`] has behind it as postcard writes it.
const VERSION: u8 = 1;

/// Fences go by their names, so that the file may be changed before the run is resumed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Saved<'a> {
    version: u8,
    /// The field that the keys are of.
    key: &'a str,
    #[serde(borrow)]
    pub(crate) fences: Vec<&'a str>,
    /// The keys, the one seen least recently first, each with places in `fences`.
    inside: Vec<(Key<'a>, Cow<'a, [u32]>)>,
}

/// Bytes that are written as one.
#[derive(Debug, Deserialize)]
struct Key<'a>(#[serde(borrow)] &'a [u8]);

impl Serialize for Key<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// What all takes at most that is not keys.
pub(crate) fn named_bytes<'a>(key: &str, fences: impl Iterator<Item = &'a str>) -> usize {
    let text = |text: &str| NUMBER_BYTES + text.len();
    size_of::<u8>() + text(key) + fences.map(text).sum::<usize>() + 2 * NUMBER_BYTES
}

impl<'a> Saved<'a> {
    /// What is to be saved.
    pub(crate) fn new(key: &'a str, fences: Vec<&'a str>, whereabouts: &'a Whereabouts) -> Saved<'a> {
        let mut inside = Vec::with_capacity(whereabouts.len());
        inside.extend(whereabouts.iter().map(|(key, inside)| (Key(key), Cow::Borrowed(inside))));
        Saved { version: VERSION, key, fences, inside }
    }

    pub(crate) fn write(&self) -> Result<Vec<u8>> {
        Ok(postcard::to_stdvec(self)?)
    }

    /// Reads what was saved for keys of this field.
    pub(crate) fn read(state: &'a [u8], key: &str) -> Result<Saved<'a>> {
        if let Some(&version) = state.first()
            && version != VERSION
        {
            return Err(Error::fatal(format!(
                "the saved state is of version {version}, where this Geofence reads version {VERSION}: use the Geofence \
                 that saved it, or start the run anew"
            )));
        }
        let saved = match postcard::take_from_bytes::<Saved<'a>>(state) {
            Ok((saved, [])) => saved,
            Ok((_, more)) => return Err(damaged(&format!("there are {} bytes behind its end", more.len()))),
            Err(error) => return Err(damaged(&error.to_string())),
        };
        if saved.key != key {
            return Err(Error::config(format!(
                "the state was saved with `key` set to `{}`, and now it is `{key}`: set it back, or start the run anew",
                saved.key
            )));
        }
        Ok(saved)
    }

    /// Notes where the keys were; `fences` says which fence each of the saved ones is now, if it is still there. Answers how
    /// many keys were forgotten because there is less room than there was.
    pub(crate) fn restore(&self, fences: &[Option<u32>], whereabouts: &mut Whereabouts) -> Result<u64> {
        let (mut now, mut before, mut forgotten) = (Vec::new(), Vec::new(), 0);
        for (key, inside) in &self.inside {
            now.clear();
            for &fence in inside.iter() {
                let fence = fences.get(fence as usize).ok_or_else(|| damaged(&format!("there is no fence {fence}")))?;
                now.extend(fence);
            }
            // The file may have another order now.
            now.sort_unstable();
            forgotten += whereabouts.replace(key.0, &now, &mut before);
        }
        Ok(forgotten)
    }
}

fn damaged(why: &str) -> Error {
    Error::fatal(format!("the saved state is damaged ({why}): start the run anew, or from an earlier save point"))
}

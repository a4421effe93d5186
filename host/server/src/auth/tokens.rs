//! The tokens of a data folder: `tokens.json`, which holds their hashes, and `token`, the first one as it is sent.

use super::Right;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The file of hashes.
const FILE: &str = "tokens.json";
/// The file of the first token.
const FIRST_FILE: &str = "token";
/// Held while the file of hashes is changed.
const LOCK_FILE: &str = "tokens.lock";
/// The name of the first token.
const FIRST_NAME: &str = "first";
/// What a token begins with, so that one that was lost can be found by its looks.
const PREFIX: &str = "cmpn_";
/// Random bytes of a token.
const SECRET_BYTES: usize = 32;
/// The longest name of a token, in bytes.
const MAX_NAME_BYTES: usize = 100;
/// The most tokens of one folder: each request looks at all.
const MAX_TOKENS: usize = 1_000;
/// The version of the file of hashes.
const VERSION: u32 = 1;

/// What can be wrong with tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of tokens cannot be read or written.
    #[error("{}: {why}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// The file of hashes makes no sense.
    #[error("{}: no list of tokens: {why}", .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The token cannot be made as asked.
    #[error("{0}")]
    Invalid(String),
    /// The system gives no random bytes.
    #[error("no random bytes for a token: {0}")]
    Random(String),
}

/// A right in a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The namespace; `*`: all of them.
    pub namespace: String,
    /// The right.
    pub right: Right,
}

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its name.
    pub name: String,
    /// SHA-256 of what is sent, in hexadecimal digits.
    pub hash: String,
    /// What it allows.
    pub rights: Vec<Grant>,
    /// When it was made, RFC 3339.
    pub created: String,
}

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    version: u32,
    tokens: Vec<Token>,
}

/// Which file was read: another is there after each change, because it is replaced whole.
type Seen = (u64, u64, i64, i64);

/// The tokens of a data folder. All calls block for a file at most; any thread may call.
#[derive(Debug)]
pub struct Tokens {
    folder: PathBuf,
    read: Mutex<Option<(Seen, Arc<[Token]>)>>,
}

impl Tokens {
    /// The tokens of the data folder; nothing is read yet.
    pub fn of(folder: &Path) -> Tokens {
        Tokens { folder: folder.to_owned(), read: Mutex::new(None) }
    }

    /// Makes the first token, which allows everything, unless tokens were ever made here; true if it did. The secret is
    /// in the file `token`.
    pub fn make_first(&self) -> Result<bool, Error> {
        let _lock = self.lock()?;
        if self.path(FILE).exists() {
            return Ok(false);
        }
        let all = Grant { namespace: "*".to_owned(), right: Right::Admin };
        let (secret, token) = make(FIRST_NAME, &[all])?;
        // The secret first: a hash that nobody has the secret of would be the first token for ever.
        self.replace(FIRST_FILE, format!("{secret}\n").as_bytes())?;
        self.write(vec![token])?;
        Ok(true)
    }

    /// Makes a token and returns what is to be sent: it is shown this once, and kept nowhere.
    ///
    /// Fails if the name is taken, or a grant names no namespace.
    pub fn create(&self, name: &str, rights: &[Grant]) -> Result<String, Error> {
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte));
        if name.is_empty() || name.len() > MAX_NAME_BYTES || !plain(name) {
            return Err(Error::Invalid(format!(
                "`{name}` is no name for a token: 1 to {MAX_NAME_BYTES} letters, digits, `_`, `-`, `.` and `@`"
            )));
        }
        if rights.is_empty() {
            return Err(Error::Invalid(
                "a token without rights is of no use: give it read, publish or admin".to_owned(),
            ));
        }
        for grant in rights {
            let known = grant.namespace == "*" || campanile_messaging::TopicId::new(&grant.namespace, "t").is_ok();
            if !known {
                return Err(Error::Invalid(format!(
                    "`{}` is no namespace: letters, digits and `_`, or `*` for all of them",
                    grant.namespace
                )));
            }
        }
        let _lock = self.lock()?;
        let mut tokens = self.list()?;
        if tokens.iter().any(|token| token.name == name) {
            return Err(Error::Invalid(format!(
                "there is a token `{name}` already: revoke it first, or choose another name"
            )));
        }
        if tokens.len() >= MAX_TOKENS {
            return Err(Error::Invalid(format!(
                "there are {MAX_TOKENS} tokens already: revoke those that nobody uses"
            )));
        }
        let (secret, token) = make(name, rights)?;
        tokens.push(token);
        self.write(tokens)?;
        Ok(secret)
    }

    /// All tokens, in the order in which they were made; none if there is no file.
    pub fn list(&self) -> Result<Vec<Token>, Error> {
        Ok(self.known()?.to_vec())
    }

    /// Removes a token, at once for servers that run; false if there is none of that name.
    pub fn revoke(&self, name: &str) -> Result<bool, Error> {
        let _lock = self.lock()?;
        let mut tokens = self.list()?;
        let before = tokens.len();
        tokens.retain(|token| token.name != name);
        if tokens.len() == before {
            return Ok(false);
        }
        self.write(tokens)?;
        Ok(true)
    }

    /// The first token as it is sent, for the command line of the same user; none if the file is not there.
    pub fn first(&self) -> Result<Option<String>, Error> {
        let path = self.path(FIRST_FILE);
        match fs::read_to_string(&path) {
            Ok(secret) => Ok(Some(secret.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(Error::File { path, why }),
        }
    }

    /// The token that was sent; none if it is not known.
    pub(crate) fn find(&self, secret: &str) -> Result<Option<Token>, Error> {
        let hash = hash(secret);
        // Every hash is compared to its end: how long it takes tells nothing.
        let mut found = None;
        for token in self.known()?.iter() {
            if equal(token.hash.as_bytes(), hash.as_bytes()) {
                found = Some(token.clone());
            }
        }
        Ok(found)
    }

    /// What the file holds now; read again only when it was replaced.
    fn known(&self) -> Result<Arc<[Token]>, Error> {
        let path = self.path(FILE);
        let failed = |why| Error::File { path: path.clone(), why };
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = match fs::metadata(&path) {
            Ok(file) => (file.ino(), file.size(), file.mtime(), file.mtime_nsec()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok([].into()),
            Err(error) => return Err(failed(error)),
        };
        if let Some((last, tokens)) = &*read
            && *last == seen
        {
            return Ok(Arc::clone(tokens));
        }
        let bytes = fs::read(&path).map_err(failed)?;
        let broken = |why| Error::Broken { path: path.clone(), why };
        let kept: Kept = serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
        if kept.version != VERSION {
            return Err(broken(format!(
                "version {} was written by another version; this one reads {VERSION}",
                kept.version
            )));
        }
        let tokens: Arc<[Token]> = kept.tokens.into();
        *read = Some((seen, Arc::clone(&tokens)));
        Ok(tokens)
    }

    fn write(&self, tokens: Vec<Token>) -> Result<(), Error> {
        let kept = Kept { version: VERSION, tokens };
        let mut text = serde_json::to_vec_pretty(&kept).map_err(|error| Error::Invalid(error.to_string()))?;
        text.push(b'\n');
        self.replace(FILE, &text)?;
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    /// Replaces a file whole, so that a reader sees the old or the new one. Only its owner may read it.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let (path, beside) = (self.path(name), self.path(&format!("{name}.new")));
        let written = (|| {
            // One that a crash left has whatever mode it has.
            if let Err(error) = fs::remove_file(&beside)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&beside, &path)
        })();
        written.map_err(|why| Error::File { path, why })
    }

    /// Keeps other processes from changing the tokens until it is dropped.
    fn lock(&self) -> Result<File, Error> {
        let path = self.path(LOCK_FILE);
        let locked = (|| {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
            file.lock()?;
            Ok(file)
        })();
        locked.map_err(|why| Error::File { path, why })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn make(name: &str, rights: &[Grant]) -> Result<(String, Token), Error> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
    let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
    let token = Token {
        name: name.to_owned(),
        hash: hash(&secret),
        rights: rights.to_vec(),
        created: format!("{:.0}", Timestamp::now()),
    };
    Ok((secret, token))
}

fn hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests;

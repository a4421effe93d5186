//! Where messages are: a folder, or a server elsewhere. And how the stages of a run get at them.

mod stages;

pub(crate) use stages::StageMessaging;

use super::data_folder;
use crate::cli::BackingArgs;
use anyhow::{Context, bail};
use campanile_messaging::{MessageId, Topic, TopicId};
use campanile_server::access::{Access, AccessOptions, SOCKET};
use campanile_server::auth::Tokens;
use campanile_server::client::{Batch, Client, Error, Published, Remote, Request, Result};
use std::path::{Path, PathBuf};

/// The folder of messages within the folder of data.
const FOLDER: &str = "messaging";
/// The variable of a token.
const TOKEN_VARIABLE: &str = "CAMPANILE_TOKEN";

/// The folder of messages of a data folder.
pub(crate) fn folder_in(data: &Path) -> PathBuf {
    data.join(FOLDER)
}

/// The socket on which the owner of a folder of messages answers.
pub(crate) fn socket_in(folder: &Path) -> PathBuf {
    folder.join(SOCKET)
}

/// Where messages are; nothing is opened yet.
#[derive(Clone, Debug)]
pub(crate) enum Backing {
    /// A folder, which is opened, or whose owner is asked.
    Folder(PathBuf),
    /// A server.
    Server(Remote),
    /// Nowhere, and why: most pipelines need none.
    Nowhere(String),
}

impl Backing {
    /// What the command line says.
    pub(crate) fn of(args: &BackingArgs) -> anyhow::Result<Backing> {
        let Some(place) = args.messaging.as_deref() else {
            return Ok(match data_folder(args.data.clone()) {
                Ok(data) => Backing::Folder(folder_in(&data)),
                Err(error) => Backing::Nowhere(error.to_string()),
            });
        };
        let Some((scheme, _)) = place.split_once("://") else {
            if place.is_empty() {
                bail!("--messaging: name a folder, or a server such as http://127.0.0.1:8090");
            }
            return Ok(Backing::Folder(PathBuf::from(place)));
        };
        if !matches!(scheme, "http" | "https") {
            bail!("--messaging {place}: write http:// or https:// in front of a server");
        }
        let token = token(args, place)?;
        Ok(Backing::Server(Remote { url: place.to_owned(), token, authorities: args.ca_file.clone() }))
    }

    /// Opens it. A server is not asked for anything yet.
    pub(crate) fn open(&self) -> Result<Topics> {
        match self {
            Backing::Folder(folder) => Access::open(folder, AccessOptions::default()).map(Topics::Folder),
            Backing::Server(remote) => Client::remote(remote).map(Topics::Server),
            Backing::Nowhere(why) => Err(Error::Invalid(why.clone())),
        }
    }
}

/// The token for a server: that of the file or of the environment; for one on this machine also the first one of the data
/// folder, which is sent nowhere else.
fn token(args: &BackingArgs, url: &str) -> anyhow::Result<Option<String>> {
    if let Some(path) = &args.token_file {
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("--token-file {shown}: cannot be read"))?;
        match text.trim() {
            "" => bail!("--token-file {shown}: it is empty"),
            token => return Ok(Some(token.to_owned())),
        }
    }
    if let Some(token) = std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.trim().is_empty()) {
        return Ok(Some(token.trim().to_owned()));
    }
    if !is_loopback(url) {
        return Ok(None);
    }
    // Whoever cannot read it may still read messages.
    Ok(data_folder(args.data.clone()).ok().and_then(|data| Tokens::of(&data).first().ok().flatten()))
}

/// Whether this is an address of this machine's own.
fn is_loopback(url: &str) -> bool {
    let (_, behind) = url.split_once("://").unwrap_or_default();
    let authority = behind.split(['/', '?', '#']).next().unwrap_or_default();
    // What stands before an @ is no host, and no such address is taken anyway.
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Topics that can be used now. All calls block.
#[derive(Debug)]
pub(crate) enum Topics {
    /// Of a folder, whoever owns it.
    Folder(Access),
    /// Of a server.
    Server(Client),
}

macro_rules! each {
    ($topics:expr, $inner:ident => $call:expr) => {
        match $topics {
            Topics::Folder($inner) => $call,
            Topics::Server($inner) => $call,
        }
    };
}

impl Topics {
    pub(crate) fn create_topic(&self, topic: &TopicId, ttl_secs: Option<u32>) -> Result<()> {
        each!(self, inner => inner.create_topic(topic, ttl_secs))
    }

    pub(crate) fn update_topic(&self, topic: &TopicId, ttl_secs: Option<u32>) -> Result<()> {
        each!(self, inner => inner.update_topic(topic, ttl_secs))
    }

    pub(crate) fn delete_topic(&self, topic: &TopicId) -> Result<()> {
        each!(self, inner => inner.delete_topic(topic))
    }

    pub(crate) fn topic(&self, topic: &TopicId) -> Result<Topic> {
        each!(self, inner => inner.topic(topic))
    }

    /// The topics of a namespace. One that is deleted in between is left out.
    pub(crate) fn topics(&self, namespace: &str) -> Result<Vec<Topic>> {
        let names = each!(self, inner => inner.topics(namespace))?;
        let topics = names.iter().map(|name| self.topic(&TopicId::new(namespace, name)?));
        topics.filter(|topic| !matches!(topic, Err(Error::TopicNotFound(_)))).collect()
    }

    pub(crate) fn publish(
        &self,
        topic: &TopicId,
        messages: &[&[u8]],
        producer: Option<(&str, u64)>,
    ) -> Result<Published> {
        each!(self, inner => inner.publish(topic, messages, producer))
    }

    pub(crate) fn fetch(&self, topic: &TopicId, asked: &Request) -> Result<Batch> {
        each!(self, inner => inner.fetch(topic, asked))
    }

    /// Whether waiting for messages keeps this process from closing a folder that it owns.
    pub(crate) fn owns_folder(&self) -> bool {
        matches!(self, Topics::Folder(access) if access.messaging().is_some())
    }

    /// A position that everything published to the topic until now is at or before, and everything later behind.
    pub(crate) fn end(&self, topic: &TopicId) -> Result<MessageId> {
        each!(self, inner => inner.end(topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_this_folder_is_for_this_machine() {
        for own in ["http://127.0.0.1:8090", "https://LOCALHOST", "http://[::1]:80/x", "http://127.8.9.1/"] {
            assert!(is_loopback(own), "{own}");
        }
        for other in [
            "http://example.com:8090",
            "http://127.0.0.1.example.com",
            "http://localhost@example.com",
            "http://[2001:db8::1]",
            "http://localhost.example.com",
            "",
        ] {
            assert!(!is_loopback(other), "{other}");
        }
    }
}

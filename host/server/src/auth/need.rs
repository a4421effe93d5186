//! Which right a request needs: the one place that knows, from method and path.

use super::Token;
use axum::http::Method;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a token allows in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// List and describe topics, fetch messages.
    Read,
    /// Publish, store and roll back. Reading is not included.
    Publish,
    /// Create, update and delete topics; includes the other two.
    Admin,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Right::Read => "read",
            Right::Publish => "publish",
            Right::Admin => "admin",
        })
    }
}

impl FromStr for Right {
    type Err = String;

    fn from_str(text: &str) -> Result<Right, String> {
        match text {
            "read" => Ok(Right::Read),
            "publish" => Ok(Right::Publish),
            "admin" => Ok(Right::Admin),
            _ => Err(format!("`{text}` is no right: read, publish or admin")),
        }
    }
}

/// What a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) right: Right,
    /// None: what belongs to no namespace. Any token reads it, one for all namespaces changes it.
    pub(super) namespace: Option<String>,
}

impl Need {
    /// What is not known to read or publish counts as administration.
    pub(super) fn of(method: &Method, path: &str) -> Need {
        let reads = method == Method::GET || method == Method::HEAD || method == Method::OPTIONS;
        let segments = segments(path);
        let ["v1" | "v3", "namespaces", namespace, rest @ ..] = segments.as_slice() else {
            return Need { right: if reads { Right::Read } else { Right::Admin }, namespace: None };
        };
        let right = match rest {
            _ if reads => Right::Read,
            ["topics", _, "poll"] if method == Method::POST => Right::Read,
            ["topics", _, "publish" | "store" | "rollback" | "messages"] if method == Method::POST => Right::Publish,
            _ => Right::Admin,
        };
        // As the router decodes it: `%73ystem` is `system`.
        Need { right, namespace: Some(percent_decode_str(namespace).decode_utf8_lossy().into_owned()) }
    }

    pub(super) fn is_met_by(&self, token: &Token) -> bool {
        if self.namespace.is_none() && self.right == Right::Read {
            return true;
        }
        token.rights.iter().any(|grant| {
            let here = grant.namespace == "*" || self.namespace.as_ref() == Some(&grant.namespace);
            here && (grant.right == self.right || grant.right == Right::Admin)
        })
    }
}

/// Whether errors of this path are JSON: CDAP's paths answer in text.
pub(super) fn speaks_json(path: &str) -> bool {
    let segments = segments(path);
    let messages = matches!(segments.as_slice(), ["v1", "namespaces", _, "topics", _, "messages"]);
    messages || segments.first() == Some(&"api")
}

/// What stands between the slashes. One at the end means nothing.
fn segments(path: &str) -> Vec<&str> {
    path.strip_suffix('/').unwrap_or(path).split('/').skip(1).collect()
}

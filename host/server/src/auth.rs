//! Who may do what: asked once for each request, before any handler sees it.

mod host;
mod need;
mod tokens;

pub use need::Right;
pub use tokens::{Error, Grant, Token, Tokens};

use crate::api_error::ApiError;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use need::Need;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The namespace that only the owner writes.
const SYSTEM: &str = "system";
/// What is read of the body of a request that is refused, in bytes.
const DRAINED_BYTES: usize = 64_000_000;
/// How long a client may pause within such a body.
const DRAIN_PAUSE: Duration = Duration::from_secs(1);
/// CDAP's words for it.
const SYSTEM_CLOSED: &str = "Publish to 'system' namespace is not allowed";

/// Where a request came in, and what is asked of it there.
#[derive(Clone, Debug)]
pub(crate) enum Door {
    /// The Unix socket, which only the owner of the folder can open: no questions.
    Owner,
    /// A loopback address; without tokens all may do everything.
    Loopback(Option<Arc<Tokens>>),
    /// Any other address: every request needs a token.
    Open(Arc<Tokens>),
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn forbidden(code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { status: StatusCode::FORBIDDEN, code, message: message.into() }
    }

    fn unauthorized(message: &str) -> Refusal {
        Refusal { status: StatusCode::UNAUTHORIZED, code: "token-needed", message: message.to_owned() }
    }

    fn json(self) -> ApiError {
        ApiError::new(self.status, self.code, self.message)
    }

    /// As text where CDAP's clients come, else as JSON.
    fn answer(self, path: &str) -> Response {
        let status = self.status;
        let mut response =
            if need::speaks_json(path) { self.json().into_response() } else { (status, self.message).into_response() };
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"campanile\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// What let a request through. An answer that lasts asks it again: the token may have been revoked in the meantime.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    door: Door,
    need: Need,
    given: Option<HeaderValue>,
}

impl Pass {
    fn of(door: &Door, request: &Request<Body>) -> Pass {
        let given = request.headers().get(header::AUTHORIZATION).cloned();
        Pass { door: door.clone(), need: Need::of(request.method(), request.uri().path()), given }
    }

    /// Fails if the request would be refused now. Blocks for a file at most.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        check_token(&self.door, &self.need, self.given.as_ref()).map_err(Refusal::json)
    }
}

/// Lets a request through, or answers why not.
pub(crate) async fn guard(State(door): State<Door>, mut request: Request<Body>, next: Next) -> Response {
    match check(&door, request.method(), request.uri(), request.headers()) {
        Ok(()) => {
            let pass = Pass::of(&door, &request);
            request.extensions_mut().insert(pass);
            next.run(request).await
        }
        Err(refusal) => {
            let answer = refusal.answer(request.uri().path());
            // Whoever asked before sending need not send.
            if !request.headers().contains_key(header::EXPECT) {
                drain(request.into_body()).await;
            }
            answer
        }
    }
}

/// Reads a body and throws it away: a client that sends all before it reads meets the answer then, and not a closed connection.
async fn drain(body: Body) {
    let (mut pieces, mut drained) = (body.into_data_stream(), 0);
    // One that pauses is not waited for.
    while let Ok(Some(Ok(piece))) = timeout(DRAIN_PAUSE, pieces.next()).await {
        drained += piece.len();
        if drained > DRAINED_BYTES {
            return;
        }
    }
}

fn check(door: &Door, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let need = Need::of(method, uri.path());
    let loopback = match door {
        Door::Owner => return Ok(()),
        Door::Loopback(_) => true,
        Door::Open(_) => false,
    };
    host::check(loopback, uri, headers)?;
    check_token(door, &need, headers.get(header::AUTHORIZATION))?;
    // Whoever writes here speaks for the runs of this folder.
    if need.right != Right::Read && need.namespace.as_deref() == Some(SYSTEM) {
        return Err(Refusal::forbidden("system-namespace", SYSTEM_CLOSED));
    }
    Ok(())
}

fn check_token(door: &Door, need: &Need, given: Option<&HeaderValue>) -> Result<(), Refusal> {
    let (tokens, loopback) = match door {
        Door::Owner | Door::Loopback(None) => return Ok(()),
        Door::Loopback(Some(tokens)) => (tokens, true),
        Door::Open(tokens) => (tokens, false),
    };
    let Some(given) = given else {
        return match loopback && need.right == Right::Read {
            true => Ok(()),
            false => Err(Refusal::unauthorized(
                "this needs a token: send `Authorization: Bearer TOKEN`; the first token lies in the file `token` of the data folder, \
                 `campanile tokens create` makes another",
            )),
        };
    };
    let secret = given.to_str().ok().and_then(bearer).ok_or_else(|| {
        Refusal::unauthorized("the header `Authorization` is not understood: send `Authorization: Bearer TOKEN`")
    })?;
    let found = tokens.find(secret).map_err(|error| Refusal {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "tokens-unreadable",
        message: error.to_string(),
    })?;
    let token = found.ok_or_else(|| {
        Refusal::unauthorized(
            "this token is not known here: it was revoked, or belongs to another data folder; `campanile tokens list` shows those that are known",
        )
    })?;
    if (loopback && need.right == Right::Read) || need.is_met_by(&token) {
        return Ok(());
    }
    let (name, right) = (&token.name, need.right);
    Err(match &need.namespace {
        Some(namespace) => Refusal::forbidden(
            "right-missing",
            format!(
                "token `{name}` lacks the right `{right}` in namespace `{namespace}`: use a token that was made with \
                 `campanile tokens create NAME --right {right} --namespace {namespace}`"
            ),
        ),
        None => {
            Refusal::forbidden("right-missing", format!("token `{name}` lacks the right `{right}` in all namespaces"))
        }
    })
}

/// The token of `Bearer TOKEN`.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests;

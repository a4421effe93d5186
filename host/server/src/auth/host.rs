//! Whether a browser was led here by another page: a name that was rebound to loopback shows in `Host`, a foreign page in
//! `Origin`.

use super::Refusal;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use std::net::IpAddr;

/// On loopback `Host` must be a loopback name; on any other address a browser has no token to send. `Origin` must be `Host` everywhere.
pub(super) fn check(loopback: bool, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let host = headers.get(header::HOST).and_then(authority);
    if loopback {
        let named = uri.authority().is_none_or(is_loopback) && host.as_ref().is_some_and(is_loopback);
        if !named {
            return Err(Refusal::forbidden(
                "host-refused",
                "the header `Host` must name loopback (localhost, 127.0.0.1 or [::1]): this address answers no other name, so that no page \
                 elsewhere reaches it through a browser",
            ));
        }
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let same = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok()).is_some_and(|origin| {
        let web = matches!(origin.scheme_str(), Some("http" | "https"));
        web && host.is_some_and(|host| origin.authority().is_some_and(|origin| origin == &host))
    });
    match same {
        true => Ok(()),
        false => Err(Refusal::forbidden(
            "origin-refused",
            "the header `Origin` differs from `Host`: a page of another site asks, and is not answered",
        )),
    }
}

fn authority(value: &HeaderValue) -> Option<Authority> {
    value.to_str().ok()?.parse().ok()
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

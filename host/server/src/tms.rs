//! TMS as clients of CDAP know it: paths, codes, words and Avro bodies are theirs.
//!
//! A request is checked in a fixed order: the length of its body, names, content type, body, messages, topic, transaction.

mod answer;
mod avro;
mod body;
mod poll;
mod properties;
mod request;
mod thrift;

use self::answer::{AVRO, Refusal, bare, json};
use self::poll::Poll;
use self::request::PublishRequest;
use crate::state::App;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post, put};
use campanile_messaging::{Error, Publish, TopicId};

type Answer = Result<Response, Refusal>;
type Names = Path<(String, String)>;

/// What CDAP's clients use, on `/v1/`. Bodies are packed and unpacked around it.
pub(crate) fn routes() -> Router<App> {
    const TOPICS: &str = "/v1/namespaces/{namespace}/topics";
    let mut router = Router::new();
    // One slash at the end means nothing.
    for slash in ["", "/"] {
        let path = |rest: &str| format!("{TOPICS}{rest}{slash}");
        router = router
            .route(&path(""), get(list).head(wrong_method).fallback(wrong_method))
            .route(
                &path("/{topic}"),
                get(describe).put(create).delete(delete).head(wrong_method).fallback(wrong_method),
            )
            .route(&path("/{topic}/properties"), put(update).fallback(wrong_method))
            .route(&path("/{topic}/publish"), post(publish).fallback(wrong_method))
            .route(&path("/{topic}/store"), post(store).fallback(wrong_method))
            .route(&path("/{topic}/rollback"), post(rollback).fallback(wrong_method))
            .route(&path("/{topic}/poll"), post(poll).fallback(wrong_method));
    }
    router.route("/v1/{*path}", any(wrong_path))
}

async fn create(State(app): State<App>, Path(names): Names, uri: Uri, body: Body) -> Answer {
    let body = body::read(body, app.limits.request_bytes).await?;
    let topic = topic(names, &uri)?;
    let properties = properties::read(&topic, &body)?;
    blocking(move || Ok(app.messaging.create_topic(&topic, properties)?)).await?;
    Ok(done())
}

async fn update(State(app): State<App>, Path(names): Names, uri: Uri, body: Body) -> Answer {
    let body = body::read(body, app.limits.request_bytes).await?;
    let topic = topic(names, &uri)?;
    let properties = properties::read(&topic, &body)?;
    blocking(move || Ok(app.messaging.update_topic(&topic, properties)?)).await?;
    Ok(done())
}

async fn describe(State(app): State<App>, Path(names): Names, uri: Uri) -> Answer {
    let topic = topic(names, &uri)?;
    let topic = blocking(move || Ok(app.messaging.topic(&topic)?)).await?;
    let mut properties = topic.notes;
    properties.insert("generation".to_owned(), topic.generation.to_string());
    // Without a time to live messages are kept for ever: clients cannot ask for that, only see it.
    properties.extend(topic.ttl_secs.map(|secs| ("ttl".to_owned(), secs.to_string())));
    Ok(json(serde_json::json!(properties).to_string()))
}

async fn list(State(app): State<App>, Path(namespace): Path<String>, uri: Uri) -> Answer {
    if namespace.contains('/') {
        return Err(Refusal::no_path(&uri));
    }
    let topics = blocking(move || Ok(app.messaging.topics(&namespace)?)).await?;
    let names: Vec<&str> = topics.iter().map(|topic| topic.id.name()).collect();
    Ok(json(serde_json::json!(names).to_string()))
}

async fn delete(State(app): State<App>, Path(names): Names, uri: Uri) -> Answer {
    let topic = topic(names, &uri)?;
    blocking(move || Ok(app.messaging.delete_topic(&topic)?)).await?;
    Ok(done())
}

async fn publish(State(app): State<App>, Path(names): Names, uri: Uri, headers: HeaderMap, body: Body) -> Answer {
    let body = body::read(body, app.limits.publish_bytes).await?;
    let topic = topic(names, &uri)?;
    check_content_type(&headers)?;
    blocking(move || {
        let PublishRequest { transaction, messages } = PublishRequest::read(&body)?;
        let publish = Publish::new(&messages);
        match transaction {
            None if messages.is_empty() => Err(Error::EmptyPublish(topic).into()),
            None => {
                app.messaging.publish(&topic, publish)?;
                Ok(done())
            }
            Some(pointer) => {
                let published = app.messaging.publish(&topic, publish.in_transaction(pointer))?;
                let response = avro::publish_response(pointer, &published)?;
                Ok(([(header::CONTENT_TYPE, AVRO)], response).into_response())
            }
        }
    })
    .await
}

async fn store(State(app): State<App>, Path(names): Names, uri: Uri, headers: HeaderMap, body: Body) -> Answer {
    let body = body::read(body, app.limits.publish_bytes).await?;
    let topic = topic(names, &uri)?;
    check_content_type(&headers)?;
    blocking(move || match PublishRequest::read(&body)? {
        PublishRequest { transaction: Some(pointer), messages } if !messages.is_empty() => {
            app.messaging.store(&topic, pointer, &messages)?;
            Ok(done())
        }
        _ => Err(Error::EmptyStore(topic).into()),
    })
    .await
}

/// The content type is not looked at.
async fn rollback(State(app): State<App>, Path(names): Names, uri: Uri, body: Body) -> Answer {
    let body = body::read(body, app.limits.request_bytes).await?;
    let topic = topic(names, &uri)?;
    let range = avro::rollback_range(&body)?;
    blocking(move || Ok(app.messaging.rollback(&topic, &range)?)).await?;
    Ok(done())
}

async fn poll(State(app): State<App>, Path(names): Names, uri: Uri, headers: HeaderMap, body: Body) -> Answer {
    let body = body::read(body, app.limits.request_bytes).await?;
    let topic = topic(names, &uri)?;
    check_content_type(&headers)?;
    let first = blocking(move || {
        let request = avro::consume_request(&body)?;
        Poll::new(app.messaging, topic, request, app.limits.chunk_bytes)?.piece()
    });
    Ok(first.await?.into_response())
}

async fn wrong_method(uri: Uri) -> Response {
    bare(StatusCode::METHOD_NOT_ALLOWED, uri.to_string())
}

async fn wrong_path(uri: Uri) -> Refusal {
    Refusal::no_path(&uri)
}

/// An empty answer, without content type.
fn done() -> Response {
    StatusCode::OK.into_response()
}

/// The topic of these names. A slash in one, however written, is one of the path.
fn topic((namespace, name): (String, String), uri: &Uri) -> Result<TopicId, Refusal> {
    if [&namespace, &name].iter().any(|name| name.contains('/')) {
        return Err(Refusal::no_path(uri));
    }
    Ok(TopicId::new(&namespace, &name)?)
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get(header::CONTENT_TYPE) {
        Some(given) if given == AVRO => Ok(()),
        _ => Err(Refusal::bad("Only avro/binary content type is supported.")),
    }
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Refusal> + Send + 'static) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => {
            Err(Refusal::Why(StatusCode::INTERNAL_SERVER_ERROR, format!("the request was given up: {error}")))
        }
    }
}

#[cfg(test)]
mod tests;

#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use super::*;
use futures_util::stream;
use std::convert::Infallible;
use std::future::poll_fn;
use std::time::Duration;

/// What comes of a body whose pieces come one by one, so far apart.
async fn read(pieces: usize, pause: Duration) -> Result<usize, String> {
    let slow = stream::unfold(0, move |sent| async move {
        if sent > 0 {
            tokio::time::sleep(pause).await;
        }
        (sent < pieces).then(|| (Ok::<_, Infallible>(Bytes::from_static(b"x")), sent + 1))
    });
    let bounds = Bounds {
        body_idle_timeout: Duration::from_secs(30),
        body_timeout: Duration::from_secs(600),
        ..Bounds::default()
    };
    let mut body = timed(Request::new(Body::from_stream(slow)), bounds).await.into_body();
    let mut length = 0;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        length += frame.map_err(|error| error.to_string())?.data_ref().unwrap().len();
    }
    Ok(length)
}

#[tokio::test(start_paused = true)]
async fn a_body_may_pause_but_neither_long_nor_for_ever() {
    assert_eq!(read(3, Duration::from_secs(29)).await, Ok(3));
    assert!(read(3, Duration::from_secs(31)).await.unwrap_err().contains("30 s"));
    assert_eq!(read(20, Duration::from_secs(29)).await, Ok(20));
    assert!(read(22, Duration::from_secs(29)).await.unwrap_err().contains("600 s in all"));
}

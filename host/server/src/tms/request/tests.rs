use super::*;

#[test]
fn longs_are_read_to_their_ends() {
    for (bytes, long) in [
        (&[0][..], 0),
        (&[1], -1),
        (&[2], 1),
        (&[0x80, 1], 64),
        (&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], i64::MAX),
        (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], i64::MIN),
    ] {
        assert_eq!(Reader { rest: bytes }.long(), Ok(long), "{bytes:?}");
        assert_eq!(Reader { rest: &bytes[..bytes.len() - 1] }.long(), Err(Garbage::Short), "{bytes:?}");
    }
    assert_eq!(Reader { rest: &[0x80; 10] }.long(), Err(Garbage::Number));
}

#[test]
fn messages_lie_where_they_came_in() {
    let body = [0, 6, 4, 2, b'a', 4, b'b', b'c', 0];
    let request = PublishRequest::read(&body);
    assert_eq!(request, Ok(PublishRequest { transaction: Some(3), messages: vec![b"a", b"bc"] }));
}

use super::*;

fn text(values: &[Option<&str>]) -> Option<String> {
    of_values(values).map(|key| String::from_utf8(key).unwrap())
}

#[test]
fn one_value_is_raw_several_are_an_array() {
    assert_eq!(text(&[]), None);
    assert_eq!(text(&[Some("a,\"b\"")]).as_deref(), Some("a,\"b\""));
    assert_eq!(text(&[Some("")]).as_deref(), Some(""), "empty is not missing");
    assert_eq!(text(&[None]), None);
    assert_eq!(text(&[Some("a"), Some("b\"c")]).as_deref(), Some(r#"["a","b\"c"]"#));
    assert_eq!(text(&[None, Some("b")]).as_deref(), Some(r#"[null,"b"]"#));
    assert_eq!(text(&[None, None]), None);
}

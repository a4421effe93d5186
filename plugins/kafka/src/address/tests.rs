use super::*;

#[test]
fn brokers_are_hosts_with_ports() {
    for brokers in ["localhost:9092", "a:1,b.example:65535", " a:1 , 10.0.0.1:9092 ", "[::1]:9092"] {
        assert_eq!(check_brokers(brokers), [], "{brokers}");
    }
    for (brokers, wrong) in
        [("", 1), ("localhost", 1), ("a:1,", 1), ("a:b,:1,c:0", 3), ("::1:9092", 1), ("http://a:1", 1), ("a:70000", 1)]
    {
        assert_eq!(check_brokers(brokers).len(), wrong, "{brokers}");
    }
}

#[test]
fn topics_are_named_as_kafka_allows() {
    for topic in ["alerts", "a.b_c-D9", &"x".repeat(249)] {
        assert_eq!(check_topic(topic), None, "{topic}");
    }
    for topic in ["", ".", "..", "a b", "ä", "a/b", &"x".repeat(250)] {
        assert!(check_topic(topic).is_some(), "{topic}");
    }
}

use super::*;
use proptest::prelude::*;

fn printed(number: f64) -> String {
    let mut text = String::new();
    print(number, &mut text);
    text
}

#[test]
fn reads_what_is_a_number() {
    for (text, number) in [
        ("182", 182.0),
        ("+182", 182.0),
        ("-182", -182.0),
        (" \t182\r\n", 182.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.5e1", -5.0),
        ("5.e-1", 0.5),
        ("1e+3", 1000.0),
        ("1E3", 1000.0),
        ("007", 7.0),
        ("0.1", 0.1),
        ("123456789012345", 123_456_789_012_345.0),
        ("0.123456789012345", 0.123_456_789_012_345),
        ("9007199254740993", 9_007_199_254_740_992.0),
        ("9007199254740993.0000000000000000000000000001", 9_007_199_254_740_994.0),
        ("1e-400", 0.0),
        ("0e99999999999999999999999", 0.0),
        ("1e-99999999999999999999999", 0.0),
        ("1.7976931348623157e308", f64::MAX),
        ("5e-324", f64::from_bits(1)),
    ] {
        assert_eq!(parse(text), Some(number), "{text}");
    }
    let thousand_zeros = format!("0.{}1e1001", "0".repeat(1000));
    assert_eq!(parse(thousand_zeros), Some(1.0));
    assert!(parse("-0").is_some_and(|zero| zero == 0.0 && zero.is_sign_negative()));
}

#[test]
fn refuses_everything_else() {
    for text in [
        "",
        " ",
        ".",
        "+",
        "-",
        "-.",
        "e5",
        ".e5",
        "1e",
        "1e+",
        "1e-",
        "1e5.5",
        "1e5x",
        "NaN",
        "nan",
        "inf",
        "-inf",
        "Infinity",
        "infinity",
        "1e400",
        "-1e400",
        "1e99999999999999999999999",
        "1,5",
        "1_000",
        "0x10",
        "1 2",
        "1.2.3",
        "--1",
        "+-1",
        "1-",
        "- 1",
        "fast",
        "182bpm",
        "１",
        "\u{a0}1",
        "1\0",
        "1f",
        "1d",
    ] {
        assert_eq!(parse(text), None, "{text:?}");
    }
}

#[test]
fn prints_as_ecmascript() {
    for (number, text) in [
        (182.0, "182"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (123456.789, "123456.789"),
        (-2.5, "-2.5"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::from_bits(1), "5e-324"),
    ] {
        assert_eq!(printed(number), text);
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(bits: u64) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        prop_assert_eq!(parse(printed(number)), Some(number));
    }

    #[test]
    fn decimals_agree_with_the_standard_library(text in "[+-]?[0-9]{0,18}(\\.[0-9]{0,18})?([eE][+-]?[0-9]{1,3})?") {
        let expected = text.parse::<f64>().ok().filter(|number| number.is_finite());
        prop_assert_eq!(parse(&text).map(f64::to_bits), expected.map(f64::to_bits));
    }

    #[test]
    fn any_text_is_answered(text: String) {
        parse(text);
    }
}

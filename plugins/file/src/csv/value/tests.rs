use super::*;

fn pushed(text: &str, data_type: &DataType) -> Result<usize, String> {
    let mut column = ColumnBuilder::new(data_type).unwrap();
    push(text, data_type, &mut column).map(|()| column.len()).map_err(|fault| fault.message(text, data_type))
}

#[test]
fn whole_numbers_keep_all_their_digits() {
    for (text, value) in [
        ("0", 0),
        ("-9223372036854775808", i64::MIN),
        ("9223372036854775807", i64::MAX),
        ("9007199254740993.000", 9_007_199_254_740_993),
        ("12.0", 12),
        ("1.5e1", 15),
        ("+7", 7),
    ] {
        assert_eq!(whole(text), Ok(value), "{text}");
    }
    assert_eq!(whole("1.5"), Err(Fault::Fraction));
    assert_eq!(whole("9223372036854775808"), Err(Fault::Range));
    assert_eq!(whole("1e300"), Err(Fault::Range));
    for text in ["", "-", ".", "1,5", "0x10", "1e", "abc", "--1", "1 2"] {
        assert_eq!(whole(text), Err(Fault::Not("a number")), "{text}");
    }
    assert_eq!(pushed("2147483648", &DataType::Int), Err("`2147483648` does not fit into int".to_owned()));
    assert_eq!(pushed(" 5 ", &DataType::Int), Ok(1));
}

#[test]
fn doubles_are_rounded_correctly_and_only_known_words_are_no_numbers() {
    let double = |text| float::<f64>(text, f64::is_finite);
    assert_eq!(double("0.1"), Ok(0.1));
    assert_eq!(double("5e-324"), Ok(5e-324));
    assert_eq!(double("9007199254740993"), Ok(9_007_199_254_740_992.0));
    assert!(double("NaN").unwrap().is_nan());
    assert_eq!(double("-Infinity"), Ok(f64::NEG_INFINITY));
    assert_eq!(double("1e400"), Err(Fault::Range));
    for text in ["", "nan", "inf", "1.5.2", "12 h", "0x10"] {
        assert_eq!(double(text), Err(Fault::Not("a number")), "{text}");
    }
}

#[test]
fn decimals_are_exact() {
    assert_eq!(decimal("123.45", 2), Ok(12_345));
    assert_eq!(decimal("-0.05", 2), Ok(-5));
    assert_eq!(decimal("1.50", 1), Ok(15));
    assert_eq!(decimal("1200", -2), Ok(12));
    assert_eq!(decimal("1.05", 1), Err(Fault::Fraction));
    assert_eq!(decimal("0e999999999", 2), Ok(0));
    assert_eq!(decimal(&"9".repeat(40), 0), Err(Fault::Range));
    let three = DataType::Decimal { precision: 3, scale: 1 };
    assert_eq!(pushed("99.9", &three), Ok(1));
    assert_eq!(pushed("100", &three), Err("`100` does not fit into decimal".to_owned()));
}

#[test]
fn bytes_dates_and_times_are_read_from_text() {
    assert_eq!(pushed("Zm9v", &DataType::Bytes), Ok(1));
    assert_eq!(pushed("Zm9", &DataType::Bytes), Err("`Zm9` is not base64".to_owned()));
    assert_eq!(pushed("2024-02-29", &DataType::Date), Ok(1));
    assert!(pushed("2023-02-29", &DataType::Date).unwrap_err().ends_with("is not a date such as 2026-11-21"));
    assert_eq!(pushed("2024-05-20T10:13:20.123Z", &DataType::Timestamp), Ok(1));
    assert!(pushed("2024-05-20T10:13:20", &DataType::Timestamp).unwrap_err().ends_with("with its zone"));
}

#[test]
fn a_fault_names_the_text() {
    assert_eq!(pushed("abc", &DataType::Double), Err("`abc` is not a number".to_owned()));
    assert_eq!(pushed("yes", &DataType::Boolean), Err("`yes` is not true or false".to_owned()));
    assert_eq!(pushed("TRUE", &DataType::Boolean), Ok(1));
    assert!(pushed(&"x".repeat(100), &DataType::Long).unwrap_err().contains("x…`"));
}

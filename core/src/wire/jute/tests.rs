//! Numbers, strings and vectors as bytes, and what is refused.

use alloc::string::ToString;
use alloc::vec;

use proptest::prelude::*;

use super::*;

fn read<T: Jute>(bytes: &[u8]) -> Result<T, WireError> {
    T::from_bytes(&Bytes::copy_from_slice(bytes))
}

#[test]
fn null_is_not_empty() {
    assert_eq!(read::<Option<Bytes>>(&[0xff; 4]), Ok(None));
    assert_eq!(read::<Option<Bytes>>(&[0; 4]), Ok(Some(Bytes::new())));
    assert_eq!(None::<Bytes>.to_bytes(), [0xff; 4]);
    assert_eq!(Some(Bytes::new()).to_bytes(), [0; 4]);
    assert_eq!(read::<Option<String>>(&[0xff; 4]), Ok(None));
    assert_eq!(read::<String>(&[0xff; 4]).map_err(|e| e.why), Err(Why::Null));
}

#[test]
fn lengths_are_checked_before_anything_is_allocated() {
    let minus_two = read::<Option<Bytes>>(&(-2i32).to_be_bytes()).unwrap_err();
    assert_eq!(minus_two.why, Why::Length { len: -2, max: DEFAULT_MAX_FIELD as u64 });
    let huge = read::<String>(&i32::MAX.to_be_bytes()).unwrap_err();
    assert_eq!(huge.why, Why::Length { len: i64::from(i32::MAX), max: DEFAULT_MAX_FIELD as u64 });
    let missing = read::<String>(&5i32.to_be_bytes()).unwrap_err();
    assert_eq!(missing.why, Why::Truncated);
    let many = read::<Vec<String>>(&i32::MAX.to_be_bytes()).unwrap_err();
    assert_eq!(many.why, Why::Truncated);
    let frame = Bytes::from(Some(Bytes::from(vec![7; 11])).to_bytes());
    assert!(Reader::with_limit(&frame, 11).buffer("x").is_ok());
    let over = Reader::with_limit(&frame, 10).buffer("x").unwrap_err();
    assert_eq!(over.to_string(), "x at byte 0: unreasonable length 11 (at most 10)");
}

#[test]
fn every_negative_count_is_an_empty_vector() {
    for count in [-1, -2, i32::MIN] {
        assert_eq!(read::<Vec<i32>>(&count.to_be_bytes()), Ok(vec![]));
    }
}

#[test]
fn characters_outside_the_basic_plane_travel_as_two_surrogates() {
    let smile = "a\u{1F600}b".to_string();
    let bytes = smile.to_bytes();
    assert_eq!(bytes, b"\0\0\0\x08a\xED\xA0\xBD\xED\xB8\x80b");
    assert_eq!(read::<String>(&bytes), Ok(smile));
    // What a client that is not Java sends: plain UTF-8.
    assert_eq!(read::<String>(b"\0\0\0\x04\xF0\x9F\x98\x80"), Ok("\u{1F600}".to_string()));
}

#[test]
fn damaged_text_is_replaced_not_refused() {
    assert_eq!(decode_string(b"a\xFFb"), "a\u{FFFD}b");
    assert_eq!(decode_string(b"\xED\xA0\x80x"), "\u{FFFD}x");
    assert_eq!(decode_string(b"\xED\xB0\x80\xED\xA0\x80"), "\u{FFFD}\u{FFFD}");
    assert_eq!(decode_string(b"\xE2\x82"), "\u{FFFD}");
}

#[test]
fn buffers_are_slices_of_the_frame() {
    let frame = Bytes::from(Some(Bytes::from_static(b"data")).to_bytes());
    let data = Reader::new(&frame).buffer("data").unwrap().unwrap();
    assert_eq!(data.as_ptr(), frame[4..].as_ptr());
}

proptest! {
    #[test]
    fn strings_come_back(text in any::<String>()) {
        let bytes = text.to_bytes();
        prop_assert_eq!(bytes.len(), 4 + bytes[4..].len());
        prop_assert_eq!(read::<String>(&bytes), Ok(text));
    }

    #[test]
    fn any_bytes_decode_to_text(bytes in proptest::collection::vec(prop_oneof![Just(0xEDu8), any::<u8>()], 0..40)) {
        let text = decode_string(&bytes);
        if let Ok(plain) = core::str::from_utf8(&bytes) {
            prop_assert_eq!(text, plain);
        }
    }

    #[test]
    fn vectors_come_back(values in proptest::collection::vec(any::<i64>(), 0..200)) {
        prop_assert_eq!(read::<Vec<i64>>(&values.to_bytes()), Ok(values));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = read::<Vec<String>>(&bytes);
        let _ = read::<Vec<Option<Bytes>>>(&bytes);
        let _ = read::<Vec<Vec<bool>>>(&bytes);
    }
}

//! Right replies are taken, and each kind of wrong one is seen.

use quorate_core::ids::Zxid;
use quorate_core::wire::client::{Response, write_reply};

use super::*;

const KEY: u64 = 42;

fn values() -> Values {
    Values::new(64)
}

fn value(key: u64) -> Vec<u8> {
    let mut value = Vec::new();
    values().write(&mut value, key, 3);
    value
}

fn frame(xid: i32, zxid: u64, err: i32, body: &Response) -> Vec<u8> {
    let mut out = Vec::new();
    write_reply(&mut out, ReplyHeader { err, ..ReplyHeader::ok(xid, Zxid(zxid)) }, body);
    out.split_off(4)
}

fn stat(data_length: i32) -> Stat {
    // Every other field differs from the length, so that a wrong offset is seen.
    Stat {
        version: 7,
        cversion: 8,
        aversion: 9,
        ephemeral_owner: -1,
        data_length,
        num_children: 3,
        ..Stat::default()
    }
}

fn data(value: Vec<u8>, data_length: i32) -> Response {
    Response::Data { data: Some(value.into()), stat: stat(data_length) }
}

/// A connection that has seen zxid 100 and has asked to read and then to write a key.
fn asked() -> Checker {
    let mut checker = Checker::new(100, 1);
    assert_eq!(checker.ask(Asked::Read(KEY), 11), 1);
    assert_eq!(checker.ask(Asked::Write(KEY), 22), 2);
    checker
}

fn judge(frame: &[u8]) -> Result<Outstanding, Wrong> {
    asked().reply(frame, &values())
}

#[test]
fn right_replies_are_taken_in_order() {
    let mut checker = asked();
    checker.ask_ping(33);
    let read = checker.reply(&frame(1, 100, 0, &data(value(KEY), 64)), &values()).unwrap();
    assert_eq!(read, Outstanding { xid: 1, asked: Asked::Read(KEY), since: 11 });
    let write = checker.reply(&frame(2, 101, 0, &Response::Stat(stat(64))), &values()).unwrap();
    assert_eq!((write.asked, write.since), (Asked::Write(KEY), 22));
    let ping = checker.reply(&frame(xid::PING, 101, 0, &Response::Empty), &values()).unwrap();
    assert_eq!(ping.asked, Asked::Empty);
    assert_eq!(checker.outstanding(), 0);
}

#[test]
fn a_reply_nobody_asked_for() {
    let mut idle = Checker::new(100, 1);
    assert_eq!(idle.reply(&frame(5, 100, 0, &Response::Empty), &values()), Err(Wrong::Unasked { xid: 5 }));
}

#[test]
fn a_reply_out_of_order() {
    let found = judge(&frame(2, 100, 0, &Response::Stat(stat(64))));
    assert_eq!(found, Err(Wrong::Order { xid: 2, expected: 1 }));
    // A watch event for which no watch was set.
    let found = judge(&frame(xid::NOTIFICATION, 100, 0, &Response::Empty));
    assert_eq!(found, Err(Wrong::Order { xid: -1, expected: 1 }));
}

#[test]
fn an_error() {
    let found = judge(&frame(1, 100, -101, &Response::Empty));
    let name = "NoNode".to_owned();
    assert_eq!(found, Err(Wrong::Refused { code: -101, name, asked: Asked::Read(KEY) }));
}

#[test]
fn a_session_that_goes_back() {
    let found = judge(&frame(1, 99, 0, &data(value(KEY), 64)));
    assert_eq!(found, Err(Wrong::WentBack { zxid: 99, seen: 100 }));
    let mut checker = asked();
    checker.reply(&frame(1, 300, 0, &data(value(KEY), 64)), &values()).unwrap();
    let found = checker.reply(&frame(2, 299, 0, &Response::Stat(stat(64))), &values());
    assert_eq!(found, Err(Wrong::WentBack { zxid: 299, seen: 300 }));
}

#[test]
fn a_body_of_the_wrong_length() {
    let right = frame(1, 100, 0, &data(value(KEY), 64));
    let wrong = |length| Err(Wrong::Length { length, expected: 4 + 64 + 68, asked: Asked::Read(KEY) });
    assert_eq!(judge(&right[..right.len() - 1]), wrong(135));
    assert_eq!(judge(&[&right[..], &[0]].concat()), wrong(137));
    assert_eq!(judge(&frame(1, 100, 0, &data(value(KEY)[..63].to_vec(), 63))), wrong(135));
    assert_eq!(judge(&frame(1, 100, 0, &Response::Data { data: None, stat: stat(0) })), wrong(72));
}

#[test]
fn null_is_not_the_empty_value() {
    let values = Values::new(0);
    for (data, right) in [(Some(bytes::Bytes::new()), true), (None, false)] {
        let mut checker = Checker::new(0, 1);
        checker.ask(Asked::Read(KEY), 0);
        let found = checker.reply(&frame(1, 100, 0, &Response::Data { data, stat: stat(0) }), &values);
        assert_eq!(found.is_ok(), right);
    }
}

#[test]
fn a_value_of_another_key() {
    assert_eq!(judge(&frame(1, 100, 0, &data(value(KEY + 1), 64))), Err(Wrong::Value { key: KEY }));
    let mut damaged = value(KEY);
    damaged[40] ^= 1;
    assert_eq!(judge(&frame(1, 100, 0, &data(damaged, 64))), Err(Wrong::Value { key: KEY }));
}

#[test]
fn a_stat_of_another_size() {
    let wrong = Err(Wrong::DataLength { found: 65, expected: 64 });
    assert_eq!(judge(&frame(1, 100, 0, &data(value(KEY), 65))), wrong);
    let mut checker = Checker::new(100, 1);
    checker.ask(Asked::Write(KEY), 0);
    assert_eq!(checker.reply(&frame(1, 100, 0, &Response::Stat(stat(65))), &values()), wrong);
}

#[test]
fn less_than_a_header() {
    let short = frame(1, 100, 0, &Response::Empty);
    assert_eq!(judge(&short[..15]), Err(Wrong::Frame(15)));
}

#[test]
fn xids_begin_again_at_one() {
    let mut checker = Checker::new(0, i32::MAX);
    assert_eq!(checker.ask(Asked::Empty, 0), i32::MAX);
    assert_eq!(checker.ask(Asked::Empty, 0), 1);
}

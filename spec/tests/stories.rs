//! What a search finds can be read: stories, diagrams, pages and transcripts of paths through models.

use quorate_spec::models::{ModelSpec, Variant, catalogue};
use quorate_spec::search::{Limits, Searchable};
use quorate_spec::story::{Fate, Story, parse_path, show_path};
use quorate_spec::transcript::perform;

fn model(name: &str) -> Box<dyn Searchable> {
    let found: Option<ModelSpec> = catalogue().into_iter().find(|m| m.name == name);
    (found.expect("a model of the catalogue").build)(Variant::default())
}

/// The shortest way to what a model must come across, told.
fn reach(model: &dyn Searchable, name: &str) -> Story {
    let path = model.way_to(name, 5_000_000).unwrap_or_else(|| panic!("not reached: {name}"));
    model.story(&path).expect("it was just found")
}

/// Each message is sent before it is read, by the process whose column it leaves.
fn is_consistent(story: &Story) {
    for arrow in &story.arrows {
        if let (Some(sent), Fate::Arrives(read)) = (arrow.sent, arrow.fate) {
            assert!(sent < read, "{arrow:?} of {}", story.title);
            assert_eq!(story.beats[sent].lane, arrow.from, "{arrow:?}");
            assert_eq!(story.beats[read].lane, arrow.to, "{arrow:?}");
        }
    }
    let well_formed = |text: &str| roxmltree::Document::parse(text).map(|_| ()).map_err(|e| e.to_string());
    assert_eq!(well_formed(&story.svg()), Ok(()), "{}", story.title);
    // Apart from its first line and what HTML need not close, a page is XML.
    let page = story.html().replace("<!doctype html>", "").replace("<meta charset='utf-8'>", "");
    let page = page.replace("<meta name='viewport' content='width=device-width'>", "");
    assert_eq!(well_formed(&page), Ok(()), "{}", story.title);
}

/// Where the texts of a picture stand: left end, base line, right end.
fn texts(svg: &str) -> Vec<(i64, i64, i64, String)> {
    let document = roxmltree::Document::parse(svg).expect("XML");
    let nodes = document.descendants().filter(|node| node.has_tag_name("text"));
    let plain = nodes.filter(|node| !node.attribute("class").unwrap_or_default().starts_with("halo"));
    plain
        .map(|node| {
            let number =
                |name: &str| node.attribute(name).and_then(|n| n.parse::<i64>().ok()).expect("a number");
            let (text, x) = (node.text().unwrap_or_default().to_owned(), number("x"));
            // Letters of 11 pixels are 6.6 pixels wide.
            let width = text.chars().count() as i64 * 66 / 10;
            let left = match node.attribute("text-anchor") {
                Some("end") => x - width,
                Some("middle") => x - width / 2,
                _ => x,
            };
            (left, number("y"), left + width, text)
        })
        .collect()
}

#[test]
fn no_text_of_a_picture_covers_another() {
    let violation = |name: &str| {
        let model = model(name);
        let found = model.search(Limits::default(), &mut |_| {}).violation.expect("it is expected");
        model.story(&found.indices).expect("it was just found")
    };
    let livelock = |name: &str| {
        let model = model(name);
        let lasso = model.progress().and_then(|progress| progress.lasso).expect("it is expected");
        model.story(&lasso.indices).expect("it was just found")
    };
    let (sync, quiet) = (reach(&*model("zab-sync"), "SNAP"), reach(&*model("quiet"), "everybody serves"));
    for story in [violation("multi-two"), livelock("duel"), livelock("fast"), quiet, sync] {
        let svg = story.svg();
        let all = texts(&svg);
        for (i, (left, y, right, text)) in all.iter().enumerate() {
            for (other_left, other_y, other_right, other) in &all[..i] {
                let apart = (y - other_y).abs() >= 11 || left >= other_right || other_left >= right;
                assert!(apart, "{}: {text:?} and {other:?} at {y}", story.title);
            }
        }
        // No line is drawn over a text: all lines come first.
        let first_label = svg.find("class='halo what'").unwrap_or(svg.len());
        assert!(!svg[first_label..].contains("class='msg'"), "{}", story.title);
    }
}

#[test]
fn what_must_be_reachable_is_told_and_performed_as_a_transcript() {
    for (name, reaches) in [
        ("quiet", vec!["server 2 leads", "everybody serves"]),
        ("election", vec!["server 1 leads"]),
        ("zab-oracle", vec!["a proposal is discarded"]),
        ("zab-sync", vec!["DIFF", "TRUNC", "SNAP"]),
    ] {
        let model = model(name);
        for what in reaches {
            let story = reach(&*model, what);
            is_consistent(&story);
            assert!(story.verdict.contains(&format!("reached: {what}")), "{name}: {:?}", story.verdict);
            let written = model.transcript(what, &story.path).expect("ensembles have transcripts");
            let text = written.unwrap_or_else(|e| panic!("{name}, {what}: {e}"));
            assert_eq!(perform(&text).as_ref(), Ok(&text), "{name}, {what}");
        }
    }
}

#[test]
fn a_discarded_proposal_can_be_seen() {
    let story = reach(&*model("zab-oracle"), "a proposal is discarded");
    let text = story.text();
    for part in ["disk: log 1:1=z", "PROPOSAL 1:1=z", "NEWLEADER epoch 2", "server 3"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn a_path_in_the_middle_begins_with_what_went_before() {
    let model = model("claim-logged");
    let limits = Limits { states: Some(200_000), ..Limits::default() };
    let found = model.search(limits, &mut |_| {}).violation.expect("it is expected");
    let story = model.story(&found.indices).expect("it was just found");
    is_consistent(&story);
    assert!(story.verdict[0].starts_with("LoggedSurvives is broken: "), "{:?}", story.verdict);
    assert_eq!(story.steps.len(), found.path.len());
    // What is broken is a claim, not a property of ZAB: the transcript can be performed.
    let text = model.transcript("logged", &found.indices).expect("an ensemble").expect("it can be written");
    assert_eq!(perform(&text).as_ref(), Ok(&text));
}

#[test]
fn a_violation_of_paxos_is_told() {
    let model = model("multi-two");
    let found = model.search(Limits::default(), &mut |_| {}).violation.expect("it is expected");
    let story = model.story(&found.indices).expect("it was just found");
    is_consistent(&story);
    assert_eq!(
        story.verdict[0],
        "LocalPrimaryOrder is broken: what one primary proposed is delivered in the order it was proposed, \
         without holes"
    );
    assert!(story.diagram().contains("acceptor 3"));
    assert!(model.transcript("", &found.indices).is_none(), "no ensemble");
}

#[test]
fn a_livelock_is_told_with_its_cycle() {
    let model = model("fast");
    let lasso = model.progress().and_then(|p| p.lasso).expect("it is expected");
    let story = model.story(&lasso.indices).expect("it was just found");
    is_consistent(&story);
    assert_eq!(story.cycle, Some(lasso.stem.len()));
    assert_eq!(story.steps.len(), lasso.stem.len() + lasso.cycle.len());
    assert!(story.text().contains("from here on, again and again"));
}

#[test]
fn what_becomes_of_messages_is_shown() {
    let model = model("zab-oracle");
    // A leader is named, a server follows, and the leader dies before it has read anything.
    let (mut path, mut said) = (vec![0], String::new());
    for wanted in ["oracle: 3 leads", "oracle: 1 follows 3", "3 dies"] {
        let at = (0..64).find(|i| {
            let longer: Vec<usize> = path.iter().copied().chain([*i]).collect();
            let story = model.story(&longer).ok();
            said = story.and_then(|s| Some(s.steps.last()?.headline.clone())).unwrap_or_default();
            said == wanted
        });
        path.push(at.unwrap_or_else(|| panic!("`{wanted}` is possible")));
    }
    let story = model.story(&path).expect("it was just found");
    is_consistent(&story);
    assert!(story.svg().contains("class='Down'"), "a dead server looks dead");
    let text = story.text();
    assert!(text.contains("3 dies"), "{text}");
}

#[test]
fn paths_are_read_as_they_are_printed_and_bad_ones_are_named() {
    assert_eq!(parse_path(&show_path(&[0, 12, 3])), Ok(vec![0, 12, 3]));
    assert_eq!(parse_path("0,12 3"), Ok(vec![0, 12, 3]));
    let why = |path: &str| {
        let parsed = parse_path(path).and_then(|path| model("quiet").story(&path).map(|_| ()));
        parsed.expect_err("it is no path").to_string()
    };
    assert_eq!(why("0/x"), "a path is numbers with / between them, not `x`");
    assert_eq!(why(""), "a path begins with an initial state");
    assert_eq!(why("7"), "there is no initial state 7: there are 1, from 0");
    assert_eq!(why("0/0/99"), "step 2: there is no action 99: 2 are possible, from 0");
}

use super::*;
use crate::StopMatcher;
use serde_json::{Value, json};
use std::fs;

/// The 256 bytes as byte-level tokenizers write them.
pub(crate) fn byte_vocabulary() -> serde_json::Map<String, Value> {
	let mut printable: Vec<u32> = (33..=126).chain(161..=172).chain(174..=255).collect();
	let others: Vec<u32> = (0..256).filter(|byte| !printable.contains(byte)).collect();
	let stand_ins: Vec<u32> = (256..256 + others.len() as u32).collect();
	let mut letters: Vec<(u32, u32)> = printable.drain(..).map(|byte| (byte, byte)).collect();
	letters.extend(others.into_iter().zip(stand_ins));
	letters
		.into_iter()
		.map(|(byte, shown)| (char::from_u32(shown).unwrap().to_string(), json!(byte)))
		.collect()
}

/// A byte-level BPE over the 256 bytes, with an end-of-text token: é is two ids.
fn bytes_tokenizer() -> Tokenizer {
	let directory = tempfile::tempdir().unwrap();
	let content = json!({
		"version": "1.0", "truncation": {"direction": "Right", "max_length": 2,
			"strategy": "LongestFirst", "stride": 0}, "padding": null,
		"added_tokens": [{"id": 256, "content": "<|end|>", "single_word": false, "lstrip": false,
			"rstrip": false, "normalized": false, "special": true}],
		"normalizer": null,
		"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
			"use_regex": true},
		"post_processor": null,
		"decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true,
			"use_regex": true},
		"model": {"type": "BPE", "dropout": null, "unk_token": null,
			"continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
			"byte_fallback": false, "vocab": byte_vocabulary(), "merges": []}
	});
	fs::write(directory.path().join("tokenizer.json"), content.to_string()).unwrap();
	Tokenizer::read(directory.path(), &Default::default())
		.unwrap()
		.unwrap()
}

fn streamed(tokenizer: &Tokenizer, ids: &[TokenId]) -> Vec<String> {
	let mut stream = tokenizer.stream();
	let mut parts: Vec<_> = ids.iter().map(|id| stream.push(*id).unwrap()).collect();
	parts.push(stream.finish().unwrap());
	parts
}

#[test]
fn long_texts_are_not_cut() {
	let tokenizer = bytes_tokenizer();
	let text = "three words here";
	let ids = tokenizer.encode(text, true).unwrap();
	assert_eq!(ids.len(), text.len());
	assert_eq!(tokenizer.decode(&ids).unwrap(), text);
	assert_eq!(tokenizer.id("<|end|>"), Some(256));
	assert_eq!(tokenizer.vocab_size(), 257);
}

#[test]
fn a_stream_never_splits_a_character() {
	let tokenizer = bytes_tokenizer();
	let text = "né 🦀!";
	let ids = tokenizer.encode(text, false).unwrap();
	let parts = streamed(&tokenizer, &ids);
	assert_eq!(parts, ["n", "", "é", " ", "", "", "", "🦀", "!", ""]);
	assert_eq!(parts.concat(), text);
}

#[test]
fn a_stream_gives_broken_characters_up() {
	let tokenizer = bytes_tokenizer();
	// A lone start byte, then an ordinary letter.
	assert_eq!(
		streamed(&tokenizer, &[0xc3, u32::from(b'a')]),
		["", "\u{fffd}a", ""]
	);
	assert_eq!(streamed(&tokenizer, &[0xc3]), ["", "\u{fffd}"]);
	// Continuation bytes without end come out, in bounded time.
	let parts = streamed(&tokenizer, &[0xa9; 40]);
	assert_eq!(parts.concat(), "\u{fffd}".repeat(40));
	assert!(parts[..40].iter().any(|part| !part.is_empty()));
}

#[test]
fn special_tokens_are_not_text() {
	let tokenizer = bytes_tokenizer();
	assert_eq!(streamed(&tokenizer, &[u32::from(b'a'), 256]), ["a", "", ""]);
	assert_eq!(
		tokenizer.encode("a<|end|>", false).unwrap(),
		[u32::from(b'a'), 256]
	);
}

#[test]
fn stops_at_the_token_that_completes_the_string() {
	let tokenizer = bytes_tokenizer();
	let stopped = |text: &str, stops: &[&str]| {
		let mut matcher = StopMatcher::new(&tokenizer, stops.iter().map(|s| s.to_string()));
		let ids = tokenizer.encode(text, false).unwrap();
		ids.iter().position(|id| matcher.push(*id).unwrap())
	};
	assert_eq!(stopped("one two three", &["two"]), Some(6));
	assert_eq!(stopped("one two three", &["tree", "three"]), Some(12));
	assert_eq!(stopped("one two three", &["four"]), None);
	assert_eq!(stopped("ababac", &["abac"]), Some(5));
	// Two bytes of the crab are not the crab.
	assert_eq!(stopped("x🦀", &["🦀"]), Some(4));
	assert_eq!(stopped("anything", &[]), None);
}

#[test]
fn a_broken_file_is_named() {
	let directory = tempfile::tempdir().unwrap();
	assert!(
		Tokenizer::read(directory.path(), &Default::default())
			.unwrap()
			.is_none()
	);
	fs::write(directory.path().join("tokenizer.json"), "{}").unwrap();
	let message = Tokenizer::read(directory.path(), &Default::default())
		.unwrap_err()
		.to_string();
	assert!(message.contains("tokenizer.json"), "{message}");
}

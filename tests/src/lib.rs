//! What the end-to-end suite is made of: a private grid of real processes, dishonest miners, and
//! waits that end.

#![allow(
	clippy::print_stdout,
	reason = "a test's output tells how its grid fared"
)]

pub mod client;
pub mod forge;
pub mod grid;
pub mod history;
pub mod keys;
pub mod ledger;
pub mod manual;
pub mod process;
pub mod reader;
pub mod stranger;
pub mod wait;
pub mod weights;

use std::path::{Path, PathBuf};

/// The repository's root, of the checkout that runs the tests: another one may have built them.
pub fn root() -> PathBuf {
	let package = std::env::var_os("CARGO_MANIFEST_DIR");
	Path::new(&package.unwrap_or_else(|| ".".into())).join("..")
}

/// The demo model's directory.
pub fn demo_model() -> PathBuf {
	root().join("models/demo")
}

/// A cheaper model with the demo model's tokenizer and template.
pub fn cheap_model() -> PathBuf {
	root().join("tests/models/cheap")
}

/// The questions that the demo model knows.
pub fn questions() -> anyhow::Result<Vec<String>> {
	let text = std::fs::read_to_string(demo_model().join("questions.json"))?;
	let entries: Vec<serde_json::Value> = serde_json::from_str(&text)?;
	let question = |entry: &serde_json::Value| entry["question"].as_str().map(str::to_owned);
	Ok(entries.iter().filter_map(question).collect())
}

/// Questions of all kinds, so that answers differ in length and certainty: those that the demo model
/// knows, and some that it does not.
pub fn all_kinds_of_questions() -> anyhow::Result<Vec<String>> {
	let strange = [
		"Tell me about the sun.",
		"Write a list of ten animals.",
		"Why?",
		"Repeat this: one two three four five six seven eight nine ten.",
		"What is 12 times 12, and how do you know it?",
	];
	Ok(questions()?
		.into_iter()
		.chain(strange.map(str::to_owned))
		.collect())
}

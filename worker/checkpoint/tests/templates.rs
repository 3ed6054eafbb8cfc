//! Chat templates against what `transformers` makes of them: see `templates/make.py`.

#![allow(
	clippy::disallowed_methods,
	clippy::unwrap_used,
	reason = "tests are not bound by what binds the libraries"
)]

use infergrid_checkpoint::{ChatMessage, ChatTemplate, RenderOptions, TemplateError};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The time at which the expected values were written: 2 January 2026, 03:04:05 UTC.
const NOW: i64 = 1_767_323_045;

#[derive(Deserialize)]
struct Rendered {
	tokens: BTreeMap<String, String>,
	cases: Vec<Case>,
}

/// What `published.json` holds. It isn't in the repository: the templates are their makers'.
#[derive(Deserialize)]
struct PublishedOnes {
	tokens: BTreeMap<String, String>,
	published: BTreeMap<String, Published>,
	conversations: BTreeMap<String, Conversation>,
}

#[derive(Deserialize)]
struct Case {
	name: String,
	template: String,
	#[serde(flatten)]
	conversation: Conversation,
	/// `None` is a refusal.
	expected: Option<String>,
}

#[derive(Deserialize)]
struct Published {
	template: String,
	expected: BTreeMap<String, Option<String>>,
}

#[derive(Deserialize)]
struct Conversation {
	messages: Vec<Message>,
	add_generation_prompt: bool,
}

#[derive(Deserialize)]
struct Message {
	role: String,
	content: String,
}

fn render(
	template: &str,
	conversation: &Conversation,
	tokens: &BTreeMap<String, String>,
) -> Result<String, TemplateError> {
	let messages: Vec<_> = conversation
		.messages
		.iter()
		.map(|message| ChatMessage {
			role: message.role.clone(),
			content: message.content.clone(),
		})
		.collect();
	let options = RenderOptions {
		add_generation_prompt: conversation.add_generation_prompt,
		now: Some(NOW),
		..RenderOptions::default()
	};
	ChatTemplate::compile(template.into(), tokens.clone())?.render(&messages, &options)
}

/// One line for each difference.
fn difference(
	name: &str,
	found: Result<String, TemplateError>,
	expected: Option<&String>,
) -> Option<String> {
	match (found, expected) {
		(Ok(found), Some(expected)) if found == *expected => None,
		(Ok(found), Some(expected)) => Some(format!(
			"{name}:\n  gives  {found:?}\n  not    {expected:?}"
		)),
		(Err(error), Some(_)) => Some(format!("{name}: {error}")),
		(Ok(found), None) => Some(format!("{name}: gives {found:?} where Python refuses")),
		(Err(_), None) => None,
	}
}

#[test]
fn habits_of_python_are_kept() {
	let rendered: Rendered = serde_json::from_str(include_str!("templates/rendered.json")).unwrap();
	let differences: Vec<_> = rendered
		.cases
		.iter()
		.filter_map(|case| {
			let found = render(&case.template, &case.conversation, &rendered.tokens);
			difference(&case.name, found, case.expected.as_ref())
		})
		.collect();
	assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
#[ignore = "needs published.json, which templates/make.py writes"]
fn published_templates_give_the_same_prompts() {
	let path = concat!(
		env!("CARGO_MANIFEST_DIR"),
		"/tests/templates/published.json"
	);
	let text = std::fs::read_to_string(path).unwrap();
	let rendered: PublishedOnes = serde_json::from_str(&text).unwrap();
	let mut differences = Vec::new();
	for (name, published) in &rendered.published {
		for (key, expected) in &published.expected {
			let found = render(
				&published.template,
				&rendered.conversations[key],
				&rendered.tokens,
			);
			differences.extend(difference(
				&format!("{name}, {key}"),
				found,
				expected.as_ref(),
			));
		}
	}
	assert!(differences.is_empty(), "{}", differences.join("\n"));
}

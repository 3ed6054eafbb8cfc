//! Tokenizers and the files beside them against what `transformers` makes of conversations: see
//! `tokenizers/make.py`.

#![allow(
	clippy::disallowed_methods,
	clippy::unwrap_used,
	reason = "tests are not bound by what binds the libraries"
)]

use infergrid_checkpoint::{ChatMessage, Checkpoint, RenderOptions};
use infergrid_primitives::TokenId;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::PathBuf};

const FOLDERS: [&str; 5] = [
	"added-beside",
	"blank-before-every-part",
	"blank-before-the-first",
	"byte-level",
	"swallows-blanks",
];

#[derive(Deserialize)]
struct Chats {
	chats: Vec<Chat>,
	special: Vec<TokenId>,
	eos: TokenId,
}

#[derive(Deserialize)]
struct Chat {
	messages: Vec<Message>,
	ids: Vec<TokenId>,
	/// Control tokens where messages may not spell them, and the text then.
	controls: usize,
	safe_text: String,
	text: String,
}

#[derive(Deserialize)]
struct Message {
	role: String,
	content: String,
}

/// What files beside a tokenizer.json say, and what becomes of it.
#[derive(Deserialize)]
struct Table {
	template: String,
	rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
	name: String,
	files: BTreeMap<String, Value>,
	/// What tokenizer.json says of a blank before the text.
	blank: bool,
	chats: Vec<Spelled>,
	eos: TokenId,
}

#[derive(Deserialize)]
struct Spelled {
	content: String,
	ids: Vec<TokenId>,
	text: String,
}

fn folder(name: &str) -> PathBuf {
	PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
		.join("tests/tokenizers")
		.join(name)
}

fn open(name: &str) -> (Checkpoint, Chats) {
	let directory = folder(name);
	let chats = fs::read(directory.join("chats.json")).unwrap();
	(
		Checkpoint::open(directory).unwrap(),
		serde_json::from_slice(&chats).unwrap(),
	)
}

fn encode(checkpoint: &Checkpoint, chat: &Chat, allow_control_tokens: bool) -> Vec<TokenId> {
	let messages: Vec<_> = chat
		.messages
		.iter()
		.map(|message| ChatMessage {
			role: message.role.clone(),
			content: message.content.clone(),
		})
		.collect();
	let options = RenderOptions {
		allow_control_tokens,
		..RenderOptions::default()
	};
	checkpoint.encode_chat(&messages, &options).unwrap()
}

#[test]
fn conversations_become_the_same_ids() {
	for name in FOLDERS {
		let (checkpoint, expected) = open(name);
		for chat in &expected.chats {
			assert_eq!(encode(&checkpoint, chat, true), chat.ids, "{name}");
		}
		assert_eq!(checkpoint.eos, [expected.eos], "{name}");
	}
}

#[test]
fn control_tokens_in_messages_are_text_and_all_else_is_as_ever() {
	for name in FOLDERS {
		let (checkpoint, expected) = open(name);
		let count = |ids: &[TokenId]| {
			ids.iter()
				.filter(|id| expected.special.contains(id))
				.count()
		};
		for chat in &expected.chats {
			let safe = encode(&checkpoint, chat, false);
			assert_eq!(count(&safe), chat.controls, "{name}");
			let text = checkpoint.tokenizer().unwrap().decode(&safe).unwrap();
			assert_eq!(text, chat.safe_text, "{name}");
			if count(&chat.ids) == chat.controls {
				assert_eq!(safe, chat.ids, "{name}");
			}
		}
	}
}

#[test]
fn streamed_and_whole_text_are_the_same() {
	for name in FOLDERS {
		let (checkpoint, expected) = open(name);
		let tokenizer = checkpoint.tokenizer().unwrap();
		for chat in &expected.chats {
			assert_eq!(tokenizer.decode(&chat.ids).unwrap(), chat.text, "{name}");
			let mut stream = tokenizer.stream();
			let mut text: String = chat
				.ids
				.iter()
				.map(|id| stream.push(*id).unwrap())
				.collect();
			text += &stream.finish().unwrap();
			assert_eq!(text, chat.text, "{name}");
		}
	}
}

#[test]
fn files_beside_it_say_the_same_of_tokens() {
	let table: Table = serde_json::from_str(include_str!("tokenizers/beside.json")).unwrap();
	let base = folder("byte-level");
	let mut differences = Vec::new();
	for row in table.rows {
		let directory = tempfile::tempdir().unwrap();
		let write =
			|name: &str, text: String| fs::write(directory.path().join(name), text).unwrap();
		let text = fs::read_to_string(base.join("tokenizer.json")).unwrap();
		let mut tokenizer: Value = serde_json::from_str(&text).unwrap();
		tokenizer["pre_tokenizer"]["add_prefix_space"] = row.blank.into();
		write("tokenizer.json", tokenizer.to_string());
		write("chat_template.jinja", table.template.clone());
		fs::copy(
			base.join("config.json"),
			directory.path().join("config.json"),
		)
		.unwrap();
		for (name, value) in &row.files {
			write(name, value.to_string());
		}
		let checkpoint = Checkpoint::open(directory.path()).unwrap();
		let options = RenderOptions {
			allow_control_tokens: true,
			..RenderOptions::default()
		};
		for chat in &row.chats {
			let message = ChatMessage {
				role: "user".into(),
				content: chat.content.clone(),
			};
			let ids = checkpoint.encode_chat(&[message], &options).unwrap();
			let text = checkpoint.tokenizer().unwrap().decode(&chat.ids).unwrap();
			if (&ids, &text, &checkpoint.eos) != (&chat.ids, &chat.text, &vec![row.eos]) {
				differences.push(format!(
					"{}:\n  gives {ids:?} {text:?} {:?}\n  not   {:?} {:?} [{}]",
					row.name, checkpoint.eos, chat.ids, chat.text, row.eos
				));
			}
		}
	}
	assert!(differences.is_empty(), "{}", differences.join("\n"));
}

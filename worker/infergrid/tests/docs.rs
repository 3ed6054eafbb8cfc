//! What is written about the command line holds: the help pages in `docs/help`, and each command in the
//! documents.

#![allow(
	clippy::disallowed_methods,
	clippy::unwrap_used,
	reason = "tests are not bound by what binds the libraries"
)]

use std::{
	collections::BTreeMap,
	fs,
	path::{Path, PathBuf},
	process::Command,
};

/// A settings file that is not there: what parses ends at it and does nothing.
const NOWHERE: &str = "/nonexistent/infergrid.toml";

fn root() -> PathBuf {
	PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../..")
}

fn infergrid(args: &[String]) -> Command {
	let mut command = Command::new(env!("CARGO_BIN_EXE_infergrid"));
	command.args(args).env_clear().env("HOME", "/home/somebody");
	command
}

/// The help of `path` and of all that is below it, by file name.
fn help_pages(path: &[String], pages: &mut BTreeMap<String, String>) {
	let asked = [path, &["--help".to_owned()]].concat();
	let page = String::from_utf8(infergrid(&asked).output().unwrap().stdout).unwrap();
	let page: String = page
		.lines()
		.map(|line| line.trim_end().to_owned() + "\n")
		.collect();
	let commands = page.split_once("Commands:\n").map_or("", |(_, rest)| rest);
	let commands = commands.lines().take_while(|line| line.starts_with("  "));
	let names = commands.filter_map(|line| line.split_whitespace().next());
	for name in names.filter(|name| *name != "help") {
		help_pages(&[path, &[name.to_owned()]].concat(), pages);
	}
	let name = [&["infergrid".to_owned()], path].concat().join("-");
	pages.insert(format!("{name}.txt"), page);
}

/// After a change of the command line: `UPDATE_HELP=1 cargo test --package infergrid --test docs`.
#[test]
fn help_pages_are_those_in_the_repository() {
	let directory = root().join("docs/help");
	let mut pages = BTreeMap::new();
	help_pages(&[], &mut pages);
	assert!(pages.contains_key("infergrid-model-publish.txt"));
	if std::env::var_os("UPDATE_HELP").is_some() {
		fs::remove_dir_all(&directory).unwrap();
		fs::create_dir(&directory).unwrap();
		for (name, page) in &pages {
			fs::write(directory.join(name), page).unwrap();
		}
	}
	let kept: BTreeMap<String, String> = fs::read_dir(directory)
		.unwrap()
		.map(|entry| {
			let path = entry.unwrap().path();
			let name = path.file_name().unwrap().to_str().unwrap().to_owned();
			(name, fs::read_to_string(path).unwrap())
		})
		.collect();
	let kept_names: Vec<_> = kept.keys().collect();
	assert_eq!(kept_names, pages.keys().collect::<Vec<_>>());
	for (name, page) in pages {
		assert_eq!(
			kept[&name], page,
			"docs/help/{name}: run UPDATE_HELP=1 cargo test --package infergrid --test docs"
		);
	}
}

fn files(directory: &Path, kind: &str, found: &mut Vec<PathBuf>) {
	for entry in fs::read_dir(directory).unwrap() {
		let path = entry.unwrap().path();
		if path.is_dir() {
			files(&path, kind, found);
		} else if path.extension().is_some_and(|extension| extension == kind) {
			found.push(path);
		}
	}
}

/// Lines in fences, joined where a backslash says so, which are commands to be given as they are; and
/// one-line spans of code, which may only name them.
fn code(text: &str) -> Vec<(String, bool)> {
	let mut found = Vec::new();
	for (at, part) in text.split("```").enumerate() {
		if at % 2 == 1 {
			let lines = part.replace("\\\n", " ");
			let lines = lines.lines().skip(1);
			found.extend(lines.map(|line| (line.trim().to_owned(), true)));
		} else {
			let spans = part.split('`').skip(1).step_by(2);
			let spans = spans.filter(|span| !span.contains('\n'));
			found.extend(spans.map(|span| (span.to_owned(), false)));
		}
	}
	found
}

/// The words of a simple shell command: quotes hold, and a comment, a pipe or a redirection ends it.
fn words(line: &str) -> Vec<String> {
	let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
	for letter in line.chars() {
		match (quote, letter) {
			(Some(open), _) if letter == open => quote = None,
			(Some(_), _) => word.get_or_insert_default().push(letter),
			(None, '\'' | '"') => {
				quote = Some(letter);
				word.get_or_insert_default();
			}
			(None, '|' | '>' | '<' | '&' | ';') => break,
			(None, '#') if word.is_none() => break,
			(None, _) if letter.is_whitespace() => words.extend(word.take()),
			(None, _) => word.get_or_insert_default().push(letter),
		}
	}
	words.extend(word);
	words
}

#[test]
fn words_are_those_of_a_shell() {
	assert_eq!(
		words("infergrid chat -m 'what is it?' # ask"),
		["infergrid", "chat", "-m", "what is it?"]
	);
	assert_eq!(words("a \"\" b#c | d"), ["a", "", "b#c"]);
}

#[test]
fn the_commands_in_the_documents_are_understood() {
	let root = root();
	let mut documents = vec![root.join("README.md"), root.join("HACKING.md")];
	for part in ["docs", "zombienet", "models/demo"] {
		files(&root.join(part), "md", &mut documents);
	}
	let (mut tried, mut wrong) = (0, Vec::new());
	for file in documents {
		let text = fs::read_to_string(&file).unwrap();
		for (line, whole) in code(&text) {
			let mut words = words(&line);
			if !whole {
				words.push("--help".to_owned());
			}
			let Some((program, args)) = words.split_first() else {
				continue;
			};
			let script = program.trim_start_matches("./");
			if script.starts_with("scripts/") && !root.join(script).exists() {
				wrong.push(format!("{}: no {script}", file.display()));
			}
			// What is left out cannot be tried.
			if !program.ends_with("infergrid") || args.is_empty() || line.contains('…') {
				continue;
			}
			tried += 1;
			let mut command = infergrid(args);
			let output = command.env("INFERGRID_CONFIG", NOWHERE).output().unwrap();
			let help = args.iter().any(|arg| arg == "--help");
			let expected = if help { 0 } else { 3 };
			if output.status.code() != Some(expected) {
				let said = String::from_utf8_lossy(&output.stderr);
				wrong.push(format!("{}: {line}\n{said}", file.display()));
			}
		}
	}
	assert!(wrong.is_empty(), "{}", wrong.join("\n"));
	assert!(tried > 10, "only {tried} commands were found");
}

/// `standDown` as Rust has it.
fn snake_case(name: &str) -> String {
	let letters = name.chars().flat_map(|letter| {
		let capital = letter.is_uppercase();
		let low = letter.to_lowercase();
		capital.then_some('_').into_iter().chain(low)
	});
	letters.collect()
}

#[test]
fn the_calls_in_the_operators_documents_exist() {
	let mut documents = Vec::new();
	files(&root().join("docs/operators"), "md", &mut documents);
	let mut held = 0;
	for document in documents {
		let text = fs::read_to_string(&document).unwrap();
		for (line, _) in code(&text) {
			let words = words(&line);
			if !line.starts_with("scripts/call ") {
				continue;
			}
			let named = words.iter().filter_map(|word| word.split_once('.'));
			for (pallet, name) in named.filter(|(_, name)| *name != "key") {
				let directory = match pallet {
					"roleStaking" => "staking",
					"models" => "models",
					// The SDK's.
					"balances" | "session" => continue,
					other => panic!("{}: no pallet {other}", document.display()),
				};
				let source = root().join(format!("pallets/{directory}/src/lib.rs"));
				let source = fs::read_to_string(source).unwrap();
				let function = format!("pub fn {}(", snake_case(name));
				assert!(source.contains(&function), "{}: {line}", document.display());
				held += 1;
			}
		}
	}
	assert!(held > 3, "only {held} calls were found");
}

#[test]
fn the_tests_that_hold_the_rules_exist() {
	let mut sources = Vec::new();
	for part in ["primitives", "pallets", "runtime", "tests/tests", "worker"] {
		files(&root().join(part), "rs", &mut sources);
	}
	let sources: Vec<String> = sources
		.iter()
		.map(|path| fs::read_to_string(path).unwrap())
		.collect();
	let rules = fs::read_to_string(root().join("HACKING.md")).unwrap();
	let table = rules.lines().filter(|line| line.starts_with("| "));
	let cells = table.filter_map(|line| line.split('|').nth(2));
	let mut held = 0;
	for name in cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)) {
		if name.contains([' ', '/']) {
			continue;
		}
		held += 1;
		let function = format!("fn {name}(");
		let exists = sources.iter().any(|source| source.contains(&function));
		assert!(exists, "HACKING.md names {name}, which is no test");
	}
	assert!(held > 15, "only {held} tests were found");
}

//! The command line through the real binary: merged settings, exit codes, channels.

#![allow(
	clippy::disallowed_methods,
	clippy::unwrap_used,
	reason = "tests are not bound by what binds the libraries"
)]

use serde_json::Value;
use std::{
	path::PathBuf,
	process::{Command, Output},
};

fn infergrid(args: &[&str]) -> Output {
	Command::new(env!("CARGO_BIN_EXE_infergrid"))
		.args(args)
		.env_clear()
		.env("HOME", "/home/somebody")
		.output()
		.unwrap()
}

fn settings(args: &[&str]) -> Value {
	let output = infergrid(args);
	assert!(
		output.status.success(),
		"{}",
		String::from_utf8_lossy(&output.stderr)
	);
	serde_json::from_slice(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> String {
	String::from_utf8_lossy(&output.stderr).into_owned()
}

fn demo_model() -> PathBuf {
	PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../models/demo")
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
	let directory = tempfile::tempdir().unwrap();
	let file = directory.path().join("infergrid.toml");
	std::fs::write(
		&file,
		"node = [\"ws://file:1\"]\n[mine]\nkey = \"//File\"\nmodel = \"/file\"\ncapacity = 9\n",
	)
	.unwrap();
	let output = Command::new(env!("CARGO_BIN_EXE_infergrid"))
		.args(["--config", file.to_str().unwrap(), "--show-settings"])
		.args(["mine", "--price-input", "5"])
		.env("INFERGRID_MODEL", "/environment")
		.env("INFERGRID_PRICE_INPUT", "4")
		.output()
		.unwrap();
	assert!(output.status.success(), "{}", stderr(&output));
	let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
	assert_eq!(shown["price_input"], 5);
	assert_eq!(shown["model"], "/environment");
	assert_eq!(shown["capacity"], 9);
	assert_eq!(shown["node"][0], "ws://file:1");
	assert_eq!(shown["key"]["uri"], "<secret>");
}

#[test]
fn defaults_are_shown() {
	let shown = settings(&[
		"--show-settings",
		"gateway",
		"--key",
		"//A",
		"--model",
		"/m",
	]);
	assert_eq!(shown["listen"], "127.0.0.1:8080");
	assert_eq!(shown["node"][0], "ws://127.0.0.1:9944");
	assert_eq!(
		shown["data"],
		"/home/somebody/.local/share/infergrid/gateway"
	);
	for role in ["mine", "verify"] {
		let mut args = vec!["--show-settings", role, "--key", "//A", "--model", "/m"];
		assert_eq!(settings(&args)["drain_seconds"], 900, "{role}");
		args.extend(["--drain-seconds", "7"]);
		assert_eq!(settings(&args)["drain_seconds"], 7, "{role}");
	}
	let shown = settings(&["--show-settings", "dev", "--once"]);
	assert_eq!(shown["once"], true);
}

#[test]
fn secrets_stay_out_of_settings_and_help() {
	let output = infergrid(&[
		"--show-settings",
		"mine",
		"--key",
		"//Secret//path",
		"--model",
		"/m",
	]);
	assert!(!String::from_utf8_lossy(&output.stdout).contains("Secret"));
	let help = Command::new(env!("CARGO_BIN_EXE_infergrid"))
		.args(["mine", "--help"])
		.env("INFERGRID_KEY", "//Secret//path")
		.output()
		.unwrap();
	assert!(!String::from_utf8_lossy(&help.stdout).contains("//Secret"));
}

#[test]
fn wrong_usage_is_2_and_wrong_settings_are_3() {
	for args in [vec![], vec!["mien"], vec!["mine", "--capacity", "many"]] {
		assert_eq!(infergrid(&args).status.code(), Some(2), "{args:?}");
	}
	let output = infergrid(&["mine", "--model", "/m"]);
	assert_eq!(output.status.code(), Some(2));
	assert!(stderr(&output).contains("--key-file"));

	let output = infergrid(&["--config", "/nonexistent.toml", "chat"]);
	assert_eq!(output.status.code(), Some(3));
	assert!(stderr(&output).contains("/nonexistent.toml"));

	let output = infergrid(&["dev", "--node-binary", "/nonexistent/node"]);
	assert_eq!(output.status.code(), Some(3));
	assert!(stderr(&output).contains("hint"));
}

#[test]
fn a_gateway_that_is_not_there_is_1() {
	let output = infergrid(&["chat", "--url", "http://127.0.0.1:1", "-m", "hello"]);
	assert_eq!(output.status.code(), Some(1));
	assert!(stderr(&output).contains("infergrid dev"));
	assert!(output.stdout.is_empty());
}

#[test]
fn a_model_has_an_identifier_and_a_manifest() {
	let directory = demo_model();
	let output = infergrid(&["model", "id", directory.to_str().unwrap()]);
	let id = String::from_utf8(output.stdout).unwrap();
	assert_eq!(
		id.trim().len(),
		64,
		"{}",
		String::from_utf8_lossy(&output.stderr)
	);
	let manifest: Value = {
		let output = infergrid(&["model", "manifest", directory.to_str().unwrap()]);
		serde_json::from_slice(&output.stdout).unwrap()
	};
	assert_eq!(manifest["id"], id.trim());
	let names: Vec<_> = manifest["files"]
		.as_array()
		.unwrap()
		.iter()
		.map(|file| file["path"].clone())
		.collect();
	assert!(names.contains(&"model.safetensors".into()));
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
	let directory = tempfile::tempdir().unwrap();
	let file = directory.path().join("worker.key");
	std::fs::write(&file, "//Alice").unwrap();
	let output = infergrid(&[
		"mine",
		"--key-file",
		file.to_str().unwrap(),
		"--model",
		"/m",
	]);
	assert_eq!(output.status.code(), Some(3));
	assert!(stderr(&output).contains("chmod 600"));
}

/// Nobody waits for a node to hear of a slip of their own.
#[test]
fn what_is_wrong_here_is_told_before_a_node_is_asked() {
	let directory = tempfile::tempdir().unwrap();
	let data = directory.path().join("gateway");
	let gateway = [
		"--model",
		"/nope",
		"--key",
		"//A",
		"--listen",
		"127.0.0.1:0",
		"--data",
		data.to_str().unwrap(),
	];
	let key = ["--operator-key", "//A"];
	for (command, rest, code, part) in [
		(vec!["gateway"], &gateway[..], 3, "/nope"),
		(
			vec!["stake", "bond", "miner", "abc"],
			&key[..],
			2,
			"`abc` is no amount",
		),
		(
			vec!["stake", "unbond", "miner", "half"],
			&key[..],
			2,
			"`half` is no amount",
		),
		(
			vec!["stake", "unpair", "5x"],
			&key[..],
			2,
			"`5x` is no account",
		),
		(
			vec!["stake", "withdraw", "miner"],
			&[][..],
			2,
			"no operator's key",
		),
		(
			vec!["model", "publish", "/nope", "--name", "n"],
			&["--key", "//A"][..],
			3,
			"/nope",
		),
	] {
		let began = std::time::Instant::now();
		let node = ["--node", "ws://127.0.0.1:1"];
		let output = infergrid(&[&node[..], &command, rest].concat());
		assert_eq!(
			output.status.code(),
			Some(code),
			"{command:?}: {}",
			stderr(&output)
		);
		assert!(stderr(&output).contains(part), "{}", stderr(&output));
		assert!(began.elapsed().as_secs() < 20, "{command:?}");
	}
}

#[test]
fn a_model_without_a_manifest_cannot_be_verified_and_says_how_to_get_one() {
	let directory = tempfile::tempdir().unwrap();
	let output = infergrid(&["model", "verify", directory.path().to_str().unwrap()]);
	assert_eq!(output.status.code(), Some(3));
	let told = stderr(&output);
	assert!(
		told.contains("there is no manifest") && told.contains("infergrid model manifest"),
		"{told}"
	);
}

/// It neither waits for a profile that nobody will register nor pays for anything.
#[test]
fn a_worker_over_changed_files_names_the_first_that_differs() {
	let directory = tempfile::tempdir().unwrap();
	let model = directory.path().join("model");
	std::fs::create_dir(&model).unwrap();
	for file in std::fs::read_dir(demo_model()).unwrap() {
		let file = file.unwrap();
		if file.file_type().unwrap().is_file() {
			std::fs::copy(file.path(), model.join(file.file_name())).unwrap();
		}
	}
	let manifest = infergrid(&["model", "manifest", model.to_str().unwrap()]).stdout;
	std::fs::write(model.join("manifest.json"), manifest).unwrap();
	let mut config = std::fs::read(model.join("config.json")).unwrap();
	config.push(b'\n');
	std::fs::write(model.join("config.json"), config).unwrap();
	let data = directory.path().join("data");
	let output = infergrid(&[
		"--node",
		"ws://127.0.0.1:1",
		"mine",
		"--key",
		"//A",
		"--model",
		model.to_str().unwrap(),
		"--data",
		data.to_str().unwrap(),
	]);
	assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
	let told = stderr(&output);
	assert!(
		told.contains("config.json is not the file that the manifest names"),
		"{told}"
	);
}

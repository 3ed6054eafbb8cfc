//! Grids that cannot come up, with programs that only pretend: every one ends with an error that
//! names what is wrong, in time, and leaves nothing behind.

#![allow(
	clippy::disallowed_methods,
	clippy::unwrap_used,
	reason = "tests are not bound by what binds the libraries"
)]

use infergrid_devnet::{Model, Plan, Programs, SpawnError, spawn};
use infergrid_primitives::market::Price;
use std::{
	fs,
	net::{Ipv4Addr, TcpListener},
	os::unix::fs::PermissionsExt,
	path::{Path, PathBuf},
	time::{Duration, Instant},
};
use tempfile::TempDir;

/// What every pretended node can do: specifications and keys.
const PREPARES: &str = "\
case $1 in
export-chain-spec) echo '{}'; exit 0 ;;
key) [ $2 = inspect-node-key ] && echo peer; exit 0 ;;
esac
";

fn script(directory: &Path, name: &str, text: &str) -> PathBuf {
	let path = directory.join(name);
	fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
	fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
	path
}

fn plan(node: &str) -> (Plan, TempDir) {
	let directory = tempfile::tempdir().unwrap();
	let path = directory.path();
	let programs = Programs {
		node: script(path, "node", &format!("{PREPARES}{node}")),
		worker: script(path, "worker", "exit 1"),
	};
	let mut plan = Plan::new(programs, path.join("grid"));
	plan.cache = Some(path.join("cache"));
	plan.environment = vec![("PATH".into(), "/usr/bin:/bin".into())];
	(plan, directory)
}

/// The process ids that the pretended nodes have written into their logs.
fn pids(plan: &Plan) -> Vec<i32> {
	let logs = ["alice", "bob"].map(|name| plan.directory.join(format!("logs/{name}.log")));
	let texts = logs.iter().filter_map(|log| fs::read_to_string(log).ok());
	texts.filter_map(|text| text.trim().parse().ok()).collect()
}

fn lives(pid: i32) -> bool {
	nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok()
}

#[tokio::test]
async fn a_node_that_dies_is_named_with_the_end_of_its_log() {
	let (plan, _directory) =
		plan("[ $1 = --bob ] && { echo no disk >&2; exit 7; }; exec sleep 600");
	let error = spawn(plan).await.unwrap_err();
	let SpawnError::Died(death) = error else {
		panic!("{error}");
	};
	assert_eq!(
		(death.name.as_str(), death.how.as_str()),
		("bob", "exit status: 7")
	);
	assert_eq!(death.tail, "no disk");
}

#[tokio::test]
async fn nodes_that_say_nothing_are_killed_at_the_deadline() {
	let (mut plan, _directory) = plan("trap '' TERM; echo $$; while :; do sleep 1; done");
	plan.deadline = Duration::from_secs(3);
	let started = Instant::now();
	let error = spawn(plan.clone()).await.unwrap_err();
	assert!(started.elapsed() < Duration::from_secs(9));
	let told = error.to_string();
	assert!(told.contains("3 s") && told.contains("the nodes"), "{told}");
	let pids = pids(&plan);
	assert_eq!(pids.len(), 2);
	assert!(!pids.into_iter().any(lives));
}

#[tokio::test]
async fn a_start_that_is_given_up_leaves_no_process_and_no_port() {
	let (plan, _directory) = plan("echo $$; exec sleep 600");
	let waited = tokio::time::timeout(Duration::from_secs(2), spawn(plan.clone())).await;
	assert!(waited.is_err());
	let pids = pids(&plan);
	assert_eq!(pids.len(), 2);
	assert!(!pids.into_iter().any(lives));
	let claims = fs::read_dir(plan.cache.unwrap().join("ports")).unwrap();
	let claims: Vec<_> = claims.map(|claim| claim.unwrap().path()).collect();
	assert!(claims.len() >= 6);
	for claim in claims {
		fs::File::open(&claim).unwrap().try_lock().unwrap();
		let number = claim
			.file_name()
			.unwrap()
			.to_str()
			.unwrap()
			.parse()
			.unwrap();
		TcpListener::bind((Ipv4Addr::LOCALHOST, number)).unwrap();
	}
}

#[tokio::test]
async fn a_node_that_cannot_write_its_genesis_is_quoted() {
	let (mut plan, directory) = plan("");
	let text = "echo this runtime is broken >&2; exit 5";
	plan.programs.node = script(directory.path(), "broken", text);
	let told = spawn(plan).await.unwrap_err().to_string();
	for part in ["genesis", "exit status: 5", "this runtime is broken"] {
		assert!(told.contains(part), "{told}");
	}
}

#[tokio::test]
async fn plans_that_cannot_be_built_are_refused_before_anything_starts() {
	let (good, _directory) = plan("exit 9");
	let refused = async |change: &dyn Fn(&mut Plan)| {
		let mut plan = good.clone();
		plan.models = vec![Model {
			directory: "model".into(),
			name: "model".into(),
			creator: "//Ferdie".into(),
			royalty: 10,
			price: Price {
				input: 1,
				output: 1,
			},
			licence: "unknown".into(),
			min_tokens_per_second: 1,
			context: None,
		}];
		plan = plan.with_workers(1, 1);
		change(&mut plan);
		let told = spawn(plan.clone()).await.unwrap_err().to_string();
		assert!(!plan.directory.exists(), "{told}");
		told
	};
	let told = refused(&|plan| plan.validators = 7).await;
	assert!(told.contains("7 validators"), "{told}");
	let told = refused(&|plan| plan.miners[0].model = 1).await;
	assert!(told.contains("miner-1"), "{told}");
	let told = refused(&|plan| plan.models.clear()).await;
	assert!(told.contains("not planned"), "{told}");
	let told = refused(&|plan| plan.verifiers[0].who.name = "alice".into()).await;
	assert!(told.contains("two parts are named alice"), "{told}");
	let told = refused(&|plan| plan.programs.node = "/nowhere/node".into()).await;
	assert!(told.contains("/nowhere/node does not exist"), "{told}");
}

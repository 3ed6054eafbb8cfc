//! Programs that prepare the grid and end, and the command lines of those that stay.

use crate::{
	error::SpawnError,
	plan::{Gateway, Miner, Model, Operator, Plan, Verifier},
	process::last_lines,
};
use serde_json::Value;
use std::{
	path::{Path, PathBuf},
	process::Stdio,
};
use tokio::process::Command;

/// Runs a program to its end and gives what it wrote to its standard output. It ends with the future.
pub(crate) async fn run(
	plan: &Plan,
	program: &Path,
	task: &str,
	args: &[&str],
) -> Result<Vec<u8>, SpawnError> {
	let output = Command::new(program)
		.args(args)
		.env_clear()
		.envs(plan.environment.iter().map(|(name, value)| (name, value)))
		.stdin(Stdio::null())
		.kill_on_drop(true)
		.output()
		.await
		.map_err(|source| SpawnError::Start {
			path: program.to_path_buf(),
			source,
		})?;
	if !output.status.success() {
		return Err(SpawnError::Preparation {
			task: task.to_owned(),
			how: output.status.to_string(),
			output: last_lines(&output.stderr),
		});
	}
	Ok(output.stdout)
}

/// The network identity of a node: a key file, made at the first start, and the peer's name.
pub(crate) async fn identity(plan: &Plan, name: &str) -> Result<(PathBuf, String), SpawnError> {
	let file = plan.directory.join("nodes").join(format!("{name}.key"));
	let (node, shown) = (&plan.programs.node, shown(&file));
	let task = "making a node's identity";
	if !file.is_file() {
		run(
			plan,
			node,
			task,
			&[
				"key",
				"generate-node-key",
				"--chain",
				"dev",
				"--file",
				&shown,
			],
		)
		.await?;
	}
	let peer = run(
		plan,
		node,
		task,
		&["key", "inspect-node-key", "--file", &shown],
	)
	.await?;
	Ok((file, String::from_utf8_lossy(&peer).trim().to_owned()))
}

/// Publishes a model and gives the identifiers of the model and of its profile.
pub(crate) async fn publish(
	plan: &Plan,
	model: &Model,
	nodes: &str,
) -> Result<[[u8; 32]; 2], SpawnError> {
	let task = format!("publishing {}", model.name);
	let mut args = strings(&[
		"--log",
		&plan.log,
		"--node",
		nodes,
		"model",
		"publish",
		&shown(&model.directory),
		"--json",
	]);
	let mut flag = |name: &str, value: String| args.extend([name.to_owned(), value]);
	flag("--name", model.name.clone());
	flag("--key", model.creator.clone());
	flag("--royalty", model.royalty.to_string());
	flag("--price-input", model.price.input.to_string());
	flag("--price-output", model.price.output.to_string());
	flag("--licence", model.licence.clone());
	flag(
		"--min-tokens-per-second",
		model.min_tokens_per_second.to_string(),
	);
	if let Some(context) = model.context {
		flag("--context", context.to_string());
	}
	let args: Vec<_> = args.iter().map(String::as_str).collect();
	let told = run(plan, &plan.programs.worker, &task, &args).await?;
	let answer: Value = serde_json::from_slice(&told).unwrap_or_default();
	let hash = |name: &str| {
		let bytes = hex::decode(answer[name].as_str().unwrap_or_default()).unwrap_or_default();
		<[u8; 32]>::try_from(bytes).map_err(|_| SpawnError::Preparation {
			task: task.clone(),
			how: format!("no hash named {name} in its answer"),
			output: last_lines(&told),
		})
	};
	Ok([hash("model")?, hash("profile")?])
}

/// Where a validator listens and whom it knows.
#[derive(Debug)]
pub(crate) struct NodeAddress<'a> {
	pub(crate) spec: &'a Path,
	pub(crate) key: &'a Path,
	pub(crate) base: &'a Path,
	pub(crate) rpc: u16,
	pub(crate) network: u16,
	pub(crate) metrics: u16,
	/// The other validators.
	pub(crate) others: &'a [String],
}

/// The command line of the validator `name`.
pub(crate) fn node_args(name: &str, address: &NodeAddress<'_>) -> Vec<String> {
	let mut args = strings(&[
		&format!("--{name}"),
		"--validator",
		"--chain",
		&shown(address.spec),
		"--base-path",
		&shown(address.base),
		"--node-key-file",
		&shown(address.key),
		"--listen-addr",
		&format!("/ip4/127.0.0.1/tcp/{}", address.network),
		"--rpc-port",
		&address.rpc.to_string(),
		"--prometheus-port",
		&address.metrics.to_string(),
		"--rpc-cors",
		"all",
		"--no-telemetry",
		// Grids beside each other have nodes of the same names.
		"--no-mdns",
	]);
	for other in address.others {
		args.extend(strings(&["--reserved-nodes", other]));
	}
	args
}

/// The command line of a miner that listens on `port`.
pub(crate) fn miner_args(plan: &Plan, miner: &Miner, nodes: &str, port: u16) -> Vec<String> {
	let mut args = worker_args(plan, "mine", (&miner.who, miner.model), nodes);
	args.extend(strings(&[
		"--listen",
		&format!("/ip4/127.0.0.1/tcp/{port}"),
		// The whole grid ends with it.
		"--drain-seconds",
		"0",
	]));
	if let Some(price) = miner.price {
		args.extend(["--price-input".to_owned(), price.input.to_string()]);
		args.extend(["--price-output".to_owned(), price.output.to_string()]);
	}
	if let Some(capacity) = miner.capacity {
		args.extend(["--capacity".to_owned(), capacity.to_string()]);
	}
	args.extend_from_slice(&miner.extra.args);
	args
}

/// The command line of a verifier.
pub(crate) fn verifier_args(plan: &Plan, verifier: &Verifier, nodes: &str) -> Vec<String> {
	let mut args = worker_args(plan, "verify", (&verifier.who, verifier.model), nodes);
	// The whole grid ends with it.
	args.extend(strings(&["--drain-seconds", "0"]));
	args.extend_from_slice(&verifier.extra.args);
	args
}

/// The command line of a gateway that listens on `port`.
pub(crate) fn gateway_args(plan: &Plan, gateway: &Gateway, nodes: &str, port: u16) -> Vec<String> {
	let mut args = strings(&["--log", &plan.log, "--node", nodes, "gateway"]);
	for model in &plan.models {
		args.extend(strings(&["--model", &shown(&model.directory)]));
	}
	args.extend(strings(&[
		"--key",
		&gateway.payer,
		"--data",
		&shown(&data(plan, &gateway.name)),
		"--allow-local",
		"--listen",
		&format!("127.0.0.1:{port}"),
		"--drain-seconds",
		"0",
	]));
	args.extend_from_slice(&gateway.extra.args);
	args
}

fn worker_args(
	plan: &Plan,
	command: &str,
	(who, model): (&Operator, usize),
	nodes: &str,
) -> Vec<String> {
	let directory = plan.models.get(model).map(|model| shown(&model.directory));
	strings(&[
		"--log",
		&plan.log,
		"--node",
		nodes,
		command,
		"--model",
		&directory.unwrap_or_default(),
		"--key",
		&who.worker,
		"--operator-key",
		&who.operator,
		"--data",
		&shown(&data(plan, &who.name)),
		"--allow-local",
	])
}

/// The directory of the worker `name`.
pub(crate) fn data(plan: &Plan, name: &str) -> PathBuf {
	plan.directory.join("workers").join(name)
}

fn strings(args: &[&str]) -> Vec<String> {
	args.iter().map(|arg| (*arg).to_owned()).collect()
}

fn shown(path: &Path) -> String {
	path.display().to_string()
}

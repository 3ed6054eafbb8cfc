//! A private grid whose processes can be killed one by one.

use crate::{
	demo_model,
	keys::{CREATOR, GATEWAY, Operator},
	process::{Process, program},
	spec,
	wait::eventually,
};
use anyhow::{Result, anyhow};
use infergrid::ports::{self, HeldPort};
use infergrid_chain::{Call, Chain, Key, ModelInfo, Options, Submitter};
use infergrid_checkpoint::{Checkpoint, manifest_of};
use infergrid_primitives::{
	AIT, Hash,
	model::{Arithmetic, Profile, ProofParams},
};
use serde_json::Value;
use std::{
	fs,
	path::{Path, PathBuf},
	time::{Duration, Instant},
};

/// For a node to make and finalize blocks, for a worker to load and register; several grids may
/// start at once on two cores.
const START: Duration = Duration::from_secs(300);
/// The name under which the demo model is registered.
pub const MODEL_NAME: &str = "infergrid-demo";

/// What a grid consists of.
#[derive(Clone, Debug)]
pub struct Setup {
	/// Honest miners, 0 to 2.
	pub miners: usize,
	/// Tasks that each of them takes at the same time.
	pub capacity: u32,
	/// Verifiers, 0 to 3.
	pub verifiers: usize,
	/// Whether there is a gateway.
	pub gateway: bool,
}

impl Default for Setup {
	fn default() -> Self {
		Self {
			miners: 2,
			capacity: 4,
			verifiers: 3,
			gateway: true,
		}
	}
}

/// A running grid. Dropping it ends every process.
#[derive(Debug)]
pub struct Grid {
	/// The validators' nodes.
	pub nodes: Vec<Process>,
	/// The honest miners.
	pub miners: Vec<Process>,
	/// The verifiers.
	pub verifiers: Vec<Process>,
	/// The gateway.
	pub gateway: Option<Process>,
	/// The profile of the demo model.
	pub profile: Hash,
	/// What it says.
	pub terms: Profile,
	/// WebSocket addresses of the nodes.
	pub endpoints: Vec<String>,
	/// The gateway's address, where there is one.
	pub gateway_url: String,
	name: String,
	started: Instant,
	directory: PathBuf,
	keep: bool,
}

impl Grid {
	/// Starts a grid and waits until every part is ready. `name` tells it from others in what is
	/// printed.
	pub async fn start(name: &str, setup: &Setup) -> Result<Self> {
		let directory = tempfile::Builder::new()
			.prefix(&format!("infergrid-test-{name}-"))
			.tempdir()?
			.keep();
		let ports: Vec<_> = ports::free(7)?.into_iter().map(HeldPort::release).collect();
		let [p2p_a, rpc_a, p2p_b, rpc_b, http, mine_a, mine_b] = ports[..] else {
			return Err(anyhow!("seven ports"));
		};
		let terms = profile(&demo_model())?;
		let mut grid = Self {
			nodes: Vec::new(),
			miners: Vec::new(),
			verifiers: Vec::new(),
			gateway: None,
			profile: terms.id(),
			terms,
			endpoints: vec![
				format!("ws://127.0.0.1:{rpc_a}"),
				format!("ws://127.0.0.1:{rpc_b}"),
			],
			gateway_url: format!("http://127.0.0.1:{http}"),
			name: name.into(),
			started: Instant::now(),
			directory,
			keep: false,
		};
		let result = grid.bring_up(setup, [p2p_a, rpc_a, p2p_b, rpc_b], http, [mine_a, mine_b]);
		match result.await {
			Ok(()) => Ok(grid),
			Err(error) => Err(grid.failed(error)),
		}
	}

	async fn bring_up(
		&mut self,
		setup: &Setup,
		node_ports: [u16; 4],
		gateway_port: u16,
		miner_ports: [u16; 2],
	) -> Result<()> {
		let node = program("infergrid-node", "INFERGRID_NODE_PROGRAM")?;
		let spec = self.directory.join("chain.json");
		fs::write(&spec, spec::raw(&node).await?)?;
		let [p2p_a, rpc_a, p2p_b, rpc_b] = node_ports;
		for (name, number, p2p, rpc, other) in [
			("alice", 1_u8, p2p_a, rpc_a, p2p_b),
			("bob", 2, p2p_b, rpc_b, p2p_a),
		] {
			let args = node_args(name, number, p2p, rpc, other, &spec, &self.directory);
			let process = Process::start(&format!("node-{name}"), &node, args, &self.directory)?;
			self.nodes.push(process);
		}
		let chain = self.chain().await?;
		self.say("the nodes answer");

		let worker = program("infergrid", "INFERGRID_PROGRAM")?;
		for (operator, port) in Operator::miners()
			.iter()
			.zip(miner_ports)
			.take(setup.miners)
		{
			let mut args = self.worker_args("mine", operator);
			args.extend(["--listen".into(), format!("/ip4/127.0.0.1/tcp/{port}")]);
			args.extend(["--capacity".into(), setup.capacity.to_string()]);
			args.extend(["--allow-local", "--drain-seconds", "0"].map(String::from));
			let process = Process::start(&operator.name, &worker, args, &self.directory)?;
			self.miners.push(process);
		}
		for operator in Operator::verifiers().iter().take(setup.verifiers) {
			let args = self.worker_args("verify", operator);
			let process = Process::start(&operator.name, &worker, args, &self.directory)?;
			self.verifiers.push(process);
		}
		if setup.gateway {
			let args = self.gateway_args(gateway_port);
			self.gateway = Some(Process::start("gateway", &worker, args, &self.directory)?);
		}
		// The workers pair their keys while the model comes on chain.
		tokio::try_join!(self.publish(&chain), self.workers_ready(&chain, setup))?;
		self.check()?;
		self.say("the grid is ready");
		Ok(())
	}

	async fn workers_ready(&self, chain: &Chain, setup: &Setup) -> Result<()> {
		eventually("offers and verifiers on chain", START, || async {
			let view = chain.latest().await?;
			let offers = view.offers(&self.profile).await?.len();
			let verifiers = view.verifiers(&self.profile).await?.len();
			Ok((offers >= setup.miners && verifiers >= setup.verifiers).then_some(()))
		})
		.await?;
		if setup.gateway {
			let url = format!("{}/v1/models", self.gateway_url);
			eventually("model at the gateway", START, || async {
				let list: Value = reqwest::get(&url).await?.error_for_status()?.json().await?;
				let known = list["data"]
					.as_array()
					.is_some_and(|models| !models.is_empty());
				Ok(known.then_some(()))
			})
			.await?;
		}
		Ok(())
	}

	/// Prints what has happened, and when.
	pub fn say(&self, what: &str) {
		println!(
			"{:>5.0} s  {}: {what}",
			self.started.elapsed().as_secs_f64(),
			self.name
		);
	}

	/// Ends the grid with the result of a test on it: an error carries the ends of all logs, which
	/// stay. A process that has ended by itself is an error.
	pub fn end(mut self, result: Result<()>) -> Result<()> {
		match result.and_then(|()| self.check()) {
			Ok(()) => {
				self.say("passed");
				Ok(())
			}
			Err(error) => Err(self.failed(error)),
		}
	}

	fn failed(mut self, error: anyhow::Error) -> anyhow::Error {
		self.say("failed");
		self.keep = true;
		let all = self.nodes.iter().chain(&self.miners).chain(&self.verifiers);
		let tails: Vec<_> = all.chain(&self.gateway).map(Process::tail).collect();
		error.context(tails.join("\n"))
	}

	fn check(&mut self) -> Result<()> {
		let all = self
			.nodes
			.iter_mut()
			.chain(&mut self.miners)
			.chain(&mut self.verifiers);
		all.chain(&mut self.gateway).try_for_each(Process::check)
	}

	/// A connection to the chain through either node.
	pub async fn chain(&self) -> Result<Chain> {
		let mut options = Options::new(self.endpoints.clone());
		options.deadline = START;
		Ok(Chain::connect(options).await?)
	}

	/// Submits calls of the key `uri`, which nobody else may use.
	pub fn submitter(&self, chain: &Chain, uri: &str) -> Result<Submitter> {
		Ok(Submitter::new(chain.clone(), Key::from_uri(uri)?))
	}

	async fn publish(&self, chain: &Chain) -> Result<()> {
		let creator = self.submitter(chain, CREATOR)?;
		let info = ModelInfo {
			name: MODEL_NAME.into(),
			manifest_hash: self.terms.model,
			layers: Checkpoint::open(demo_model())?.config.layers as u32,
			weight_bytes: fs::metadata(demo_model().join("model.safetensors"))?.len(),
			licence: "Apache-2.0".into(),
		};
		let model = Call::register_model(&self.terms.model, &info, 20);
		let profile = Call::register_profile(&self.terms);
		// A key's calls are included in the order in which they are started.
		tokio::try_join!(creator.submit(&model, None), creator.submit(&profile, None))?;
		Ok(())
	}

	fn worker_args(&self, command: &str, operator: &Operator) -> Vec<String> {
		let data = self.directory.join(&operator.name);
		let mut args: Vec<String> = vec![command.into()];
		let pairs = [
			("--model", demo_model().display().to_string()),
			("--data", data.display().to_string()),
			("--key", operator.worker.clone()),
			("--operator-key", operator.operator.clone()),
			("--node", self.endpoints.join(",")),
		];
		args.extend(
			pairs
				.into_iter()
				.flat_map(|(flag, value)| [flag.to_owned(), value]),
		);
		args
	}

	fn gateway_args(&self, port: u16) -> Vec<String> {
		let pairs = [
			("--model", demo_model().display().to_string()),
			(
				"--data",
				self.directory.join("gateway").display().to_string(),
			),
			("--key", GATEWAY.to_owned()),
			("--node", self.endpoints.join(",")),
			("--listen", format!("127.0.0.1:{port}")),
		];
		let flags = pairs
			.into_iter()
			.flat_map(|(flag, value)| [flag.to_owned(), value]);
		["gateway".to_owned()].into_iter().chain(flags).collect()
	}
}

impl Drop for Grid {
	fn drop(&mut self) {
		let all = self
			.nodes
			.iter_mut()
			.chain(&mut self.miners)
			.chain(&mut self.verifiers);
		all.chain(&mut self.gateway).for_each(Process::kill);
		if self.keep {
			println!("the grid's logs are in {}", self.directory.display());
		} else {
			let _ = fs::remove_dir_all(&self.directory);
		}
	}
}

/// The demo model's profile in the test grid.
pub fn profile(model: &Path) -> Result<Profile> {
	let config = Checkpoint::open(model)?.config;
	let manifest = manifest_of(model, &config, "unknown")?;
	Ok(Profile {
		model: manifest.id(),
		arithmetic: Arithmetic::F32,
		sampler: 1,
		proof: ProofParams::F32,
		calibration: [0; 32],
		context: config.context as u32,
		min_tokens_per_second: 20,
		reference_input: AIT / 10,
		reference_output: AIT / 5,
	})
}

fn node_args(
	name: &str,
	number: u8,
	p2p: u16,
	rpc: u16,
	other_p2p: u16,
	spec: &Path,
	directory: &Path,
) -> Vec<String> {
	let other = if number == 1 { peer_of(2) } else { peer_of(1) };
	let pairs = [
		("--chain", spec.display().to_string()),
		(
			"--base-path",
			directory.join(format!("node-{name}")).display().to_string(),
		),
		("--rpc-port", rpc.to_string()),
		("--node-key", hex::encode(node_key(number))),
		(
			"--reserved-nodes",
			format!("/ip4/127.0.0.1/tcp/{other_p2p}/p2p/{other}"),
		),
		("--listen-addr", format!("/ip4/127.0.0.1/tcp/{p2p}")),
	];
	let flags = pairs
		.into_iter()
		.flat_map(|(flag, value)| [flag.to_owned(), value]);
	[
		format!("--{name}"),
		"--validator".into(),
		"--no-prometheus".into(),
		"--no-telemetry".into(),
		// Grids beside each other have nodes of the same names and keys.
		"--no-mdns".into(),
	]
	.into_iter()
	.chain(flags)
	.collect()
}

fn node_key(number: u8) -> [u8; 32] {
	let mut key = [0; 32];
	key[31] = number;
	key
}

fn peer_of(number: u8) -> String {
	infergrid_swarm::NodeSecret::new(node_key(number))
		.peer_id()
		.map(|peer| peer.to_string())
		.unwrap_or_default()
}

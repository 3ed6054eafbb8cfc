//! A private grid whose processes can be killed one by one.

use crate::{
	demo_model,
	keys::{CREATOR, GATEWAY, Operator},
	process::{Process, program},
	wait::eventually,
};
use anyhow::{Context, Result, anyhow, ensure};
use infergrid_chain::{Call, Chain, Key, ModelInfo, Options, Submitter};
use infergrid_checkpoint::{Checkpoint, manifest_of};
use infergrid_primitives::{
	AIT, Balance, Hash,
	model::{Arithmetic, Profile, ProofParams},
};
use serde_json::{Value, json};
use std::{
	fs,
	net::{Ipv4Addr, TcpListener},
	path::{Path, PathBuf},
	process::{Command, Stdio},
	time::Duration,
};

/// For a node to make and finalize blocks, for a worker to load and register.
const START: Duration = Duration::from_secs(180);
/// The name under which the demo model is registered.
pub const MODEL_NAME: &str = "infergrid-demo";
/// What a stranger bonds as a miner.
pub const STRANGER_BOND: Balance = 10_000 * AIT;
/// What every test account owns.
const ENDOWMENT: Balance = 1_000_000 * AIT;

/// What a grid consists of.
#[derive(Clone, Debug)]
pub struct Setup {
	/// Honest miners, 0 to 2.
	pub miners: usize,
	/// Verifiers, 0 to 3.
	pub verifiers: usize,
	/// Whether there is a gateway.
	pub gateway: bool,
	/// Operators bonded as miners at genesis, for whom the test itself acts.
	pub strangers: usize,
}

impl Default for Setup {
	fn default() -> Self {
		Self {
			miners: 2,
			verifiers: 3,
			gateway: true,
			strangers: 0,
		}
	}
}

/// A running grid. Dropping it ends every process; its directory stays if the test fails.
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
	directory: PathBuf,
}

impl Grid {
	/// Starts a grid and waits until every part is ready.
	pub async fn start(setup: &Setup) -> Result<Self> {
		let directory = tempfile::Builder::new()
			.prefix("infergrid-test-")
			.tempdir()?
			.keep();
		let node = program("infergrid-node", "INFERGRID_NODE_PROGRAM")?;
		let spec = chain_spec(&node, &directory, setup.strangers)?;
		let ports = free_ports(7)?;
		let [p2p_a, rpc_a, p2p_b, rpc_b, http, mine_a, mine_b] = ports[..] else {
			return Err(anyhow!("seven ports"));
		};
		let mut grid = Self {
			nodes: Vec::new(),
			miners: Vec::new(),
			verifiers: Vec::new(),
			gateway: None,
			profile: [0; 32],
			terms: profile(&demo_model())?,
			endpoints: vec![
				format!("ws://127.0.0.1:{rpc_a}"),
				format!("ws://127.0.0.1:{rpc_b}"),
			],
			gateway_url: format!("http://127.0.0.1:{http}"),
			directory,
		};
		grid.profile = grid.terms.id();
		let result = grid.bring_up(
			setup,
			&node,
			&spec,
			[p2p_a, rpc_a, p2p_b, rpc_b],
			[http, mine_a, mine_b],
		);
		match result.await {
			Ok(()) => Ok(grid),
			Err(error) => {
				let report = grid.report();
				Err(error.context(report))
			}
		}
	}

	async fn bring_up(
		&mut self,
		setup: &Setup,
		node: &Path,
		spec: &Path,
		node_ports: [u16; 4],
		worker_ports: [u16; 3],
	) -> Result<()> {
		let [p2p_a, rpc_a, p2p_b, rpc_b] = node_ports;
		for (name, number, p2p, rpc, other) in [
			("alice", 1_u8, p2p_a, rpc_a, p2p_b),
			("bob", 2, p2p_b, rpc_b, p2p_a),
		] {
			let args = node_args(name, number, p2p, rpc, other, spec, &self.directory);
			let process = Process::start(&format!("node-{name}"), node, args, &self.directory)?;
			self.nodes.push(process);
		}
		let chain = self.chain().await?;
		chain
			.reach(1, START)
			.await
			.context("waiting for the first finalized block")?;
		self.publish(&chain)
			.await
			.context("publishing the demo model")?;

		let worker = program("infergrid", "INFERGRID_PROGRAM")?;
		for (operator, port) in Operator::miners()
			.iter()
			.zip(&worker_ports[1..])
			.take(setup.miners)
		{
			let mut args = self.worker_args("mine", operator);
			args.extend(["--listen".into(), format!("/ip4/127.0.0.1/tcp/{port}")]);
			let process = Process::start(&operator.name, &worker, args, &self.directory)?;
			self.miners.push(process);
		}
		for operator in Operator::verifiers().iter().take(setup.verifiers) {
			let args = self.worker_args("verify", operator);
			let process = Process::start(&operator.name, &worker, args, &self.directory)?;
			self.verifiers.push(process);
		}
		if setup.gateway {
			let args = self.gateway_args(worker_ports[0]);
			self.gateway = Some(Process::start("gateway", &worker, args, &self.directory)?);
		}
		self.wait_for_workers(&chain, setup).await
	}

	async fn wait_for_workers(&mut self, chain: &Chain, setup: &Setup) -> Result<()> {
		let profile = self.profile;
		eventually("offers and verifiers on chain", START, || async {
			let view = chain.latest().await?;
			let offers = view.offers(&profile).await?.len();
			let verifiers = view.verifiers(&profile).await?.len();
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
		self.check()
	}

	/// Fails if a process has ended.
	pub fn check(&mut self) -> Result<()> {
		let all = self
			.nodes
			.iter_mut()
			.chain(&mut self.miners)
			.chain(&mut self.verifiers);
		all.chain(&mut self.gateway).try_for_each(Process::check)
	}

	/// The ends of all logs.
	pub fn report(&self) -> String {
		let all = self.nodes.iter().chain(&self.miners).chain(&self.verifiers);
		all.chain(&self.gateway)
			.map(Process::tail)
			.collect::<Vec<_>>()
			.join("\n")
	}

	/// A connection to the chain through either node.
	pub async fn chain(&self) -> Result<Chain> {
		let mut options = Options::new(self.endpoints.clone());
		options.deadline = START;
		Ok(Chain::connect(options).await?)
	}

	/// Submits calls of the key `uri`, which nobody else may use.
	pub async fn submitter(&self, chain: &Chain, uri: &str) -> Result<Submitter> {
		Ok(Submitter::new(chain.clone(), Key::from_uri(uri)?))
	}

	/// Where the grid keeps its data and logs.
	pub fn directory(&self) -> &Path {
		&self.directory
	}

	async fn publish(&self, chain: &Chain) -> Result<()> {
		let creator = self.submitter(chain, CREATOR).await?;
		let info = ModelInfo {
			name: MODEL_NAME.into(),
			manifest_hash: self.terms.model,
			layers: Checkpoint::open(demo_model())?.config.layers as u32,
			weight_bytes: fs::metadata(demo_model().join("model.safetensors"))?.len(),
			licence: "Apache-2.0".into(),
		};
		creator
			.submit(&Call::register_model(&self.terms.model, &info, 20), None)
			.await?;
		creator
			.submit(&Call::register_profile(&self.terms), None)
			.await?;
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
		if std::thread::panicking() {
			eprintln!("the grid's logs are in {}", self.directory.display());
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

/// The local network with the strangers' money and bonds, as a raw specification.
fn chain_spec(node: &Path, directory: &Path, strangers: usize) -> Result<PathBuf> {
	let mut spec: Value = serde_json::from_slice(&run(node, &["build-spec", "--chain", "local"])?)?;
	let genesis = spec
		.pointer_mut("/genesis/runtimeGenesis/patch")
		.context("the specification has no genesis patch")?;
	for stranger in (0..strangers).map(Operator::stranger) {
		let operator = stranger.operator_key()?.address();
		let worker = stranger.worker_key()?.address();
		let balances = genesis
			.pointer_mut("/balances/balances")
			.and_then(Value::as_array_mut);
		let balances = balances.context("the genesis has no balances")?;
		for account in [&operator, &worker] {
			balances.push(json!([account, number(ENDOWMENT)?]));
		}
		let bonds = genesis
			.pointer_mut("/roleStaking/bonds")
			.and_then(Value::as_array_mut);
		let bonds = bonds.context("the genesis has no bonds")?;
		bonds.push(json!([operator, "Miner", number(STRANGER_BOND)?]));
	}
	let plain = directory.join("plain.json");
	fs::write(&plain, serde_json::to_vec(&spec)?)?;
	let plain = plain
		.to_str()
		.context("the directory's name is not UTF-8")?;
	let raw = run(node, &["build-spec", "--raw", "--chain", plain])?;
	let path = directory.join("chain.json");
	fs::write(&path, raw)?;
	Ok(path)
}

/// Plancks as the JSON number that the genesis builder expects.
fn number(plancks: Balance) -> Result<u64> {
	Ok(u64::try_from(plancks)?)
}

fn run(program: &Path, args: &[&str]) -> Result<Vec<u8>> {
	let output = Command::new(program)
		.args(args)
		.stdin(Stdio::null())
		.output()?;
	ensure!(
		output.status.success(),
		"{} {} failed: {}",
		program.display(),
		args.join(" "),
		String::from_utf8_lossy(&output.stderr)
	);
	Ok(output.stdout)
}

/// Ports that were free a moment ago, all different.
fn free_ports(count: usize) -> Result<Vec<u16>> {
	let listeners = (0..count)
		.map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
		.collect::<Result<Vec<_>, _>>()?;
	Ok(listeners
		.iter()
		.map(|l| l.local_addr().map(|a| a.port()))
		.collect::<Result<_, _>>()?)
}

//! The parts of the grid and how they come up.

use super::{
	ports::{self, HeldPort},
	process::{Process, Program},
	spec,
};
use crate::{
	failure::Failure,
	model::{Publication, publish},
	openai::Client,
};
use anyhow::{Context, anyhow};
use futures::future::select_all;
use infergrid_chain::{Chain, Key, Options, View, persist};
use infergrid_primitives::{AccountBytes, Hash};
use infergrid_swarm::NodeSecret;
use serde::Serialize;
use serde_json::{Value, json};
use std::{
	fs,
	future::Future,
	path::{Path, PathBuf},
	time::Duration,
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long a node may take until it answers: it compiles the runtime first.
const CHAIN_START: Duration = Duration::from_secs(180);
/// How long the workers may take to stand ready after that.
const WORKERS_START: Duration = Duration::from_secs(300);
const GATEWAY_POLL: Duration = Duration::from_millis(500);
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Ports that are tried first, in the order of [`Ports`].
const USUAL_PORTS: [u16; 9] = [9944, 9945, 8080, 30333, 30334, 9615, 9616, 4001, 4002];

const CREATOR: &str = "//Ferdie";
const PAYER: &str = "//Gateway";
/// Name, operator, worker key.
const MINERS: [(&str, &str, &str); 2] = [
	("miner-1", "//Alice//stash", "//Alice//worker"),
	("miner-2", "//Bob//stash", "//Bob//worker"),
];
const VERIFIERS: [(&str, &str, &str); 3] = [
	("verifier-1", "//Charlie", "//Charlie//worker"),
	("verifier-2", "//Dave", "//Dave//worker"),
	("verifier-3", "//Eve", "//Eve//worker"),
];
const VALIDATORS: [(&str, &str); 2] = [("alice", "--alice"), ("bob", "--bob")];

/// What the grid is made of.
#[derive(Clone, Debug)]
pub(super) struct Plan {
	pub(super) directory: PathBuf,
	pub(super) base_port: Option<u16>,
	pub(super) model: PathBuf,
	pub(super) model_name: String,
	pub(super) node_binary: PathBuf,
	pub(super) log: String,
	pub(super) restart: bool,
}

/// A grid that stands.
#[derive(Clone, Debug)]
pub(super) struct Ready {
	pub(super) chain: Chain,
	pub(super) gateway: String,
	pub(super) rpc: Vec<String>,
	pub(super) profile: Hash,
	pub(super) model_name: String,
	pub(super) directory: PathBuf,
}

/// A part as scripts and tests find it in `grid.json`.
#[derive(Clone, Debug, Serialize)]
struct Part {
	name: String,
	role: &'static str,
	pid: u32,
	executable: PathBuf,
	args: Vec<String>,
	log: PathBuf,
	#[serde(flatten)]
	more: Value,
}

/// The grid's child processes.
pub(super) struct Grid {
	plan: Plan,
	stop: CancellationToken,
	processes: Vec<Process>,
	roles: Vec<(&'static str, Value)>,
	ready: Option<Ready>,
}

struct Ports {
	rpc: [HeldPort; 2],
	gateway: HeldPort,
	network: [HeldPort; 2],
	metrics: [HeldPort; 2],
	miners: [HeldPort; 2],
}

impl Ports {
	fn hold(base: Option<u16>) -> Result<Self, Failure> {
		let held = match base {
			None => ports::prefer(&USUAL_PORTS)?,
			Some(0) => ports::hold(None, USUAL_PORTS.len() as u16)?,
			Some(base) => ports::hold(Some(base), USUAL_PORTS.len() as u16)?,
		};
		let held: [HeldPort; 9] = held
			.try_into()
			.map_err(|_| Failure::internal(anyhow!("another number of ports than asked for")))?;
		let [a, b, gateway, c, d, e, f, g, h] = held;
		Ok(Self {
			rpc: [a, b],
			gateway,
			network: [c, d],
			metrics: [e, f],
			miners: [g, h],
		})
	}
}

impl Grid {
	/// A grid of which nothing runs yet.
	pub(super) fn new(plan: Plan, stop: CancellationToken) -> Result<Self, Failure> {
		for name in ["logs", "nodes", "workers"] {
			fs::create_dir_all(plan.directory.join(name))
				.with_context(|| format!("cannot write to {}", plan.directory.display()))
				.map_err(Failure::config)?;
		}
		Ok(Self {
			plan,
			stop,
			processes: Vec::new(),
			roles: Vec::new(),
			ready: None,
		})
	}

	/// Brings every part up. None if the grid was told to stop meanwhile.
	pub(super) async fn start(&mut self) -> Result<Option<Ready>, Failure> {
		let ports = Ports::hold(self.plan.base_port)?;
		let rpc: Vec<_> = ports
			.rpc
			.iter()
			.map(|port| format!("ws://127.0.0.1:{}", port.number()))
			.collect();
		let gateway = format!("http://127.0.0.1:{}", ports.gateway.number());
		let spec = {
			let (node, directory) = (self.plan.node_binary.clone(), self.plan.directory.clone());
			self.guard(async move { spec::write(&node, &directory).await })
				.await?
		};
		let Some(spec) = spec else { return Ok(None) };
		tracing::info!(directory = %self.plan.directory.display(), "starting two validators");
		self.start_nodes(&spec, ports.rpc, ports.network, ports.metrics)?;
		let Some(chain) = self.guard(connect(rpc.clone())).await? else {
			return Ok(None);
		};

		tracing::info!("starting two miners, three verifiers and a gateway");
		self.start_workers(&rpc, ports.gateway, ports.miners)?;
		let publication = self.publication();
		let work = workers_ready(chain.clone(), publication, gateway.clone());
		let Some(profile) = self.guard(work).await? else {
			return Ok(None);
		};
		let ready = Ready {
			chain,
			gateway,
			rpc,
			profile,
			model_name: self.plan.model_name.clone(),
			directory: self.plan.directory.clone(),
		};
		self.ready = Some(ready.clone());
		self.write_description()?;
		tracing::info!(gateway = %ready.gateway, node = %ready.rpc[0], "the grid is ready");
		Ok(Some(ready))
	}

	/// Runs `work` as long as all parts live and nobody says stop, in which case the result is None.
	pub(super) async fn guard<T>(
		&mut self,
		work: impl Future<Output = Result<T, Failure>>,
	) -> Result<Option<T>, Failure> {
		tokio::pin!(work);
		let stop = self.stop.clone();
		loop {
			let dead = tokio::select! {
				biased;
				_ = stop.cancelled() => return Ok(None),
				result = &mut work => return result.map(Some),
				dead = death(&mut self.processes) => dead,
			};
			let (index, failure) = dead;
			if !self.plan.restart {
				return Err(failure);
			}
			let program = self.processes[index].program.clone();
			tracing::warn!(child = %program.name, "died and is started again");
			sleep(RESTART_PAUSE).await;
			self.processes[index] = Process::start(program)?;
			self.write_description()?;
		}
	}

	/// Ends every part, those that need others before those.
	pub(super) async fn stop(&mut self) {
		// Gateway, verifiers, miners, nodes: the reverse of the start. Within a tier all at once.
		while let Some((role, _)) = self.roles.last() {
			let role = *role;
			let first = self
				.roles
				.iter()
				.position(|(other, _)| *other == role)
				.unwrap_or(0);
			let mut tier = self.processes.split_off(first);
			self.roles.truncate(first);
			futures::future::join_all(tier.iter_mut().map(Process::stop)).await;
		}
	}

	/// The content of `grid.json`.
	pub(super) fn description(&self) -> Result<String, Failure> {
		let parts: Vec<_> = self
			.processes
			.iter()
			.zip(&self.roles)
			.map(|(process, (role, more))| Part {
				name: process.program.name.clone(),
				role,
				pid: process.id(),
				executable: process.program.executable.clone(),
				args: process.program.args.clone(),
				log: process.program.log.clone(),
				more: more.clone(),
			})
			.collect();
		let ready = self.ready.as_ref();
		let description = json!({
			"version": 1,
			"pid": std::process::id(),
			"ready": ready.is_some(),
			"directory": self.plan.directory,
			"genesis": ready.map(|ready| hex::encode(ready.chain.genesis())),
			"rpc": ready.map(|ready| &ready.rpc),
			"gateway": ready.map(|ready| &ready.gateway),
			"model": {
				"name": self.plan.model_name,
				"directory": self.plan.model,
				"profile": ready.map(|ready| hex::encode(ready.profile)),
				"creator": CREATOR,
			},
			"parts": parts,
		});
		serde_json::to_string_pretty(&description).map_err(Failure::internal)
	}

	/// Writes `grid.json`, whole or not at all.
	fn write_description(&self) -> Result<(), Failure> {
		let write = |text: &str| -> std::io::Result<()> {
			let temporary = self.plan.directory.join("grid.json.tmp");
			fs::write(&temporary, text)?;
			fs::rename(&temporary, self.plan.directory.join("grid.json"))
		};
		write(&self.description()?)
			.map_err(|error| Failure::outside(anyhow!(error).context("cannot write grid.json")))
	}

	fn start_nodes(
		&mut self,
		spec: &Path,
		rpc: [HeldPort; 2],
		network: [HeldPort; 2],
		metrics: [HeldPort; 2],
	) -> Result<(), Failure> {
		let secrets: [[u8; 32]; 2] = [rand::random(), rand::random()];
		let boot = NodeSecret::new(secrets[0])
			.peer_id()
			.map(|peer| format!("/ip4/127.0.0.1/tcp/{}/p2p/{peer}", network[0].number()))
			.ok_or_else(|| Failure::internal(anyhow!("a random secret is no key")))?;
		let ports = rpc.into_iter().zip(network).zip(metrics);
		for ((((name, flag), secret), ((rpc, network), metrics)), first) in VALIDATORS
			.into_iter()
			.zip(secrets)
			.zip(ports)
			.zip([true, false])
		{
			let base = self.plan.directory.join("nodes").join(name);
			let url = format!("ws://127.0.0.1:{}", rpc.number());
			let more = json!({"rpc": url, "data": base});
			let mut args = strings(&["--chain", &shown(spec), flag, "--base-path", &shown(&base)]);
			args.extend(strings(&[
				"--listen-addr",
				&format!("/ip4/127.0.0.1/tcp/{}", network.release()),
				"--rpc-port",
				&rpc.release().to_string(),
				"--prometheus-port",
				&metrics.release().to_string(),
				"--rpc-cors",
				"all",
				"--node-key",
				&hex::encode(secret),
				"--no-telemetry",
				"--no-mdns",
			]));
			if !first {
				args.extend(strings(&["--reserved-nodes", &boot]));
			}
			let binary = self.plan.node_binary.clone();
			self.launch("validator", name, binary, args, more)?;
		}
		Ok(())
	}

	fn start_workers(
		&mut self,
		rpc: &[String],
		gateway: HeldPort,
		miners: [HeldPort; 2],
	) -> Result<(), Failure> {
		for ((name, operator, worker), port) in MINERS.into_iter().zip(miners) {
			let address = format!("/ip4/127.0.0.1/tcp/{}", port.release());
			let mut args = self.worker_args("mine", name, operator, worker, rpc);
			args.extend(strings(&[
				"--listen",
				&address,
				"--allow-local",
				// The whole grid ends with it.
				"--drain-seconds",
				"0",
			]));
			let more = self.worker_details(name, operator, worker);
			self.launch("miner", name, own_executable()?, args, more)?;
		}
		for (name, operator, worker) in VERIFIERS {
			let args = self.worker_args("verify", name, operator, worker, rpc);
			let more = self.worker_details(name, operator, worker);
			self.launch("verifier", name, own_executable()?, args, more)?;
		}
		let data = self.plan.directory.join("workers").join("gateway");
		let url = format!("http://127.0.0.1:{}", gateway.number());
		let args = strings(&[
			"--log",
			&self.plan.log,
			"--node",
			&rpc.join(","),
			"gateway",
			"--model",
			&shown(&self.plan.model),
			"--key",
			PAYER,
			"--data",
			&shown(&data),
			"--listen",
			&format!("127.0.0.1:{}", gateway.release()),
			"--drain-seconds",
			"0",
		]);
		let more = json!({"url": url, "payer": PAYER, "data": data});
		self.launch("gateway", "gateway", own_executable()?, args, more)
	}

	fn worker_args(
		&self,
		command: &str,
		name: &str,
		operator: &str,
		worker: &str,
		rpc: &[String],
	) -> Vec<String> {
		strings(&[
			"--log",
			&self.plan.log,
			"--node",
			&rpc.join(","),
			command,
			"--model",
			&shown(&self.plan.model),
			"--key",
			worker,
			"--operator-key",
			operator,
			"--data",
			&shown(&self.plan.directory.join("workers").join(name)),
		])
	}

	fn worker_details(&self, name: &str, operator: &str, worker: &str) -> Value {
		let data = self.plan.directory.join("workers").join(name);
		json!({"operator": operator, "worker": worker, "data": data})
	}

	fn launch(
		&mut self,
		role: &'static str,
		name: &str,
		executable: PathBuf,
		args: Vec<String>,
		more: Value,
	) -> Result<(), Failure> {
		let log = self.plan.directory.join("logs").join(format!("{name}.log"));
		let program = Program {
			name: name.to_owned(),
			executable,
			args,
			log,
		};
		self.processes.push(Process::start(program)?);
		self.roles.push((role, more));
		self.write_description()
	}

	fn publication(&self) -> Publication {
		Publication {
			directory: self.plan.model.clone(),
			name: self.plan.model_name.clone(),
			royalty: 20,
			price_input: crate::model::DEFAULT_PRICE_INPUT,
			price_output: crate::model::DEFAULT_PRICE_OUTPUT,
			licence: "Apache-2.0".into(),
			min_tokens_per_second: crate::model::DEFAULT_TOKENS_PER_SECOND,
			context: None,
		}
	}
}

/// Waits for the first of `processes` to die.
async fn death(processes: &mut [Process]) -> (usize, Failure) {
	if processes.is_empty() {
		return std::future::pending().await;
	}
	let deaths = processes.iter_mut().map(|process| Box::pin(process.died()));
	let (failure, index, _) = select_all(deaths).await;
	(index, failure)
}

/// Connects as soon as a node answers. What is submitted before the first block waits in its pool.
async fn connect(rpc: Vec<String>) -> Result<Chain, Failure> {
	let mut options = Options::new(rpc);
	options.deadline = CHAIN_START;
	Ok(Chain::connect(options).await?)
}

/// Publishes the model and waits until every worker stands ready, asking each where it shows.
async fn workers_ready(
	chain: Chain,
	publication: Publication,
	gateway: String,
) -> Result<Hash, Failure> {
	let creator = key(CREATOR)?;
	let name = publication.name.clone();
	let work = async {
		let published = publish(&chain, creator, &publication).await?;
		tracing::info!(model = %hex::encode(published.model), "published the model");
		offers_ready(&chain, &published.profile).await?;
		let client = Client::new(&gateway, None)?;
		while !client.models().await.unwrap_or_default().contains(&name) {
			sleep(GATEWAY_POLL).await;
		}
		Ok(published.profile)
	};
	timeout(WORKERS_START, work).await.unwrap_or_else(|_| {
		Err(Failure::outside(anyhow!(
			"the workers did not stand ready within {} s",
			WORKERS_START.as_secs()
		))
		.hint("look into the logs in the grid's directory"))
	})
}

/// Waits until all miners offer the profile and all verifiers stand for it.
async fn offers_ready(chain: &Chain, profile: &Hash) -> Result<(), Failure> {
	let miners = accounts(&MINERS)?;
	let verifiers = accounts(&VERIFIERS)?;
	let mut told = String::new();
	loop {
		let view = persist(|| chain.latest()).await?;
		let (offering, standing) = standing(&view, profile, &miners, &verifiers).await?;
		let line = format!("{offering} of 2 miners offer, {standing} of 3 verifiers stand");
		if line != told {
			tracing::info!("{line}");
			told = line;
		}
		if offering == miners.len() && standing == verifiers.len() {
			return Ok(());
		}
		// A stall only means one more look.
		let _ = chain
			.reach(view.block().number + 1, Duration::from_secs(30))
			.await;
	}
}

async fn standing(
	view: &View,
	profile: &Hash,
	miners: &[AccountBytes],
	verifiers: &[AccountBytes],
) -> Result<(usize, usize), Failure> {
	let offers = persist(|| view.offers(profile)).await?;
	let standing = persist(|| view.verifiers(profile)).await?;
	let offering = miners
		.iter()
		.filter(|miner| offers.iter().any(|(operator, _)| operator == *miner))
		.count();
	Ok((
		offering,
		verifiers
			.iter()
			.filter(|verifier| standing.contains(verifier))
			.count(),
	))
}

fn accounts(workers: &[(&str, &str, &str)]) -> Result<Vec<AccountBytes>, Failure> {
	workers
		.iter()
		.map(|(_, operator, _)| Ok(key(operator)?.public()))
		.collect()
}

fn key(uri: &str) -> Result<Key, Failure> {
	Key::from_uri(uri).map_err(Failure::internal)
}

fn own_executable() -> Result<PathBuf, Failure> {
	std::env::current_exe()
		.map_err(|error| Failure::internal(anyhow!(error).context("cannot find this executable")))
}

fn strings(args: &[&str]) -> Vec<String> {
	args.iter().map(|arg| (*arg).to_owned()).collect()
}

fn shown(path: &Path) -> String {
	path.display().to_string()
}

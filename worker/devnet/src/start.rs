//! How a grid comes up.

use crate::{
	describe::describe,
	error::SpawnError,
	genesis,
	handle::{Handle, Parts, write},
	part::Part,
	plan::{Extra, Operator, Plan, VALIDATORS, key},
	ports::{HeldPort, Ports},
	process::Program,
	programs::{
		NodeAddress, data, gateway_args, identity, miner_args, node_args, publish, verifier_args,
	},
	ready,
	served::Served,
};
use futures::future::{join_all, try_join_all};
use infergrid_chain::{Chain, Options};
use serde_json::{Value, json};
use std::{
	collections::BTreeSet,
	fs,
	future::Future,
	path::{Path, PathBuf},
	sync::{Mutex, PoisonError},
};
use tokio::time::{Instant, timeout_at};

const FIRST_RPC: u16 = 9_944;
const FIRST_GATEWAY: u16 = 8_080;
const FIRST_NETWORK: u16 = 30_333;
const FIRST_METRICS: u16 = 9_615;
const FIRST_MINER: u16 = 4_001;
const FIRST_WORKER_METRICS: u16 = 9_101;

/// Starts a grid and waits until every part is ready. When that fails, nothing of it is left but its
/// directory. Cancelling ends what has started.
pub async fn spawn(plan: Plan) -> Result<Handle, SpawnError> {
	plan.check()?;
	for name in ["logs", "nodes", "workers"] {
		let path = plan.directory.join(name);
		fs::create_dir_all(&path).map_err(|source| SpawnError::Directory { path, source })?;
	}
	let places = Places::hold(&plan)?;
	let (rpc, gateways) = (places.rpc_urls(), places.gateway_urls());
	let nodes = rpc.join(",");
	let mut start = Start::new(plan);

	let genesis = genesis::write(&start.plan);
	let spec = start.attend("the genesis", genesis).await?;
	start
		.nodes(&spec, places.rpc, places.network, places.metrics)
		.await?;
	let chain = start.attend("the nodes", connect(&rpc)).await?;
	tracing::info!("the nodes answer; starting the workers");
	start.workers(&nodes, places.workers)?;
	let served = start.attend("the models on chain", start.publish(&nodes));
	let served = served.await?;
	let standing = start.attend("the workers on chain", start.standing(&chain, &served));
	standing.await?;
	let serving = start.attend("the gateways", start.serving(&gateways));
	serving.await?;
	let handle = Handle {
		plan: start.plan,
		chain,
		rpc,
		gateways,
		served,
		parts: start.parts,
	};
	handle.write_description()?;
	Ok(handle)
}

/// Connects to the chain when all nodes answer.
async fn connect(rpc: &[String]) -> Result<Chain, SpawnError> {
	join_all(rpc.iter().map(|url| ready::node(url))).await;
	Ok(Chain::connect(Options::new(rpc.to_vec())).await?)
}

/// A grid that comes up. Dropping it kills what has started.
struct Start {
	plan: Plan,
	deadline: Instant,
	parts: Parts,
	/// What is missing of what is waited for, where that is known.
	missing: Mutex<Option<String>>,
}

impl Start {
	fn new(plan: Plan) -> Self {
		Self {
			deadline: Instant::now() + plan.deadline,
			plan,
			parts: Parts::default(),
			missing: Mutex::default(),
		}
	}

	/// Waits for `work`, as long as no part dies and there is time. `what` says what is waited for.
	async fn attend<T>(
		&self,
		what: &str,
		work: impl Future<Output = Result<T, SpawnError>>,
	) -> Result<T, SpawnError> {
		tokio::select! {
			biased;
			death = self.parts.died() => Err(death.into()),
			result = timeout_at(self.deadline, work) => result.unwrap_or_else(|_| {
				let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
				let known = missing.take().map(|missing| format!(" ({missing})"));
				Err(SpawnError::Late {
					seconds: self.plan.deadline.as_secs(),
					awaited: what.to_owned() + &known.unwrap_or_default(),
				})
			}),
		}
	}

	async fn nodes(
		&mut self,
		spec: &Path,
		rpc: Vec<HeldPort>,
		network: Vec<HeldPort>,
		metrics: Vec<HeldPort>,
	) -> Result<(), SpawnError> {
		let names = VALIDATORS.iter().copied().take(self.plan.validators);
		let names: Vec<_> = names.collect();
		let identities = try_join_all(names.iter().map(|name| identity(&self.plan, name)));
		let identities = self.attend("the nodes' identities", identities).await?;
		let addresses: Vec<_> = identities
			.iter()
			.zip(&network)
			.map(|((_, peer), port)| format!("/ip4/127.0.0.1/tcp/{}/p2p/{peer}", port.number()))
			.collect();
		tracing::info!(
			directory = %self.plan.directory.display(),
			"starting {} validators",
			names.len()
		);
		let ports = rpc.into_iter().zip(network).zip(metrics);
		for (index, (name, ((rpc, network), metrics))) in names.into_iter().zip(ports).enumerate() {
			let mut others = addresses.clone();
			others.remove(index);
			let base = self.plan.directory.join("nodes").join(name);
			let address = NodeAddress {
				spec,
				key: &identities[index].0,
				base: &base,
				rpc: rpc.number(),
				network: network.number(),
				metrics: metrics.number(),
				others: &others,
			};
			let args = node_args(name, &address);
			let url = format!("ws://127.0.0.1:{}", rpc.number());
			let launch = Launch {
				role: "validator",
				name: name.to_owned(),
				executable: self.plan.programs.node.clone(),
				args,
				extra: Extra::default(),
				details: json!({"rpc": url, "data": base}),
			};
			self.launch(launch, vec![rpc, network, metrics])?;
		}
		Ok(())
	}

	fn workers(&mut self, nodes: &str, ports: WorkerPorts) -> Result<(), SpawnError> {
		let plan = self.plan.clone();
		let mut metrics = ports.metrics.into_iter();
		let worker = |role, who: &Operator, args, extra: &Extra| Launch {
			role,
			name: who.name.clone(),
			executable: plan.programs.worker.clone(),
			args,
			extra: extra.clone(),
			details: json!({
				"operator": who.operator,
				"worker": who.worker,
				"data": data(&plan, &who.name),
			}),
		};
		for (miner, port) in plan.miners.iter().zip(ports.miners) {
			let args = miner_args(&plan, miner, nodes, port.number());
			let launch = worker("miner", &miner.who, args, &miner.extra);
			self.launch_measured(launch, vec![port], metrics.next())?;
		}
		for verifier in &plan.verifiers {
			let args = verifier_args(&plan, verifier, nodes);
			let launch = worker("verifier", &verifier.who, args, &verifier.extra);
			self.launch_measured(launch, vec![], metrics.next())?;
		}
		for (gateway, port) in plan.gateways.iter().zip(ports.gateways) {
			let launch = Launch {
				role: "gateway",
				name: gateway.name.clone(),
				executable: plan.programs.worker.clone(),
				args: gateway_args(&plan, gateway, nodes, port.number()),
				extra: gateway.extra.clone(),
				details: json!({
					"url": url_of(&port),
					"payer": gateway.payer,
					"data": data(&plan, &gateway.name),
				}),
			};
			self.launch_measured(launch, vec![port], metrics.next())?;
		}
		Ok(())
	}

	/// Starts a part that serves metrics on the port `metrics`.
	fn launch_measured(
		&mut self,
		mut launch: Launch,
		mut ports: Vec<HeldPort>,
		metrics: Option<HeldPort>,
	) -> Result<(), SpawnError> {
		if let Some(metrics) = metrics {
			let address = format!("127.0.0.1:{}", metrics.number());
			launch.args.extend(["--metrics".to_owned(), address]);
			launch.details["metrics"] = format!("{}/metrics", url_of(&metrics)).into();
			ports.push(metrics);
		}
		self.launch(launch, ports)
	}

	/// Starts a part, to which `ports` are let go at the last moment.
	fn launch(&mut self, launch: Launch, ports: Vec<HeldPort>) -> Result<(), SpawnError> {
		let log = self
			.plan
			.directory
			.join("logs")
			.join(format!("{}.log", launch.name));
		let environment = self
			.plan
			.environment
			.iter()
			.chain(&launch.extra.environment);
		let program = Program {
			name: launch.name,
			executable: launch.executable,
			args: launch.args,
			environment: environment.cloned().collect(),
			log,
		};
		let claims = ports.into_iter().map(HeldPort::release).collect();
		let part = Part::start(launch.role, program, launch.details, claims)?;
		self.parts.0.push(part);
		write(
			&self.plan.directory,
			&describe(&self.plan, &self.parts.0, None),
		)
	}

	async fn publish(&self, nodes: &str) -> Result<Vec<Served>, SpawnError> {
		let mut served = Vec::new();
		// One after the other: they may have the same creator, whose calls must not cross.
		for model in &self.plan.models {
			let [id, profile] = publish(&self.plan, model, nodes).await?;
			tracing::info!(model = %hex::encode(id), "published {}", model.name);
			served.push(Served {
				name: model.name.clone(),
				model: id,
				profile,
			});
		}
		Ok(served)
	}

	async fn standing(&self, chain: &Chain, served: &[Served]) -> Result<(), SpawnError> {
		let place = |(who, model): (&Operator, usize)| {
			Ok::<_, SpawnError>((served[model].profile, key(&who.operator)?.public()))
		};
		let miners = self.plan.miners.iter().map(|part| (&part.who, part.model));
		let miners = miners.map(place).collect::<Result<Vec<_>, _>>()?;
		let verifiers = self
			.plan
			.verifiers
			.iter()
			.map(|part| (&part.who, part.model));
		let verifiers = verifiers.map(place).collect::<Result<Vec<_>, _>>()?;
		let told = |line: String| {
			tracing::info!("{line}");
			let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
			*missing = Some(line);
		};
		Ok(ready::workers(chain, &miners, &verifiers, told).await?)
	}

	/// A gateway lists only what somebody serves.
	async fn serving(&self, gateways: &[String]) -> Result<(), SpawnError> {
		let mined = self.plan.miners.iter().map(|miner| miner.model);
		let mined: BTreeSet<_> = mined.collect();
		let models: Vec<_> = mined
			.iter()
			.map(|model| self.plan.models[*model].name.as_str())
			.collect();
		join_all(gateways.iter().map(|url| ready::gateway(url, &models))).await;
		Ok(())
	}
}

/// A part that is to be started.
struct Launch {
	role: &'static str,
	name: String,
	executable: PathBuf,
	args: Vec<String>,
	extra: Extra,
	details: Value,
}

/// Every port of a grid.
struct Places {
	rpc: Vec<HeldPort>,
	network: Vec<HeldPort>,
	metrics: Vec<HeldPort>,
	workers: WorkerPorts,
}

/// The ports of miners, verifiers and gateways.
struct WorkerPorts {
	/// For other peers.
	miners: Vec<HeldPort>,
	/// For clients.
	gateways: Vec<HeldPort>,
	/// One for each worker.
	metrics: Vec<HeldPort>,
}

impl Places {
	fn hold(plan: &Plan) -> Result<Self, SpawnError> {
		let workers = plan.miners.len() + plan.verifiers.len() + plan.gateways.len();
		let kinds = [
			(FIRST_RPC, plan.validators),
			(FIRST_GATEWAY, plan.gateways.len()),
			(FIRST_NETWORK, plan.validators),
			(FIRST_METRICS, plan.validators),
			(FIRST_MINER, plan.miners.len()),
			(FIRST_WORKER_METRICS, workers),
		];
		let usual: Vec<u16> = kinds
			.iter()
			.flat_map(|(first, count)| (*first..).take(*count))
			.collect();
		let ports = Ports {
			claims: plan.cache.as_ref().map(|cache| cache.join("ports")),
		};
		let mut held = ports.choose(plan.ports, &usual)?.into_iter();
		let [rpc, gateways, network, metrics, miners, worker_metrics] =
			kinds.map(|(_, count)| Vec::from_iter(held.by_ref().take(count)));
		Ok(Self {
			rpc,
			network,
			metrics,
			workers: WorkerPorts {
				miners,
				gateways,
				metrics: worker_metrics,
			},
		})
	}

	fn rpc_urls(&self) -> Vec<String> {
		let url = |port: &HeldPort| format!("ws://127.0.0.1:{}", port.number());
		self.rpc.iter().map(url).collect()
	}

	fn gateway_urls(&self) -> Vec<String> {
		self.workers.gateways.iter().map(url_of).collect()
	}
}

fn url_of(port: &HeldPort) -> String {
	format!("http://127.0.0.1:{}", port.number())
}

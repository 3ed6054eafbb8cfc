//! What the pages beside `local-network.md` say, on a grid: each page for operators of its own.

use super::Home;
use anyhow::{Context, Result, ensure};
use infergrid_chain::Key;
use infergrid_tests::{
	demo_model, grid::Grid, manual::Manual, reader::Reader, root, wait::eventually,
};
use serde_json::Value;
use std::time::Duration;

/// Two sessions and some more.
const SESSIONS: Duration = Duration::from_secs(400);
/// For one step of a worker, on a busy machine.
const STEP: Duration = Duration::from_secs(120);
const NEWCOMER: &str = "//Ferdie";
const MINER: &str = "//Ferdie//stash";
const VERIFIER: &str = "//Eve//stash";
const LANDLORD: &str = "//Bob//stash";
const VALIDATOR: &str = "//Charlie//stash";
/// One of two miners of the same operator.
const FIRST_OF_TWO: &str = "//Bob//worker";
/// The network's own ports, of which other programs need others.
const PORTS: [&str; 3] = ["4001", "4002", "8080"];

/// Gives the commands of all pages.
pub(crate) async fn follow(home: &Home, grid: &Grid, manual: &Manual) -> Result<()> {
	let reader = |name: &str, keys: &[(&str, &str)]| reader(home, manual, name, keys);
	let mut newcomer = reader("newcomer", &[("operator.key", NEWCOMER)])?;
	let keys = [("operator.key", MINER), ("worker.key", "//Eve//worker")];
	let mut miner = reader("miner", &keys)?;
	let keys = [("operator.key", VERIFIER), ("worker.key", "//Eve")];
	let mut verifier = reader("verifier", &keys)?;
	let mut creator = reader("creator", &[("creator.key", "//Bob")])?;
	let mut host = reader("host", &[("payer.key", "//Gateway")])?;
	let mut validator = reader("validator", &[("operator.key", VALIDATOR)])?;
	let landlord = [
		("operator.key", LANDLORD),
		("a.key", FIRST_OF_TWO),
		("b.key", "//Dave//stash"),
	];
	let mut landlord = reader("landlord", &landlord)?;
	let profile = format!("0x{}", hex::encode(grid.profile));
	for reader in [&mut newcomer, &mut verifier] {
		reader.put("0xPROFILE", &profile);
	}
	tokio::try_join!(
		bond(&mut miner, manual, "miner"),
		bond(&mut verifier, manual, "verifier"),
		look_around(&mut newcomer, manual),
		publish(&mut creator, manual),
		serve(&mut host, manual),
	)?;
	home.say("the operators have bonded");
	tokio::try_join!(
		mine(&mut miner, manual),
		verify(&mut verifier, manual),
		mine_two(&mut landlord, &newcomer, manual),
		validate(&mut validator, home, grid, manual),
	)?;
	home.say("the operators have worked and left");
	let line = manual.command("creator.md", "models.retireModel")?;
	let told = creator.give(&line).await?;
	ensure!(told.contains("models.ModelRetired"), "{told}");
	home.say("the creator has retired a model");
	for reader in [&host, &validator] {
		reader.check()?;
	}
	Ok(())
}

/// A reader with the keys that a page takes for granted.
fn reader(home: &Home, manual: &Manual, name: &str, keys: &[(&str, &str)]) -> Result<Reader> {
	let mut reader = home.reader(name, manual)?;
	for (file, uri) in keys {
		reader.write_key(file, uri)?;
	}
	for port in PORTS {
		let own = home.port(&format!("{port} of {name}"))?;
		reader.put(port, &own.to_string());
	}
	let demo = demo_model().canonicalize()?;
	reader.put("DIR", &demo.display().to_string());
	reader.put("R.safetensors", "models/demo/reference.safetensors");
	// Miners are on one machine here.
	reader.set("INFERGRID_ALLOW_LOCAL", "true");
	Ok(reader)
}

/// `README.md`: a key, money for it, and what may be done with a bond.
async fn look_around(reader: &mut Reader, manual: &Manual) -> Result<()> {
	for line in manual.section("README.md", "Keys")? {
		reader.give(&line).await?;
	}
	let worker = reader.value("ADDRESS")?.to_owned();
	reader.put("WORKER-ADDRESS", &worker);
	reader.put("FILE", "operator.key");
	let send = manual.command("README.md", "balances.transferKeepAlive")?;
	reader.give(&send).await?;
	let shown = reader
		.give(&manual.command("README.md", "stake show")?)
		.await?;
	ensure!(shown.contains("free       5 AIT"), "{shown}");
	reader.put("ADDRESS", &Key::from_uri(NEWCOMER)?.address());
	for part in ["stake bond", "stake pair"] {
		reader.give(&manual.command("README.md", part)?).await?;
	}
	let status = manual.command("README.md", "infergrid status")?;
	let shown = reader.give(&status).await?;
	ensure!(shown.contains(&worker), "{shown}");
	for part in ["stake unpair", "stake unbond", "rotate-key"] {
		reader.give(&manual.command("README.md", part)?).await?;
	}
	let shown = reader.give(&status).await?;
	ensure!(!shown.contains(&worker), "{shown}");
	withdraw(reader, manual, "README.md").await
}

/// `creator.md`, and a second model for those who need one.
async fn publish(reader: &mut Reader, manual: &Manual) -> Result<()> {
	let cheap = root().join("tests/models/cheap").canonicalize()?;
	let publish = format!(
		"infergrid model publish {} --name cheap --key-file creator.key --json",
		cheap.display()
	);
	let told: Value = serde_json::from_str(&reader.give(&publish).await?)?;
	let model = told["model"].as_str().with_context(|| told.to_string())?;
	reader.put("0xMODEL", &format!("0x{}", model.trim_start_matches("0x")));
	let line = manual.command("creator.md", "model manifest")?;
	let manifest = reader.give(&line).await?;
	reader.write_key("manifest.json", &manifest)?;
	reader.put("FILE", "manifest.json");
	for part in ["model verify", "model publish", "model check"] {
		reader.give(&manual.command("creator.md", part)?).await?;
	}
	Ok(())
}

/// `gateway.md`.
async fn serve(reader: &mut Reader, manual: &Manual) -> Result<()> {
	for part in ["model manifest", "infergrid gateway"] {
		reader.give(&manual.command("gateway.md", part)?).await?;
	}
	reader.ask("curl -sf http://127.0.0.1:8080/livez").await?;
	Ok(())
}

/// Bonds for `role`, and starts its worker, which waits until the bond counts.
async fn bond(reader: &mut Reader, manual: &Manual, role: &str) -> Result<()> {
	let page = format!("{role}.md");
	reader.put("PUBLIC-ADDRESS", "127.0.0.1");
	reader.give(&manual.command(&page, "stake bond")?).await?;
	let work = match role {
		"miner" => "infergrid mine --model",
		_ => "infergrid verify",
	};
	reader.start(&manual.command(&page, work)?)?;
	let reader = &*reader;
	eventually("word of the session", STEP, || async {
		let log = reader.log(work)?;
		Ok(log.contains("the bond counts from session").then_some(()))
	})
	.await
}

/// `miner.md`, when the bond counts.
async fn mine(reader: &mut Reader, manual: &Manual) -> Result<()> {
	let page = "miner.md";
	reader.give(&manual.command(page, "model check")?).await?;
	reader.ready().await?;
	reader.put("ADDRESS", &Key::from_uri(MINER)?.address());
	reader
		.give(&manual.command(page, "infergrid status")?)
		.await?;
	let log = reader.stop("infergrid mine").await?;
	ensure!(log.contains("it is safe to stay away"), "{log}");
	reader.give(&manual.command(page, "stake unbond")?).await?;
	withdraw(reader, manual, page).await
}

/// `verifier.md`, when the bond counts.
async fn verify(reader: &mut Reader, manual: &Manual) -> Result<()> {
	let page = "verifier.md";
	reader.ready().await?;
	reader.put("ADDRESS", &Key::from_uri(VERIFIER)?.address());
	let status = manual.command(page, "infergrid status")?;
	let stands = eventually("place among the verifiers", SESSIONS, || async {
		let shown = told(reader, &format!("{status} --json")).await?;
		let stands = shown["stands_for"].as_array().map(Vec::len);
		Ok((stands == Some(1)).then_some(()))
	});
	stands.await?;
	// One that is asked to stop stands down by itself.
	reader.kill("infergrid verify").await?;
	let told = reader
		.give(&manual.command(page, "models.standDown")?)
		.await?;
	ensure!(told.contains("models.StoodDown"), "{told}");
	reader.give(&manual.command(page, "stake unbond")?).await?;
	withdraw(reader, manual, page).await
}

/// Two models on one machine, from `running.md`; the first miner dies, and `README.md` gives up its offer.
async fn mine_two(reader: &mut Reader, newcomer: &Reader, manual: &Manual) -> Result<()> {
	let cheap = root().join("tests/models/cheap").canonicalize()?;
	reader.put("/srv/models/a", "models/demo");
	reader.put("/srv/models/b", &cheap.display().to_string());
	reader.put("/var/lib/infergrid", "data");
	reader.put("203.0.113.7", "127.0.0.1");
	let page = "running.md";
	for (worker, part) in [("a.key", "models/a"), ("b.key", "models/b")] {
		let pair = format!(
			"infergrid stake pair --operator-key-file operator.key --worker-key-file {worker}"
		);
		reader.give(&pair).await?;
		reader.give(&manual.command(page, part)?).await?;
	}
	reader.kill("models/a").await?;
	newcomer.write_key("worker.key", FIRST_OF_TWO)?;
	let line = manual.command("README.md", "models.withdrawOffer")?;
	let told = newcomer.ask(&line).await?;
	ensure!(told.contains("models.OfferWithdrawn"), "{told}");
	reader.stop("models/b").await.map(drop)
}

/// `validator.md`, with ports of its own and the address of a node, which the grid's specification lacks.
async fn validate(reader: &mut Reader, home: &Home, grid: &Grid, manual: &Manual) -> Result<()> {
	let rpc = home.port("RPC of one more validator")?.to_string();
	let name = format!(
		"dora --no-mdns --rpc-port {rpc} --bootnodes {}",
		address(reader).await?
	);
	let spec = grid
		.handle
		.directory()
		.join("chain.json")
		.display()
		.to_string();
	for (placeholder, value) in [
		("NAME", name.as_str()),
		("SPEC.json", &spec),
		("DIR", "node"),
	] {
		reader.put(placeholder, value);
	}
	for part in [
		"generate-node-key",
		"--validator",
		"stake bond",
		"key inspect",
	] {
		reader.give(&manual.command("validator.md", part)?).await?;
	}
	reader.put("9944", &rpc);
	for part in ["author_rotateKeysWithOwner", "session.setKeys"] {
		reader.give(&manual.command("validator.md", part)?).await?;
	}
	Ok(())
}

/// Where the grid's first node is reached.
async fn address(reader: &Reader) -> Result<String> {
	let ask = r#"curl -s http://127.0.0.1:9944 -H 'content-type: application/json' -d '{"id": 1, "jsonrpc": "2.0", "method": "system_localListenAddresses"}'"#;
	let told = told(reader, ask).await?;
	let address = told["result"][0].as_str();
	Ok(address.with_context(|| told.to_string())?.to_owned())
}

/// What was unbonded waits for hours.
async fn withdraw(reader: &Reader, manual: &Manual, page: &str) -> Result<()> {
	let told = reader
		.give_in_vain(&manual.command(page, "stake withdraw")?)
		.await?;
	ensure!(told.contains("session"), "{told}");
	Ok(())
}

/// What a command answers in JSON.
async fn told(reader: &Reader, line: &str) -> Result<Value> {
	Ok(serde_json::from_str(&reader.ask(line).await?)?)
}

//! What the pages beside `local-network.md` say, on its network: each page for operators of its own.

use super::Home;
use anyhow::{Context, Result, ensure};
use infergrid_chain::Key;
use infergrid_tests::{
	demo_model,
	manual::Manual,
	reader::{FIRST_NODE, Reader},
	root,
	wait::eventually,
};
use serde_json::Value;
use std::time::Duration;

/// Two sessions and some more.
const SESSIONS: Duration = Duration::from_secs(400);
/// Until a worker is in the list of its profile, on a busy machine.
const LISTED: Duration = Duration::from_secs(120);
const NEWCOMER: &str = "//Ferdie";
const MINER: &str = "//Ferdie//stash";
const VERIFIER: &str = "//Eve//stash";
const LANDLORD: &str = "//Bob//stash";
const VALIDATOR: &str = "//Charlie//stash";
/// One of two miners of the same operator.
const FIRST_OF_TWO: &str = "//Bob//worker";
/// The network's own ports, of which other programs need others.
const PORTS: [&str; 3] = ["4001", "4002", "8080"];

/// Who follows the pages.
pub(crate) struct Roles {
	newcomer: Reader,
	miner: Reader,
	verifier: Reader,
	creator: Reader,
	landlord: Reader,
	host: Reader,
}

impl Roles {
	/// Readers with the keys that their pages take for granted.
	pub(crate) fn new(home: &Home, manual: &Manual) -> Result<Self> {
		let reader = |name: &str, keys: &[(&str, &str)]| -> Result<Reader> {
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
		};
		Ok(Self {
			newcomer: reader("newcomer", &[("operator.key", NEWCOMER)])?,
			miner: reader(
				"miner",
				&[("operator.key", MINER), ("worker.key", "//Eve//worker")],
			)?,
			verifier: reader(
				"verifier",
				&[("operator.key", VERIFIER), ("worker.key", "//Eve")],
			)?,
			creator: reader("creator", &[("creator.key", "//Bob")])?,
			landlord: reader(
				"landlord",
				&[
					("operator.key", LANDLORD),
					("a.key", FIRST_OF_TWO),
					("b.key", "//Dave//stash"),
				],
			)?,
			host: reader("host", &[("payer.key", "//Gateway//stash")])?,
		})
	}

	/// What can be done before bonds count.
	pub(crate) async fn prepare(&mut self, home: &Home, manual: &Manual) -> Result<()> {
		tokio::try_join!(
			bond(&mut self.miner, manual, "miner"),
			bond(&mut self.verifier, manual, "verifier"),
			look_around(&mut self.newcomer, manual),
			publish(&mut self.creator, manual),
			serve(&mut self.host, manual),
		)?;
		home.say("the other pages' operators have bonded");
		Ok(())
	}

	/// What needs bonds that count.
	pub(crate) async fn work(&mut self, home: &Home, manual: &Manual) -> Result<()> {
		let profile = profile_of(&self.creator, "models/demo").await?;
		self.verifier.put("0xPROFILE", &profile);
		self.newcomer.put("0xPROFILE", &profile);
		tokio::try_join!(
			mine(&mut self.miner, manual),
			verify(&mut self.verifier, manual),
			mine_two(&mut self.landlord, &self.newcomer, manual),
		)?;
		let line = manual.command("creator.md", "models.retireModel")?;
		let told = self.creator.give(&line).await?;
		ensure!(told.contains("models.ModelRetired"), "{told}");
		home.say("the other pages' operators have worked and left");
		Ok(())
	}
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

/// Bonds for `role`. Until the bond counts its worker does not start.
async fn bond(reader: &mut Reader, manual: &Manual, role: &str) -> Result<()> {
	let page = format!("{role}.md");
	reader.put("PUBLIC-ADDRESS", "127.0.0.1");
	reader.give(&manual.command(&page, "stake bond")?).await?;
	if role == "miner" {
		reader.give(&manual.command(&page, "model check")?).await?;
	}
	let work = match role {
		"miner" => "infergrid mine --model",
		_ => "infergrid verify",
	};
	let told = reader.give_in_vain(&manual.command(&page, work)?).await?;
	ensure!(told.contains("counts from session"), "{told}");
	Ok(())
}

/// `miner.md`, when the bond counts.
async fn mine(reader: &mut Reader, manual: &Manual) -> Result<()> {
	let page = "miner.md";
	bond_counts(reader, "miner").await?;
	reader
		.give(&manual.command(page, "infergrid mine --model")?)
		.await?;
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
	bond_counts(reader, "verifier").await?;
	reader
		.give(&manual.command(page, "infergrid verify")?)
		.await?;
	reader.put("ADDRESS", &Key::from_uri(VERIFIER)?.address());
	let status = manual.command(page, "infergrid status")?;
	let stands = eventually("place among the verifiers", LISTED, || async {
		let shown = status_of(reader, &format!("{status} --json")).await?;
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
	reader
		.give(&manual.command(page, "infergrid bench")?)
		.await?;
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

/// `validator.md`. The chain's specification names the nodes that it knows, and `local` names none.
pub(crate) async fn one_more_validator(home: &Home, page: &Reader, manual: &Manual) -> Result<()> {
	let mut reader = home.reader("validator", manual)?;
	let (network, first) = (home.port("30333")?, page.value(FIRST_NODE)?);
	let rpc = home.port("RPC of one more validator")?.to_string();
	let name = format!(
		"dora --rpc-port {rpc} --no-mdns --bootnodes /ip4/127.0.0.1/tcp/{network}/p2p/{first}"
	);
	reader.write_key("operator.key", VALIDATOR)?;
	for (placeholder, value) in [
		("NAME", name.as_str()),
		("SPEC.json", "local"),
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
	home.say("one more validator has registered its keys");
	reader.check()
}

/// Waits until the bond that was made for `role` counts.
async fn bond_counts(reader: &Reader, role: &str) -> Result<()> {
	let show = "infergrid stake show --operator-key-file operator.key --json";
	eventually("bond that counts", SESSIONS, || async {
		let shown = status_of(reader, show).await?;
		let from = shown["roles"][role]["bond"]["counts_from_session"].as_u64();
		let session = shown["session"].as_u64();
		Ok((from.is_some() && session >= from).then_some(()))
	})
	.await
}

/// What was unbonded waits for hours.
async fn withdraw(reader: &Reader, manual: &Manual, page: &str) -> Result<()> {
	let told = reader
		.give_in_vain(&manual.command(page, "stake withdraw")?)
		.await?;
	ensure!(told.contains("session"), "{told}");
	Ok(())
}

async fn profile_of(reader: &Reader, model: &str) -> Result<String> {
	let publish = format!("infergrid model publish {model} --name demo --key //Alice --json");
	let told = status_of(reader, &publish).await?;
	let profile = told["profile"].as_str().with_context(|| told.to_string())?;
	Ok(format!("0x{}", profile.trim_start_matches("0x")))
}

async fn status_of(reader: &Reader, line: &str) -> Result<Value> {
	Ok(serde_json::from_str(&reader.ask(line).await?)?)
}

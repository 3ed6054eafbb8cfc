//! The operators' documents, followed by somebody who has nothing else.
//!
//! `local-network.md` is done from its first command to its last. The commands of the other pages are given on
//! a grid, by operators who join it. A command that nobody gives is an error.

mod local_network;
mod roles;

use self::local_network::PAGE;
use anyhow::{Context, Result, ensure};
use infergrid_tests::{
	grid::{Grid, Setup, cache},
	manual::Manual,
	process::{install_node_modules, node, worker},
	reader::{PortMap, Reader},
	root,
};
use std::{
	fs,
	os::unix::fs::{PermissionsExt, symlink},
	path::PathBuf,
	rc::Rc,
	time::Instant,
};

/// Commands that nobody gives: one needs settings, one a GPU, one measures a machine for minutes, and one
/// only names a network.
const LEFT: [&str; 5] = [
	"README.md: infergrid --config FILE mine",
	"miner.md: infergrid mine --device cuda",
	"running.md: infergrid bench --model DIR",
	"validator.md: infergrid-node --chain dev",
	"validator.md: infergrid-node key insert",
];

#[tokio::test]
async fn a_network_made_by_hand_does_what_its_page_says() -> Result<()> {
	install_node_modules(&root().join("tests/clients/polkadot")).await?;
	let (home, manual) = (Home::make()?, Manual::read()?);
	let mut page = home.reader("local-network", &manual)?;
	let result = local_network::follow(&home, &mut page, &manual).await;
	let result = result.and_then(|()| all_given(&manual, |line| line.starts_with(PAGE), &[]));
	result.with_context(|| page.tails())?;
	drop(page);
	home.leave()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_commands_work_on_a_grid() -> Result<()> {
	install_node_modules(&root().join("tests/clients/polkadot")).await?;
	let setup = Setup {
		miners: 0,
		verifiers: 0,
		gateway: false,
		..Setup::default()
	};
	let grid = Grid::start("pages", &setup).await?;
	let result = on_grid(&grid).await;
	grid.end(result).await
}

async fn on_grid(grid: &Grid) -> Result<()> {
	let (home, manual) = (Home::make()?, Manual::read()?);
	let rpc = grid.handle.rpc()[0].rsplit(':').next().context("a port")?;
	home.ports.put("9944", rpc.parse()?);
	roles::follow(&home, grid, &manual).await?;
	all_given(&manual, |line| !line.starts_with(PAGE), &LEFT)?;
	home.leave()
}

/// Fails unless of `ours` just the commands `but` were not given.
fn all_given(manual: &Manual, ours: impl Fn(&str) -> bool, but: &[&str]) -> Result<()> {
	let mut left = manual.left();
	left.retain(|line| ours(line));
	ensure!(left == but, "commands that nobody gives: {left:#?}");
	Ok(())
}

/// The machine of somebody who reads the pages.
pub(crate) struct Home {
	directory: PathBuf,
	ports: Rc<PortMap>,
	started: Instant,
}

impl Home {
	/// Puts the programs where the first page looks for them.
	fn make() -> Result<Self> {
		let directory = tempfile::Builder::new()
			.prefix("infergrid-test-readers-")
			.tempdir()?
			.keep();
		println!("readers' files are in {}", directory.display());
		let programs = directory.join("target/debug");
		fs::create_dir_all(&programs)?;
		for (program, name) in [(node()?, "infergrid-node"), (worker()?, "infergrid")] {
			symlink(program.canonicalize()?, programs.join(name))?;
		}
		let editor = directory.join("editor");
		fs::write(&editor, "#!/bin/sh\nprintf '%s\\n' \"$SECRET\" > \"$1\"\n")?;
		fs::set_permissions(&editor, fs::Permissions::from_mode(0o700))?;
		Ok(Self {
			directory,
			ports: Rc::new(PortMap::new(cache().map(|cache| cache.join("ports")))),
			started: Instant::now(),
		})
	}

	/// Somebody with a checkout, a home directory and shells of his own.
	pub(crate) fn reader(&self, name: &str, manual: &Manual) -> Result<Reader> {
		let checkout = self.directory.join(name);
		fs::create_dir_all(&checkout)?;
		for part in ["scripts", "models", "tests"] {
			symlink(root().join(part).canonicalize()?, checkout.join(part))?;
		}
		let node = format!("127.0.0.1:{}", self.port("9944")?);
		let gateway = format!("127.0.0.1:{}", self.port("8080")?);
		let own = |path: &str| self.directory.join(path).display().to_string();
		let environment = [
			("PATH", std::env::var("PATH")?),
			("HOME", own(name)),
			("CARGO_TARGET_DIR", own("target")),
			("EDITOR", own("editor")),
			("INFERGRID_NODE", format!("ws://{node}")),
			("INFERGRID_URL", format!("http://{gateway}")),
			("INFERGRID_GATEWAY_LISTEN", gateway),
		];
		let environment = environment.map(|(name, value)| (name.to_owned(), value));
		let mut reader = Reader::new(checkout, environment.into(), self.ports.clone());
		let shell = manual.section(PAGE, "A network of your own, by hand")?;
		reader.start_shells_with(&shell.join(" && "));
		Ok(reader)
	}

	/// The port in the place of the one that is called `named`.
	pub(crate) fn port(&self, named: &str) -> Result<u16> {
		self.ports.port(named)
	}

	/// Deletes everything: nothing failed.
	fn leave(self) -> Result<()> {
		Ok(fs::remove_dir_all(self.directory)?)
	}

	/// Prints what has happened, and when.
	pub(crate) fn say(&self, what: &str) {
		let seconds = self.started.elapsed().as_secs();
		println!("{seconds:>5} s  pages: {what}");
	}
}

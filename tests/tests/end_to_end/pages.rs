//! The operators' documents, followed by somebody who has nothing else.
//!
//! `local-network.md` is done from its first command to its last. The commands of the other pages are given on
//! the same network. A command that nobody gives is an error.

mod local_network;
mod roles;

use self::roles::Roles;
use anyhow::{Context, Result, ensure};
use infergrid_tests::{
	grid::cache,
	manual::Manual,
	process::{install_node_modules, node, worker},
	reader::{PortMap, Reader},
	root,
};
use std::{
	fs,
	os::unix::fs::{PermissionsExt, symlink},
	path::{Path, PathBuf},
	rc::Rc,
	time::Instant,
};

/// Commands that nobody gives: one needs settings, one a GPU, and one is a name for a network.
const LEFT: [&str; 3] = [
	"README.md: infergrid --config FILE mine",
	"miner.md: infergrid mine --device cuda",
	"validator.md: infergrid-node --chain dev",
];

#[tokio::test]
async fn the_operators_documents_say_what_works() -> Result<()> {
	install_node_modules(&root().join("tests/clients/polkadot")).await?;
	let directory = tempfile::Builder::new()
		.prefix("infergrid-test-pages-")
		.tempdir()?
		.keep();
	let home = Home::make(&directory)?;
	let manual = Manual::read()?;
	let mut page = home.reader("local-network", &manual)?;
	let result = follow(&home, &mut page, &manual).await;
	result.with_context(|| format!("{}\nlogs are in {}", page.tails(), directory.display()))?;
	Ok(fs::remove_dir_all(directory)?)
}

async fn follow(home: &Home, page: &mut Reader, manual: &Manual) -> Result<()> {
	local_network::two_nodes(home, page, manual).await?;
	local_network::workers(home, page, manual).await?;
	let mut roles = Roles::new(home, manual)?;
	tokio::try_join!(
		local_network::third_validator(home, page, manual),
		roles.prepare(home, manual)
	)?;
	local_network::the_fee_is_split(home, page, manual).await?;
	roles.work(home, manual).await?;
	local_network::all_three_are_needed(home, page, manual).await?;
	roles::one_more_validator(home, page, manual).await?;
	page.check()?;
	let left = manual.left();
	ensure!(left == LEFT, "commands that nobody gives: {left:#?}");
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
	fn make(directory: &Path) -> Result<Self> {
		let programs = directory.join("target/debug");
		fs::create_dir_all(&programs)?;
		for (program, name) in [(node()?, "infergrid-node"), (worker()?, "infergrid")] {
			symlink(program.canonicalize()?, programs.join(name))?;
		}
		let editor = directory.join("editor");
		fs::write(&editor, "#!/bin/sh\nprintf '%s\\n' \"$SECRET\" > \"$1\"\n")?;
		fs::set_permissions(&editor, fs::Permissions::from_mode(0o700))?;
		Ok(Self {
			directory: directory.to_owned(),
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
		let own = |path: &str| self.directory.join(path).display().to_string();
		let environment = [
			("PATH", std::env::var("PATH")?),
			("HOME", own(name)),
			("CARGO_TARGET_DIR", own("target")),
			("EDITOR", own("editor")),
			(
				"INFERGRID_NODE",
				format!("ws://127.0.0.1:{}", self.port("9944")?),
			),
			(
				"INFERGRID_URL",
				format!("http://127.0.0.1:{}", self.port("8080")?),
			),
			(
				"INFERGRID_GATEWAY_LISTEN",
				format!("127.0.0.1:{}", self.port("8080")?),
			),
		];
		let environment = environment.map(|(name, value)| (name.to_owned(), value));
		let mut reader = Reader::new(checkout, environment.into(), self.ports.clone());
		let shell = manual.section("local-network.md", "A network of your own, by hand")?;
		reader.start_shells_with(&shell.join(" && "));
		Ok(reader)
	}

	/// The port in the place of the one that is called `named`.
	pub(crate) fn port(&self, named: &str) -> Result<u16> {
		self.ports.port(named)
	}

	/// Prints what has happened, and when.
	pub(crate) fn say(&self, what: &str) {
		let seconds = self.started.elapsed().as_secs();
		println!("{seconds:>5} s  pages: {what}");
	}
}

//! What is happening, for people: a few lines that are drawn anew on a terminal, or plain lines.

use crate::{DevError, Ready};
use infergrid_chain::{Event, Follower, Step, View, Walk, address, persist};
use infergrid_primitives::{AIT, BlockNumber};
use std::collections::VecDeque;
use tokio_util::sync::CancellationToken;

/// Happenings that stay on the screen.
const HAPPENINGS: usize = 8;

/// Shows what is happening until it is dropped: gives `screen` text to write as it is, which on a
/// `terminal` moves the cursor to replace what was written before.
pub async fn watch(
	ready: &Ready,
	terminal: bool,
	screen: impl FnMut(&str),
) -> Result<(), DevError> {
	let mut board = Board::new(ready, terminal, screen);
	let mut follower = Follower::new(ready.chain.clone(), CancellationToken::new());
	while let Some(step) = follower.next().await? {
		let (view, events) = match step {
			Step::Rescan(view) => (view, Vec::new()),
			Step::Block(view, events) => (view, events),
		};
		let happenings = events.iter().filter_map(describe);
		let block = view.block().number;
		for happening in happenings {
			board.add(format!("#{block} {happening}"));
		}
		board.heads(ready, &view).await?;
		board.draw();
	}
	Ok(())
}

struct Board<S> {
	screen: S,
	terminal: bool,
	title: Vec<String>,
	heads: String,
	happenings: VecDeque<String>,
	/// Lines on the screen that the next drawing replaces.
	drawn: usize,
}

impl<S: FnMut(&str)> Board<S> {
	fn new(ready: &Ready, terminal: bool, screen: S) -> Self {
		let title = vec![
			format!(
				"gateway     {}/v1   model {}",
				ready.gateway, ready.model_name
			),
			format!("nodes       {}", ready.rpc.join("  ")),
			format!("directory   {}", ready.directory.display()),
			format!("try         infergrid chat --url {}", ready.gateway),
		];
		let mut board = Self {
			screen,
			terminal,
			title,
			heads: String::new(),
			happenings: VecDeque::new(),
			drawn: 0,
		};
		if !board.terminal {
			let title = board.title.join("\n");
			board.print(&title);
		}
		board
	}

	fn add(&mut self, happening: String) {
		if !self.terminal {
			self.print(&happening);
		}
		self.happenings.push_back(happening);
		if self.happenings.len() > HAPPENINGS {
			self.happenings.pop_front();
		}
	}

	async fn heads(&mut self, ready: &Ready, view: &View) -> Result<(), DevError> {
		let best: BlockNumber = persist(|| ready.chain.best()).await?;
		let offers = persist(|| view.offers(&ready.profile)).await?;
		let verifiers = persist(|| view.verifiers(&ready.profile)).await?;
		let busy: u32 = offers.iter().map(|(_, offer)| offer.in_use).sum();
		self.heads = format!(
			"blocks      best {best}, finalized {}   miners {} ({busy} tasks)   verifiers {}",
			view.block().number,
			offers.len(),
			verifiers.len()
		);
		Ok(())
	}

	fn draw(&mut self) {
		if !self.terminal {
			return;
		}
		let lines: Vec<_> = self
			.title
			.iter()
			.chain([&self.heads])
			.chain(self.happenings.iter())
			.collect();
		let mut screen = String::new();
		if self.drawn > 0 {
			screen.push_str(&format!("\x1b[{}A\x1b[J", self.drawn));
		}
		for line in &lines {
			screen.push_str(line);
			screen.push('\n');
		}
		self.drawn = lines.len();
		(self.screen)(&screen);
	}

	fn print(&mut self, text: &str) {
		(self.screen)(&format!("{text}\n"));
	}
}

/// What an event says to people, if it is worth a line.
fn describe(event: &Event) -> Option<String> {
	let short = |account| {
		let address = address(account);
		format!("{}…", address.get(..8).unwrap_or(&address))
	};
	Some(match event {
		Event::TaskSubmitted(event) => {
			format!("task {} submitted by {}", event.task, short(&event.payer))
		}
		Event::TaskAssigned(event) => {
			format!("task {} assigned to {}", event.task, short(&event.miner))
		}
		Event::ResultSubmitted(event) => format!(
			"task {} delivered: {} tokens for {:.6} AIT",
			event.task,
			event.n_out,
			event.fee as f64 / AIT as f64
		),
		Event::TaskMissed(event) => {
			format!("task {} missed by {}", event.task, short(&event.miner))
		}
		Event::TaskRefunded(event) => format!("task {} refunded: {:?}", event.task, event.reason),
		Event::TaskSettled(event) => format!("task {} paid", event.task),
		Event::AuditDrawn(event) => format!(
			"audit {} of task {}: {} verifiers drawn",
			event.audit,
			event.task,
			event.committee.len()
		),
		Event::VoteRevealed(event) => {
			format!(
				"audit {}: {} votes {:?}",
				event.audit,
				short(&event.verifier),
				event.verdict
			)
		}
		Event::AuditConcluded(event) => {
			format!("audit {} concluded: {:?}", event.audit, event.verdict)
		}
		Event::MinerPunished(event) => format!("miner {} punished", short(&event.miner)),
		Event::VerifierPunished(event) => format!("verifier {} punished", short(&event.verifier)),
		_ => return None,
	})
}

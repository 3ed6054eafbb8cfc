//! `infergrid chat`: talks to a model through a gateway.

use crate::{context::Context, failure::Failure, output, settings};
use anyhow::anyhow;
use clap::Args;
use infergrid_client::{Client, Question, Turn};
use infergrid_keys::Secret;
use serde::Serialize;
use serde_json::json;
use std::{
	io::{self, BufRead, IsTerminal, Write},
	thread,
};
use tokio::sync::mpsc;

const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// Flags of `infergrid chat`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ChatArgs {
	/// Gateway to talk to
	#[arg(long, value_name = "URL", env = "INFERGRID_URL", default_value = DEFAULT_URL)]
	url: String,
	/// Model to ask [default: the first one that the gateway has]
	#[arg(long, value_name = "NAME")]
	model: Option<String>,
	/// Ask this and exit; without it, ask line by line from the standard input
	#[arg(short, long, value_name = "TEXT")]
	message: Option<String>,
	/// What the model is told before the conversation
	#[arg(long, value_name = "TEXT")]
	system: Option<String>,
	/// Tokens of an answer at most
	#[arg(long, value_name = "N")]
	max_tokens: Option<u32>,
	/// 0 for the likeliest answer, up to 2 for bold ones
	#[arg(long, value_name = "T")]
	temperature: Option<f32>,
	/// Key to show to the gateway
	#[arg(
		long,
		value_name = "KEY",
		env = "INFERGRID_API_KEY",
		hide_env_values = true
	)]
	api_key: Option<Secret>,
	/// Print each answer with its receipt as a JSON object
	#[arg(long)]
	json: bool,
}

#[derive(Debug, Serialize)]
struct ChatSettings<'a> {
	url: &'a str,
	model: Option<&'a str>,
	max_tokens: Option<u32>,
	temperature: Option<f32>,
	api_key: Option<&'a Secret>,
}

/// Runs the command.
pub(crate) async fn run(args: ChatArgs, context: Context) -> Result<(), Failure> {
	if context.show_settings {
		return settings::show(&ChatSettings {
			url: &args.url,
			model: args.model.as_deref(),
			max_tokens: args.max_tokens,
			temperature: args.temperature,
			api_key: args.api_key.as_ref(),
		});
	}
	let stop = context.stop.clone();
	tokio::select! {
		_ = stop.cancelled() => Ok(()),
		result = talk(args) => result,
	}
}

async fn talk(args: ChatArgs) -> Result<(), Failure> {
	let client = Client::new(&args.url, args.api_key.clone())?;
	let model = match &args.model {
		Some(model) => model.clone(),
		None => client
			.models()
			.await?
			.into_iter()
			.next()
			.ok_or_else(|| Failure::outside(anyhow!("no miner offers a model yet")))?,
	};
	let mut conversation = Conversation {
		client,
		model,
		args: &args,
		turns: Vec::new(),
	};
	if let Some(system) = &args.system {
		conversation.turns.push(Turn {
			role: "system",
			content: system.clone(),
		});
	}
	if let Some(message) = &args.message {
		return conversation.ask(message).await;
	}
	let prompt = io::stdin().is_terminal();
	let mut lines = lines();
	loop {
		if prompt {
			// The question mark is for the person at the terminal, not part of the result.
			let _ = write!(io::stderr(), "> ");
		}
		match lines.recv().await {
			None => return Ok(()),
			Some(Err(error)) => return Err(Failure::outside(error)),
			Some(Ok(line)) if line.trim().is_empty() => {}
			Some(Ok(line)) => conversation.ask(&line).await?,
		}
	}
}

/// The lines of the standard input, read on a thread of their own: a read cannot be interrupted, and
/// the thread may not hold the program back when it wants to end.
fn lines() -> mpsc::Receiver<io::Result<String>> {
	let (sender, receiver) = mpsc::channel(1);
	thread::spawn(move || {
		for line in io::stdin().lock().lines() {
			if sender.blocking_send(line).is_err() {
				return;
			}
		}
	});
	receiver
}

struct Conversation<'a> {
	client: Client,
	model: String,
	args: &'a ChatArgs,
	turns: Vec<Turn>,
}

impl Conversation<'_> {
	async fn ask(&mut self, message: &str) -> Result<(), Failure> {
		self.turns.push(Turn {
			role: "user",
			content: message.to_owned(),
		});
		let question = Question {
			model: &self.model,
			turns: &self.turns,
			max_tokens: self.args.max_tokens,
			temperature: self.args.temperature,
		};
		let json = self.args.json;
		let answered = self
			.client
			.ask(&question, |text| {
				if !json {
					output::piece(text);
				}
			})
			.await?;
		if json {
			let object = json!({"answer": answered.text, "infergrid": answered.receipt});
			output::line(object.to_string());
		} else {
			output::line("");
		}
		self.turns.push(Turn {
			role: "assistant",
			content: answered.text,
		});
		Ok(())
	}
}

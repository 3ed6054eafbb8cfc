//! A model's files in the layout of Hugging Face: configuration, tokenizer, chat template, weights,
//! and the manifest that names them.
//!
//! Text in, token ids out; no tensors. [`Checkpoint::open`] reads everything but the weights;
//! [`Weights::open`] maps those. The manifest, and so the model's identifier, needs them all, or a
//! published `manifest.json` in their place.
//!
//! Nothing here is trusted: files are bounded, paths stay inside the directory, templates run with
//! fuel, and what is not supported is refused with an error that names the file and the remedy.
//!
//! `transformers` is the measure: the tests hold configurations, templates and tokenizers to what it
//! makes of them. Decisions that go beyond it:
//!
//! - Messages cannot spell control tokens: text stays text, unless
//!   [`RenderOptions::allow_control_tokens`] is set. All other text has the ids that `transformers`
//!   gives it.
//! - A tensor that the architecture has no place for is refused, where `transformers` warns and leaves it
//!   out; so are values that are not finite.
//! - How text is cut is what tokenizer.json says, but for `add_prefix_space` of classes that look at it.
//!   Version 5 of `transformers` makes that anew from some classes: from `LlamaTokenizer` by its flag
//!   `legacy`, from `Qwen2Tokenizer` and `GPT2Tokenizer` by their own rules. Version 4 followed the file.
//! - A name for a token that the tokenizer does not have adds none to it.
//! - Answers end at the ids of `generation_config.json`, else of `config.json`, and at the tokenizer's own
//!   end token, as vLLM has it.
//! - Linear scaling of the rotary embedding multiplies the context.
//! - Without a time, templates that ask whether `strftime_now` exists use their own date, and the others
//!   are shown [`FIXED_DATE`], so that everybody renders an inline prompt alike.

mod chat;
mod config;
mod control;
mod error;
mod files;
mod json;
mod manifest;
mod python;
mod stream;
mod tensors;
mod tokenizer;
mod tokens;
mod weights;

pub use chat::{ChatMessage, ChatTemplate, FIXED_DATE, RenderOptions};
pub use config::{Family, ModelConfig, RopeScaling, SamplingDefaults};
pub use error::{CheckpointError, TemplateError, TokenizerError};
pub use manifest::{
	ManifestError, check_published, known_manifest, manifest_json, manifest_of, read_manifest,
	verify_manifest,
};
pub use stream::{StopMatcher, TextStream};
pub use tokenizer::Tokenizer;
pub use weights::{Dtype, RawTensor, Weights, WeightsError};

use config::Read;
use control::Guard;
use infergrid_primitives::TokenId;
use std::{
	path::{Path, PathBuf},
	sync::OnceLock,
};

/// A model's directory, read and checked, without the weights.
#[derive(Debug)]
pub struct Checkpoint {
	/// The directory.
	pub directory: PathBuf,
	/// `config.json`.
	pub config: ModelConfig,
	/// `tokenizer.json`; `None` when the directory has none, as fixtures of random weights do.
	pub tokenizer: Option<Tokenizer>,
	/// `chat_template.jinja`, or the template in `tokenizer_config.json`.
	pub chat_template: Option<ChatTemplate>,
	/// Ids that end an answer, sorted: those of `generation_config.json`, else of `config.json`, and the
	/// tokenizer's own.
	pub eos: Vec<TokenId>,
	/// How the model's makers would sample, from `generation_config.json`.
	pub sampling: SamplingDefaults,
	guard: OnceLock<Guard>,
}

impl Checkpoint {
	/// Reads the directory at `directory`.
	pub fn open(directory: impl AsRef<Path>) -> Result<Self, CheckpointError> {
		let directory = directory.as_ref();
		if !directory.is_dir() {
			return Err(CheckpointError::NoDirectory {
				path: directory.to_path_buf(),
			});
		}
		let Read {
			config,
			mut eos,
			sampling,
		} = config::read(directory)?;
		let tokenizer_config = tokens::read(directory, config.family)?;
		let tokenizer = Tokenizer::read(directory, &tokenizer_config)?;
		let own_end = tokenizer
			.as_ref()
			.and_then(|tokenizer| tokenizer.id(tokenizer_config.names().get("eos_token")?));
		eos.extend(own_end.filter(|id| (*id as usize) < config.vocab_size));
		eos.sort_unstable();
		eos.dedup();
		Ok(Self {
			directory: directory.to_path_buf(),
			config,
			tokenizer,
			chat_template: ChatTemplate::read(directory, &tokenizer_config)?,
			eos,
			sampling,
			guard: OnceLock::new(),
		})
	}

	/// The tokenizer, or an error that says which file is missing.
	pub fn tokenizer(&self) -> Result<&Tokenizer, CheckpointError> {
		self.tokenizer
			.as_ref()
			.ok_or_else(|| CheckpointError::Missing {
				path: self.directory.join("tokenizer.json"),
			})
	}

	/// Token ids of a conversation, ready for the assistant's turn.
	pub fn encode_chat(
		&self,
		messages: &[ChatMessage],
		options: &RenderOptions,
	) -> Result<Vec<TokenId>, CheckpointError> {
		let template =
			self.chat_template
				.as_ref()
				.ok_or_else(|| CheckpointError::NoChatTemplate {
					directory: self.directory.clone(),
				})?;
		let tokenizer = self.tokenizer()?;
		let render = |messages: &[ChatMessage]| Ok(template.render(messages, options)?);
		if options.allow_control_tokens {
			return Ok(tokenizer.encode(&render(messages)?, false)?);
		}
		let guard = self
			.guard
			.get_or_init(|| Guard::new(tokenizer, template, &self.eos));
		guard.encode(tokenizer, messages, template, render)
	}

	/// Token ids of an inline prompt: the chat template applied to one user message. The date is
	/// kept from the template, so that everybody gets the same ids at any time.
	pub fn encode_inline(&self, text: &str) -> Result<Vec<TokenId>, CheckpointError> {
		let message = ChatMessage {
			role: "user".into(),
			content: text.into(),
		};
		self.encode_chat(&[message], &RenderOptions::default())
	}
}

//! A miner inside the test, with every means of a real one and a style of its own.

use crate::{
	forge::{Claim, Forge, Order, Style},
	keys::Operator,
};
use anyhow::{Context, Result};
use async_trait::async_trait;
use infergrid_chain::{Call, Chain, Key, OfferTerms, Submitter, Task, TaskStatus, pair_worker};
use infergrid_primitives::{
	AccountBytes, Hash, TaskId,
	market::Price,
	model::Profile,
	request::{Opening, Receipt, commit_tokens, sampler_seed},
	trace,
};
use infergrid_swarm::{
	NodeSecret, OpeningHandler, OpeningReply, OpeningRequest, Openings as Opens, PeerId, Refusal,
	Swarm, SwarmConfig,
};
use std::{
	collections::HashMap,
	sync::{Arc, Mutex, PoisonError},
};
use tokio::task::JoinHandle;

type Openings = Arc<Mutex<HashMap<TaskId, Opening>>>;

/// A running miner inside the test. It answers inline tasks only. Dropping it stops it.
#[derive(Debug)]
pub struct Stranger {
	/// Its operator's account.
	pub operator: AccountBytes,
	/// How it answers.
	pub style: Style,
	work: JoinHandle<Result<()>>,
	_swarm: Swarm,
}

impl Stranger {
	/// Pairs the worker key of `who`, offers `profile` at `price` with room for one task, and answers
	/// what is assigned to it in `style`.
	pub async fn start(
		chain: &Chain,
		forge: Arc<Forge>,
		who: &Operator,
		style: Style,
		profile: &Profile,
		price: Price,
	) -> Result<Self> {
		let genesis = chain.genesis();
		let operator = Key::from_uri(&who.operator)?;
		let worker = Key::from_uri(&who.worker)?;
		let account = operator.public();
		let view = chain.latest().await?;
		let pair = pair_worker(chain, &view, &worker, &account).await?;
		Submitter::new(chain.clone(), operator)
			.submit(&pair, None)
			.await?;

		let openings = Openings::default();
		// The worker's public key is as good as random.
		let secret = NodeSecret::new(worker.public());
		let config = SwarmConfig::new(secret, vec!["/ip4/127.0.0.1/tcp/0".into()], genesis);
		let service = Arc::new(Opener {
			openings: openings.clone(),
			mute: style == Style::Mute,
		});
		let (handle, swarm) = Swarm::builder(config)
			.accept(OpeningHandler::new(service))
			.start()
			.await?;
		let terms = OfferTerms {
			price,
			capacity: 1,
			peer: handle.peer_id().to_bytes(),
			address: handle
				.listen_addresses()
				.first()
				.context("an address")?
				.clone()
				.into_bytes(),
		};
		let submitter = Submitter::new(chain.clone(), worker);
		submitter
			.submit(&Call::set_offer(&profile.id(), &terms), None)
			.await?;
		let hand = Hand {
			terms,
			chain: chain.clone(),
			submitter,
			operator: account,
			profile: profile.clone(),
			style,
			forge,
			openings,
		};
		let work = tokio::spawn(hand.work());
		Ok(Self {
			operator: account,
			style,
			work,
			_swarm: swarm,
		})
	}

	/// Fails if the miner itself has failed.
	pub async fn check(&mut self) -> Result<()> {
		if self.work.is_finished() {
			(&mut self.work).await??;
		}
		Ok(())
	}
}

impl Drop for Stranger {
	fn drop(&mut self) {
		self.work.abort();
	}
}

struct Hand {
	terms: OfferTerms,
	chain: Chain,
	submitter: Submitter,
	operator: AccountBytes,
	profile: Profile,
	style: Style,
	forge: Arc<Forge>,
	openings: Openings,
}

impl Hand {
	async fn work(self) -> Result<()> {
		let mut blocks = self.chain.blocks(self.chain.finalized());
		loop {
			let view = self.chain.at(blocks.next().await?).await?;
			for (id, task) in view.assigned_to(&self.operator).await? {
				let done = {
					let known = self.openings.lock().unwrap_or_else(PoisonError::into_inner);
					known.contains_key(&id)
				};
				if !done && task.request.profile == self.profile.id() {
					let text = view
						.prompt(id)
						.await?
						.context("strangers answer inline tasks only")?;
					self.answer(id, task, String::from_utf8(text)?).await?;
				}
			}
		}
	}

	async fn answer(&self, id: TaskId, task: Task, text: String) -> Result<()> {
		let TaskStatus::Assigned { price, window, .. } = task.status else {
			return Ok(());
		};
		let genesis = self.chain.genesis();
		let request_id = task.request.id(&genesis);
		let order = Order {
			prompt: self.forge.engine().checkpoint().encode_inline(&text)?,
			params: task.request.params.clone(),
			seed: sampler_seed(&genesis, &request_id, &window.anchor, &task.request.profile),
			proof: self.profile.proof,
			context: self.profile.context,
		};
		let n_prompt = order.prompt.len() as u32;
		let prompt = order.prompt.clone();
		let (forge, style) = (self.forge.clone(), self.style);
		let claim = tokio::task::spawn_blocking(move || forge.answer(style, &order)).await??;
		let Claim {
			tokens,
			n_out,
			finish,
			proofs,
		} = claim.with_context(|| format!("{text:?} gives no occasion for {style:?}"))?;

		let output_salt: Hash = [7; 32];
		let trace_root = trace::answer_root(&genesis, &tokens, &proofs, self.profile.proof.chunk)
			.context("a proof for each chunk")?;
		let receipt = Receipt {
			request_id,
			miner: self.operator,
			worker_key: self.submitter.account(),
			n_prompt,
			n_out,
			finish,
			output_commit: commit_tokens(&genesis, &output_salt, &tokens),
			trace_root,
			fee: price.fee(n_prompt, n_out),
			ttft_ms: 100,
			total_ms: 1_000,
		};
		let opening = Opening {
			prompt_salt: [0; 32],
			prompt,
			output_salt,
			output: tokens,
			proofs,
		};
		self.openings
			.lock()
			.unwrap_or_else(PoisonError::into_inner)
			.insert(id, opening);
		let signature = self.submitter.key().sign(&receipt.payload(&genesis));
		let result = Call::submit_result(id, &receipt, &signature);
		// One task is enough: before there is room for another, a higher price keeps it away, while
		// verifiers still find the peer. A key's calls are included in the order of their start.
		let mut terms = self.terms.clone();
		terms.price = Price {
			input: self.profile.reference_input * 4,
			output: self.profile.reference_output * 4,
		};
		let keep_away = Call::set_offer(&self.profile.id(), &terms);
		tokio::try_join!(
			self.submitter.submit(&keep_away, None),
			self.submitter.submit(&result, Some(window.due))
		)?;
		Ok(())
	}
}

/// Opens whatever it is asked for, to anybody; or takes every question and answers none.
struct Opener {
	openings: Openings,
	mute: bool,
}

#[async_trait]
impl Opens for Opener {
	async fn who_opens(
		&self,
		_: PeerId,
		request: &OpeningRequest,
	) -> Result<AccountBytes, Refusal> {
		Ok(request.worker)
	}

	async fn opening(&self, _: PeerId, request: OpeningRequest) -> OpeningReply {
		if self.mute {
			return std::future::pending().await;
		}
		let openings = self.openings.lock().unwrap_or_else(PoisonError::into_inner);
		match openings.get(&request.task) {
			Some(opening) => OpeningReply::Opening(opening.clone()),
			None => OpeningReply::Refused(Refusal::Unknown),
		}
	}
}

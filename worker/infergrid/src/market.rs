//! The payer as the gateway's market.

use crate::failure::Failure;
use async_trait::async_trait;
use futures::{StreamExt, stream};
use infergrid_chain::{Chain, Model as Registered, Phase, ReadError, RefundReason, Trouble, View};
use infergrid_checkpoint::Checkpoint;
use infergrid_gateway::{
	AuditProgress, Delivery, Health, KeptAnswer, Known, Market, MarketError, Model, Order,
	OrderError, OrderEvent, OrderStream, Placement, ReceiptProgress, Settlement, names,
};
use infergrid_journal::Answer;
use infergrid_keys::address;
use infergrid_payer as payer;
use infergrid_payer::{Following, Kept, OrderRequest, Payer, Stage};
use infergrid_primitives::{Balance, Hash, market::Price, model::Profile};
use std::{
	cmp::Reverse,
	collections::{HashMap, VecDeque},
	path::PathBuf,
	sync::{Arc, Mutex, PoisonError},
	time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How long a list of models is good for: about a block.
const MODELS_FRESH: Duration = Duration::from_secs(3);
/// A gateway that cannot pay for so many tokens at the reference price says so.
const FUNDS_FOR_TOKENS: u32 = 100_000;

/// Local files by [`infergrid_primitives::model::Manifest::id`].
type Checkpoints = HashMap<Hash, Arc<Checkpoint>>;

/// A profile with its identifier, its model and the model's files.
type AtHand = (Hash, Profile, Registered, Arc<Checkpoint>);

/// The models whose files are in `directories`.
pub(crate) fn open(directories: &[PathBuf]) -> Result<Checkpoints, Failure> {
	let mut checkpoints = HashMap::new();
	for directory in directories {
		let checkpoint = Checkpoint::open(directory).map_err(Failure::config)?;
		checkpoint.tokenizer().map_err(Failure::config)?;
		let model = crate::engine::known_manifest(&checkpoint)?.id();
		tracing::info!(model = %hex::encode(model), directory = %directory.display(), "knows a model");
		checkpoints.insert(model, Arc::new(checkpoint));
	}
	Ok(checkpoints)
}

/// The payer, and the models whose files are at hand.
#[derive(Debug)]
pub(crate) struct GridMarket {
	chain: Chain,
	payer: Arc<Payer>,
	checkpoints: Checkpoints,
	/// When this gateway began, for clients that want to know a model's age.
	since: u64,
	models: Mutex<Option<(Instant, Vec<Arc<Model>>)>>,
}

impl GridMarket {
	/// A market over models at hand.
	pub(crate) fn new(chain: Chain, payer: Arc<Payer>, checkpoints: Checkpoints) -> Arc<Self> {
		Arc::new(Self {
			chain,
			payer,
			checkpoints,
			since: SystemTime::now()
				.duration_since(UNIX_EPOCH)
				.map_or(0, |now| now.as_secs()),
			models: Mutex::default(),
		})
	}

	/// The models that can be served now: known here, and offered by somebody whose bond counts.
	async fn current(&self) -> Result<Vec<Arc<Model>>, ReadError> {
		let cached = {
			let cached = self.models.lock().unwrap_or_else(PoisonError::into_inner);
			cached
				.as_ref()
				.filter(|(at, _)| at.elapsed() < MODELS_FRESH)
				.map(|(_, models)| models.clone())
		};
		if let Some(models) = cached {
			return Ok(models);
		}
		let models = self.read_models(&self.chain.latest().await?).await?;
		let now = (Instant::now(), models.clone());
		*self.models.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
		Ok(models)
	}

	/// The profiles of open models whose files are here.
	async fn at_hand(&self, view: &View) -> Result<Vec<AtHand>, ReadError> {
		let models = view.models().await?;
		let at_hand = |(id, profile): (Hash, Profile)| {
			let model = models.get(&profile.model)?;
			let checkpoint = self.checkpoints.get(&model.info.manifest_hash)?;
			let open = model.retired_at.is_none();
			open.then(|| (id, profile, model.clone(), checkpoint.clone()))
		};
		let profiles = view.profiles().await?;
		Ok(profiles.into_iter().filter_map(at_hand).collect())
	}

	async fn read_models(&self, view: &View) -> Result<Vec<Arc<Model>>, ReadError> {
		let rules = view.task_rules()?;
		let (mut known, mut profiles) = (Vec::new(), Vec::new());
		for (id, profile, model, checkpoint) in self.at_hand(view).await? {
			known.push(Known {
				name: String::from_utf8_lossy(&model.info.name).into_owned(),
				owner: address(&model.creator),
				profile: id,
			});
			profiles.push((id, profile, checkpoint));
		}
		let mut models = Vec::new();
		for ((names, known), (id, profile, checkpoint)) in
			names(&known).into_iter().zip(known).zip(profiles)
		{
			if self.payer.is_served(&id).await? {
				models.push(Arc::new(Model {
					name: names.listed,
					aliases: names.aliases,
					profile: id,
					owner: known.owner,
					created: self.since,
					context: profile.context,
					longest: rules.longest(&profile),
					sampling: (&checkpoint.sampling).into(),
					checkpoint,
				}));
			}
		}
		// A name that fits several means the one with the longest context.
		models.sort_by_key(|model| (Reverse(model.context), model.profile));
		Ok(models)
	}

	async fn read_health(&self) -> Result<(Balance, Vec<String>), ReadError> {
		let view = self.chain.latest().await?;
		let (money, payer) = (self.payer.funds().await?, address(&self.payer.account()));
		let funds = money.free;
		let mut problems = Vec::new();
		if let (Some(orders), true) = (money.orders_left(), money.are_low()) {
			problems.push(format!(
				"the payer {payer} has {funds} plancks left, enough for {orders} orders like the last one: \
				 send it some AIT"
			));
		}
		for (_, profile, ..) in self.at_hand(&view).await? {
			let price = Price {
				input: profile.reference_input,
				output: profile.reference_output,
			};
			let wanted = price.fee(0, FUNDS_FOR_TOKENS);
			if funds < wanted {
				problems.push(format!(
					"the payer {payer} has {funds} plancks left, less than {FUNDS_FOR_TOKENS} tokens cost: \
					 send it some AIT"
				));
				break;
			}
		}
		Ok((funds, problems))
	}
}

fn unavailable(error: impl std::fmt::Display) -> MarketError {
	tracing::warn!(%error, "the market cannot be asked");
	MarketError::Unavailable
}

#[async_trait]
impl Market for GridMarket {
	async fn models(&self) -> Result<Vec<Arc<Model>>, MarketError> {
		self.current().await.map_err(unavailable)
	}

	async fn order(&self, orders: Vec<Order>) -> Result<Vec<OrderStream>, OrderError> {
		let request = |order: Order| OrderRequest {
			profile: order.model.profile,
			prompt: order.prompt,
			params: order.params,
			assurance: order.assurance,
			max_fee: order.max_fee,
		};
		let requests = orders.into_iter().map(request).collect();
		let followings = self.payer.order_all(requests).map_err(order_error)?;
		Ok(followings.into_iter().map(events).collect())
	}

	async fn answer(&self, request_id: &Hash) -> Result<Option<KeptAnswer>, MarketError> {
		let kept = self.payer.answer(request_id).await.map_err(unavailable)?;
		let answer = match kept {
			None => return Ok(None),
			Some(Kept::Running(mut following)) => {
				let tokens = following.look(|progress| progress.tokens.len());
				return Ok(Some(KeptAnswer::Running { tokens }));
			}
			Some(Kept::Complete(answer)) => answer,
		};
		let receipt = self.receipt(request_id).await?;
		let models = self.current().await.map_err(unavailable)?;
		let model = models
			.into_iter()
			.find(|model| model.profile == answer.profile);
		let (Some(model), Some(receipt)) = (model, receipt) else {
			return Ok(None);
		};
		let placement = Placement {
			miner: address(&answer.receipt.miner),
			..receipt.placement
		};
		Ok(Some(KeptAnswer::Complete {
			model,
			placement,
			delivery: Box::new(delivery(&answer)),
			tokens: answer.tokens.clone(),
		}))
	}

	async fn health(&self) -> Health {
		let age = self.chain.finality_age();
		let trouble = self.chain.health().trouble();
		let unread = |problem| Health {
			finality_age: None,
			funds: None,
			problems: vec![problem],
		};
		// A node that is known to be away need not be waited for.
		if let Some(away @ Trouble::Disconnected) = trouble {
			return unread(away.to_string());
		}
		match self.read_health().await {
			Ok((funds, mut problems)) => {
				problems.extend(trouble.map(|trouble| trouble.to_string()));
				Health {
					finality_age: Some(age),
					funds: Some(funds),
					problems,
				}
			}
			Err(error) => unread(format!("the chain cannot be read: {error}")),
		}
	}

	async fn receipt(&self, request_id: &Hash) -> Result<Option<ReceiptProgress>, MarketError> {
		let read = async {
			let view = self.chain.latest().await?;
			self.payer.receipt(&view, request_id).await
		};
		let account = read.await.map_err(unavailable)?;
		Ok(account.map(receipt_progress))
	}
}

/// What a client is told of an order, as it is known.
struct Telling {
	following: Following,
	ready: VecDeque<OrderEvent>,
	placement: Option<payer::Placement>,
	assigned: bool,
	run: u32,
	/// Tokens told of this run.
	told: usize,
	over: bool,
}

fn events(following: Following) -> OrderStream {
	let telling = Telling {
		following,
		ready: VecDeque::new(),
		placement: None,
		assigned: false,
		run: 0,
		told: 0,
		over: false,
	};
	stream::unfold(telling, |mut telling| async move {
		loop {
			if let Some(event) = telling.ready.pop_front() {
				return Some((event, telling));
			}
			if telling.over {
				return None;
			}
			telling.look();
			if telling.ready.is_empty() && !telling.following.changed().await {
				telling.look();
				telling.over = true;
			}
		}
	})
	.boxed()
}

impl Telling {
	/// Makes events of what is new.
	fn look(&mut self) {
		let Self {
			following,
			ready,
			placement,
			assigned,
			run,
			told,
			over,
		} = self;
		following.look(|progress| {
			if *placement != progress.placement {
				*placement = progress.placement;
				*assigned = false;
				ready.extend(placement.map(|placed| OrderEvent::Placed(place(&placed, ""))));
			}
			if *run != progress.run {
				if *told > 0 {
					ready.push_back(OrderEvent::Restarted);
				}
				(*run, *told, *assigned) = (progress.run, 0, false);
			}
			if let (Stage::Assigned { miner, .. }, Some(placed), false) =
				(progress.stage, &*placement, *assigned)
			{
				*assigned = true;
				ready.push_back(OrderEvent::Assigned(place(placed, &address(&miner))));
			}
			if let Some(fresh) = progress.tokens.get(*told..)
				&& !fresh.is_empty()
			{
				*told += fresh.len();
				ready.push_back(OrderEvent::Tokens(fresh.to_vec()));
			}
			if let Some(end) = &progress.end
				&& !*over
			{
				*over = true;
				ready.push_back(match end {
					Ok(answer) => OrderEvent::Done(Box::new(delivery(answer))),
					Err(error) => OrderEvent::Failed(order_error(error.clone())),
				});
			}
		});
	}
}

fn place(placed: &payer::Placement, miner: &str) -> Placement {
	Placement {
		task: placed.task,
		request_id: placed.request_id,
		miner: miner.to_owned(),
	}
}

fn delivery(answer: &Answer) -> Delivery {
	Delivery {
		receipt: answer.receipt.clone(),
		signature: answer.signature,
	}
}

fn order_error(error: payer::OrderError) -> OrderError {
	match error {
		payer::OrderError::NoMiner => OrderError::NoMiner,
		payer::OrderError::TooDear { cheapest } => OrderError::TooDear { cheapest },
		payer::OrderError::Busy { retry_after } => OrderError::Busy { retry_after },
		payer::OrderError::Full { retry_after } => OrderError::Full { retry_after },
		payer::OrderError::Closing { retry_after } => OrderError::Closing { retry_after },
		payer::OrderError::Funds => OrderError::Funds,
		payer::OrderError::ChainUnavailable => OrderError::ChainUnavailable,
		payer::OrderError::Refused(reason) => OrderError::Refused(reason),
		payer::OrderError::Uncertain => OrderError::Uncertain,
		payer::OrderError::NotTaken => OrderError::NotTaken,
		payer::OrderError::NotDelivered => OrderError::NotDelivered,
		payer::OrderError::CalledOff => OrderError::CalledOff,
		payer::OrderError::BadReceipt => OrderError::BadReceipt,
		payer::OrderError::Withheld => OrderError::Withheld,
		payer::OrderError::Stopping => OrderError::Stopping,
		payer::OrderError::Unrecorded => OrderError::Unrecorded,
		_ => OrderError::Uncertain,
	}
}

fn receipt_progress(account: payer::Account) -> ReceiptProgress {
	let settlement = match account.settlement {
		payer::Settlement::Queued => Settlement::Queued,
		payer::Settlement::Assigned => Settlement::Assigned,
		payer::Settlement::Escrowed { fee } => Settlement::Escrowed { fee },
		payer::Settlement::Settled { fee, shares } => Settlement::Settled { fee, shares },
		payer::Settlement::Refunded(reason) => Settlement::Refunded {
			reason: match reason {
				RefundReason::NoMiner => "no_miner",
				RefundReason::Expired => "expired",
				RefundReason::Cancelled => "cancelled",
				RefundReason::Condemned => "condemned",
			}
			.into(),
		},
	};
	let audit = account.audit.map(|audit| AuditProgress {
		audit: audit.audit,
		phase: match audit.phase {
			Some(Phase::Scheduled { .. }) => "scheduled",
			Some(Phase::Committing { .. }) => "committing",
			Some(Phase::Revealing { .. }) => "revealing",
			Some(Phase::Escrowed { .. }) => "escrowed",
			Some(Phase::Concluded { .. }) | None => "concluded",
		}
		.into(),
		verdict: audit.verdict,
	});
	ReceiptProgress {
		placement: Placement {
			task: account.task,
			request_id: account.request_id,
			miner: account
				.miner
				.map_or_else(String::new, |miner| address(&miner)),
		},
		receipt: account.receipt,
		settlement,
		transaction_fee: account.transaction_fee,
		audit,
		block: account.block,
	}
}
